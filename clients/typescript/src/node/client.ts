/** The client of one game for Node: datagram paths over UDP. */
import { HttpTransport } from "../api/http-transport.ts";
import { HubClient } from "../api/hub-client.ts";
import { Connector } from "../connect/connector.ts";
import type { Peer } from "../connect/peer.ts";
import { ReflexiveProbe } from "../probe/reflexive-probe.ts";
import type { MemberPaths, Network, NetworkWatch, PathsSetup } from "../api/member-paths.ts";
import { type Credentials, identify, LobbyClient, type LobbyClientOptions } from "../lobby/client.ts";
import type { LobbyMembership as Membership } from "../lobby/membership.ts";
import type { Topology } from "../lobby/topology.ts";
import { SidecarList } from "../lobby/sidecar-list.ts";
import { AddressWatch } from "./address-watch.ts";
import { diagnose } from "./diagnosis.ts";
import type { WebPeer } from "../webrtc/peer.ts";
import { MixedNetwork } from "./mixed-network.ts";
import { loadWebrtc } from "./webrtc-engine.ts";

export type LobbyMembership<P extends Peer | WebPeer = Peer> = Membership<P>;

export type ParleyClientOptions = LobbyClientOptions & {
  /** May a plan use some hundred sockets and some thousand datagrams as a last resort? Default true. */
  readonly birthday?: boolean;
  /**
   * Connect to browsers as well. Needs the package node-datachannel. Then a peer is a `Peer`, or a `WebPeer` if it is a
   * browser. Default false.
   */
  readonly webrtc?: boolean;
};

export class ParleyClient<P extends Peer | WebPeer = Peer> extends LobbyClient<P> {
  static open(options: ParleyClientOptions & { readonly webrtc?: false }): Promise<ParleyClient>;
  static open(options: ParleyClientOptions): Promise<ParleyClient<Peer | WebPeer>>;
  /** Rejects with a HubRefusal; or with an Error if `webrtc` is set and its package is not installed. */
  static async open(options: ParleyClientOptions): Promise<ParleyClient<Peer | WebPeer>> {
    const create = options.webrtc === true ? await loadWebrtc() : null;
    const hub = new HubClient(options.url, options.game, null, new HttpTransport(options.url));
    const identity = await identify(hub, options.storage, options.proof);
    const udp = new UdpNetwork(hub, identity, options.birthday ?? true);
    const network = create === null ? udp : new MixedNetwork(udp, hub, create);
    return new ParleyClient<Peer | WebPeer>(hub, identity.peer_id, network, udp, options.topology ?? "none");
  }

  readonly #udp: UdpNetwork;

  private constructor(hub: HubClient, id: string, network: Network<P>, udp: UdpNetwork, topology: Topology) {
    super(hub, id, network, topology);
    this.#udp = udp;
  }

  /** What this machine's network can do, in sentences that a player can send to support. */
  diagnose = (): Promise<string> => this.#udp.diagnose();
}

class UdpNetwork implements Network<Peer> {
  readonly kinds = ["udp"] as const;
  readonly #hub: HubClient;
  readonly #sidecars: SidecarList;
  readonly #probe: ReflexiveProbe;
  readonly #birthday: boolean;

  constructor(hub: HubClient, { sidecars = [], udp_token }: Credentials, birthday: boolean) {
    this.#hub = hub;
    this.#sidecars = new SidecarList(hub, sidecars);
    this.#probe = new ReflexiveProbe(this.#sidecars, udp_token);
    this.#birthday = birthday;
    // Start the NAT filtering test early, so that its result is known before the first connection.
    void this.#probe.testFiltering().catch(() => {});
  }

  openPaths(setup: PathsSetup<Peer>): MemberPaths<Peer> {
    if (setup.session_ticket !== null) void this.#probe.isUdpOpen(setup.session_ticket).catch(() => {});
    return new Connector({ ...setup, probe: this.#probe, birthday: this.#birthday });
  }

  watch(onChange: () => void): NetworkWatch {
    return new AddressWatch(onChange);
  }

  diagnose(): Promise<string> {
    return diagnose(this.#hub, this.#sidecars, this.#probe);
  }

  refresh(): void {
    void this.#sidecars.refresh();
  }

  close(): void {
    this.#sidecars.close();
  }
}
