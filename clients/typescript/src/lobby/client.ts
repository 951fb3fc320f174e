/** A client: an anonymous identity with one game's hub, which makes and joins lobbies. */
import { isIPv4 } from "node:net";
import { ReflexiveProbe } from "../connect/reflexive-probe.ts";
import { HubClient } from "../api/hub-client.ts";
import { LobbyMembership, type LobbyMembershipOptions } from "./membership.ts";
import type { Identity, Joined, Joining, NewLobby, Pending, QuickJoining, Sidecar } from "../api/types.ts";
import { RETRY_MS, ADMISSION_TIMEOUT_MS } from "./limits.ts";

export type ParleyClientOptions = LobbyMembershipOptions & {
  /** Like https://lobby.example.com */
  readonly url: string;
  readonly game?: string;
};

/** How to get into a lobby: by its id, by its join code, or into any that is like this. */
export type JoinTarget =
  | ({ readonly id: string } & Joining)
  | ({ readonly code: string; readonly id?: never } & Joining)
  | QuickJoining;

export class ParleyClient {
  readonly hub: HubClient;
  /** Public; it grants nothing. */
  readonly id: string;
  readonly #options: LobbyMembershipOptions;
  readonly #probe: ReflexiveProbe;
  #sidecars: readonly Sidecar[];
  readonly #memberships = new Set<LobbyMembership>();

  private constructor(hub: HubClient, { peer_id, udp_token, sidecars }: Identity, options: LobbyMembershipOptions) {
    this.hub = hub;
    this.id = peer_id;
    this.#options = options;
    this.#sidecars = sidecars;
    this.#probe = new ReflexiveProbe(() => this.#sidecars.map((sidecar) => withAddress(sidecar, hub.url)), udp_token);
  }

  static async open({ url, game = "default", ...options }: ParleyClientOptions): Promise<ParleyClient> {
    const hub = new HubClient(url, game);
    const client = new ParleyClient(hub, await hub.createIdentity(), options);
    // What the router lets in is known long before it is needed, and nobody waits for it.
    void client.#probe.testFiltering().catch(() => {});
    return client;
  }

  host = async (said: NewLobby): Promise<LobbyMembership> => this.#openMembership(await this.hub.createLobby(said));

  /** Where the host admits each one, it waits for him. */
  async join(where: JoinTarget): Promise<LobbyMembership> {
    const began = performance.now();
    for (;;) {
      const joined = await this.#requestJoin(where);
      if (joined.status === "joined") return this.#openMembership(joined);
      if (performance.now() - began > ADMISSION_TIMEOUT_MS) throw new Error("nobody has admitted this client");
      await new Promise((done) => setTimeout(done, 4 * RETRY_MS));
    }
  }

  /** Leaves every lobby. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#memberships, (membership) => membership.leave()));
  }

  #requestJoin(where: JoinTarget): Promise<Joined | Pending> {
    if ("id" in where && where.id !== undefined) {
      const { id, ...said } = where;
      return this.hub.join(id, said);
    }
    if ("code" in where && where.code !== undefined) return this.hub.joinByCode({ ...where, code: where.code });
    return this.hub.quickJoin(where);
  }

  /** From the moment when the hub tells what happens there. */
  async #openMembership(joined: Joined): Promise<LobbyMembership> {
    const membership = new LobbyMembership(this.hub, this.id, joined, this.#probe, this.#options);
    this.#memberships.add(membership);
    membership.on("over", () => this.#memberships.delete(membership));
    membership.on("opened", () => {
      // Sidecars come and go.
      void this.hub.listSidecars().then(
        ({ sidecars }) => (this.#sidecars = sidecars),
        () => {},
      );
    });
    await new Promise<void>((done, failed) => {
      membership.once("opened", done);
      membership.once("over", (why) => failed(new Error(`the lobby is over: ${why}`)));
    });
    return membership;
  }
}

/** A sidecar that does not know its own address is where its hub is, if that is at a number: a house on one machine. */
function withAddress(sidecar: Sidecar, hub: string): Sidecar {
  if (sidecar.v4.length > 0 || sidecar.v6.length > 0) return sidecar;
  const host = new URL(hub).hostname.replace("localhost", "127.0.0.1");
  return isIPv4(host) ? { ...sidecar, v4: [host] } : sidecar;
}
