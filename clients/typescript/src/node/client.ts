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

export type LobbyMembership = Membership<Peer>;

export type ParleyClientOptions = LobbyClientOptions & {
  /** May a plan use some hundred sockets and some thousand datagrams as a last resort? Default true. */
  readonly birthday?: boolean;
};

export class ParleyClient extends LobbyClient<Peer> {
  static async open({ birthday = true, topology = "none", ...options }: ParleyClientOptions): Promise<ParleyClient> {
    const hub = new HubClient(options.url, options.game, null, new HttpTransport(options.url));
    const identity = await identify(hub, options.storage, options.proof);
    return new ParleyClient(hub, identity.peer_id, new UdpNetwork(hub, identity, birthday), topology);
  }

  readonly #udp: UdpNetwork;

  private constructor(hub: HubClient, id: string, network: UdpNetwork, topology: Topology) {
    super(hub, id, network, topology);
    this.#udp = network;
  }

  /** What this machine's network can do, in sentences that a player can send to support. */
  diagnose = (): Promise<string> => this.#udp.diagnose();
}

class UdpNetwork implements Network<Peer> {
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
