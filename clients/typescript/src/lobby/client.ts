/** The client of one game: an anonymous identity at the game's hub that creates and joins lobbies. */
import { ReflexiveProbe } from "../probe/reflexive-probe.ts";
import { HubClient } from "../api/hub-client.ts";
import { SidecarList } from "./sidecar-list.ts";
import { LobbyMembership, type LobbyMembershipOptions } from "./membership.ts";
import type { Identity, Joined, Joining, NewLobby, Pending, QuickJoining } from "../api/types.ts";
import { ADMISSION_POLL_MS, ADMISSION_TIMEOUT_MS } from "./limits.ts";

export type ParleyClientOptions = LobbyMembershipOptions & {
  /** For example https://lobby.example.com */
  readonly url: string;
  readonly game?: string;
};

/** The lobby to join: by id, by join code, or any lobby that matches (quick join). */
export type JoinTarget =
  | ({ readonly id: string } & Joining)
  | ({ readonly code: string; readonly id?: never } & Joining)
  | QuickJoining;

export class ParleyClient {
  readonly hub: HubClient;
  /** The public peer id. It grants nothing. */
  readonly id: string;
  readonly #options: LobbyMembershipOptions;
  readonly #probe: ReflexiveProbe;
  readonly #sidecars: SidecarList;
  readonly #memberships = new Set<LobbyMembership>();

  private constructor(hub: HubClient, { peer_id, udp_token, sidecars }: Identity, options: LobbyMembershipOptions) {
    this.hub = hub;
    this.id = peer_id;
    this.#options = options;
    this.#sidecars = new SidecarList(hub, sidecars);
    this.#probe = new ReflexiveProbe(this.#sidecars, udp_token);
  }

  static async open({ url, game = "default", ...options }: ParleyClientOptions): Promise<ParleyClient> {
    const hub = new HubClient(url, game);
    const client = new ParleyClient(hub, await hub.createIdentity(), options);
    // Start the NAT filtering test early, so that its result is known before the first connection.
    void client.#probe.testFiltering().catch(() => {});
    return client;
  }

  host = async (settings: NewLobby): Promise<LobbyMembership> =>
    this.#openMembership(await this.hub.createLobby(settings));

  /** Joins a lobby. If the host must approve, this waits for the approval for up to a minute. */
  async join(where: JoinTarget): Promise<LobbyMembership> {
    const began = performance.now();
    for (;;) {
      const joined = await this.#requestJoin(where);
      if (joined.status === "joined") return this.#openMembership(joined);
      if (performance.now() - began > ADMISSION_TIMEOUT_MS)
        throw new Error("the host did not approve this client within a minute");
      await new Promise((done) => setTimeout(done, ADMISSION_POLL_MS));
    }
  }

  /** Leaves every lobby. */
  async close(): Promise<void> {
    this.#sidecars.close();
    await Promise.all(Array.from(this.#memberships, (membership) => membership.leave()));
  }

  #requestJoin(where: JoinTarget): Promise<Joined | Pending> {
    if ("id" in where && where.id !== undefined) {
      const { id, ...joining } = where;
      return this.hub.join(id, joining);
    }
    if ("code" in where && where.code !== undefined) return this.hub.joinByCode({ ...where, code: where.code });
    return this.hub.quickJoin(where);
  }

  /** Resolves once the event stream of the lobby is open. */
  async #openMembership(joined: Joined): Promise<LobbyMembership> {
    const membership = new LobbyMembership(this.hub, this.id, joined, this.#probe, this.#options);
    this.#memberships.add(membership);
    membership.on("over", () => this.#memberships.delete(membership));
    // The set of sidecars may have changed.
    membership.on("opened", () => void this.#sidecars.refresh());
    await new Promise<void>((done, failed) => {
      membership.once("opened", done);
      membership.once("over", (why) => failed(new Error(`the lobby ended: ${why}`)));
    });
    return membership;
  }
}
