/** The client of one game for browsers: paths over WebRTC. */
import { HubClient } from "../api/hub-client.ts";
import type { MemberPaths, Network, NetworkWatch, PathsSetup } from "../api/member-paths.ts";
import { identify, LobbyClient, type LobbyClientOptions } from "../lobby/client.ts";
import type { LobbyMembership as Membership } from "../lobby/membership.ts";
import { WebConnector } from "../webrtc/connector.ts";
import { IceServerList } from "../webrtc/ice-servers.ts";
import { BrowserNetworkWatch } from "./network-watch.ts";
import type { WebPeer } from "../webrtc/peer.ts";

export type LobbyMembership = Membership<WebPeer>;
export type ParleyClientOptions = LobbyClientOptions;

export class ParleyClient extends LobbyClient<WebPeer> {
  /** Keeps the identity in `sessionStorage` by default, so that a reload of the page keeps the seats. */
  static async open({ storage, topology = "mesh", ...options }: ParleyClientOptions): Promise<ParleyClient> {
    if (!isSecureContext)
      throw new Error("Open the page over https or from localhost: elsewhere browsers have no WebCrypto.");
    const hub = new HubClient(options.url, options.game);
    const kept = storage === undefined ? sessionStorage : storage;
    const identity = await identify(hub, kept, options.proof);
    return new ParleyClient(hub, identity.peer_id, new WebNetwork(hub), topology);
  }
}

class WebNetwork implements Network<WebPeer> {
  readonly kinds = ["webrtc"] as const;
  readonly #iceServers: IceServerList;

  constructor(hub: HubClient) {
    this.#iceServers = new IceServerList(hub);
  }

  openPaths(setup: PathsSetup<WebPeer>): MemberPaths<WebPeer> {
    return new WebConnector({
      ...setup,
      iceServers: this.#iceServers,
      create: (options) => new RTCPeerConnection(options),
    });
  }

  watch(onChange: () => void): NetworkWatch {
    return new BrowserNetworkWatch(onChange);
  }

  /** The servers are renewed before they expire. */
  refresh(): void {}

  close(): void {}
}
