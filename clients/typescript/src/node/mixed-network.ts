/** UDP for native members and WebRTC for browsers, in one lobby. A member's announced paths decide. */
import type { ConnectOptions, MemberPaths, Network, NetworkWatch, PathsSetup } from "../api/member-paths.ts";
import type { HubClient } from "../api/hub-client.ts";
import type { Peer } from "../connect/peer.ts";
import { WebConnector } from "../webrtc/connector.ts";
import type { CreateConnection } from "../webrtc/engine.ts";
import { IceServerList } from "../webrtc/ice-servers.ts";
import type { WebPeer } from "../webrtc/peer.ts";

export class MixedNetwork implements Network<Peer | WebPeer> {
  readonly kinds = ["udp", "webrtc"] as const;
  readonly #udp: Network<Peer>;
  readonly #iceServers: IceServerList;
  readonly #create: CreateConnection;

  constructor(udp: Network<Peer>, hub: HubClient, create: CreateConnection) {
    this.#udp = udp;
    this.#iceServers = new IceServerList(hub);
    this.#create = create;
  }

  openPaths(setup: PathsSetup<Peer | WebPeer>): MemberPaths<Peer | WebPeer> {
    const isBrowser = (id: string): boolean => {
      const kinds = setup.kindsOf(id);
      return kinds !== undefined && !kinds.includes("udp");
    };
    const web = { iceServers: this.#iceServers, create: this.#create, handles: isBrowser };
    const udp = this.#udp.openPaths({ ...setup, handles: (id) => !isBrowser(id) });
    return new MixedPaths(udp, new WebConnector({ ...setup, ...web }), isBrowser);
  }

  watch(onChange: () => void): NetworkWatch {
    return this.#udp.watch(onChange);
  }

  refresh(): void {
    this.#udp.refresh();
  }

  close(): void {
    this.#udp.close();
  }
}

class MixedPaths implements MemberPaths<Peer | WebPeer> {
  readonly #udp: MemberPaths<Peer>;
  readonly #web: MemberPaths<WebPeer>;
  readonly #isBrowser: (id: string) => boolean;

  constructor(udp: MemberPaths<Peer>, web: MemberPaths<WebPeer>, isBrowser: (id: string) => boolean) {
    this.#udp = udp;
    this.#web = web;
    this.#isBrowser = isBrowser;
  }

  get peers(): (Peer | WebPeer)[] {
    return [...this.#udp.peers, ...this.#web.peers];
  }

  connect(id: string, options: ConnectOptions): Peer | WebPeer {
    return this.#isBrowser(id) ? this.#web.connect(id, options) : this.#udp.connect(id, options);
  }

  handleEvent(type: string, data: Readonly<Record<string, unknown>>): boolean {
    const isWeb = type === "signal" || this.#isBrowser(String(data["peer_id"]));
    return (isWeb ? this.#web : this.#udp).handleEvent(type, data);
  }

  async resume(): Promise<void> {
    await Promise.all(this.#both.map((paths) => paths.resume()));
  }

  expectRequests(): void {
    this.#udp.expectRequests();
  }

  networkChanged(): void {
    for (const paths of this.#both) paths.networkChanged();
  }

  memberLeft(id: string): void {
    for (const paths of this.#both) paths.memberLeft(id);
  }

  close(): void {
    for (const paths of this.#both) paths.close();
  }

  get #both(): readonly [MemberPaths<Peer>, MemberPaths<WebPeer>] {
    return [this.#udp, this.#web];
  }
}
