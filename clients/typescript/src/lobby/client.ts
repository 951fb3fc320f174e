/**
 * The client of one game, without its platform's paths: an anonymous identity at the game's hub that creates and joins
 * lobbies. Each platform's `ParleyClient` extends it (node/client.ts, web/client.ts).
 */
import { type HubClient, HubRefusal } from "../api/hub-client.ts";
import type { MemberPeer, Network } from "../api/member-paths.ts";
import { LobbyMembership } from "./membership.ts";
import { connectMembers, type Topology } from "./topology.ts";
import type { Identity, Joined, Joining, Me, NewLobby, NewPeer, Pending, QuickJoining, Tokens } from "../api/types.ts";
import { ADMISSION_POLL_MS, ADMISSION_TIMEOUT_MS } from "./limits.ts";

export type LobbyClientOptions = {
  /** For example https://lobby.example.com */
  readonly url: string;
  readonly game?: string;
  /** Keeps the identity, and with it the seats. Default: none in Node, `sessionStorage` in browsers. */
  readonly storage?: IdentityStorage | null;
  /** Returns a proof of the user's identity, where the game has providers. Called when a new identity is needed. */
  readonly proof?: ProofSource;
  /** Which members connect by themselves. Default: `none` in Node, `mesh` in browsers. */
  readonly topology?: Topology;
};

/** For example an ID token of OpenID Connect, or a Steam ticket in hexadecimal. */
export type ProofSource = () => Promise<NonNullable<NewPeer["proof"]>>;

/** For example a browser's `localStorage`. It holds a secret. */
export type IdentityStorage = {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
};

/** The lobby to join: by id, by join code, or any lobby that matches (quick join). */
export type JoinTarget =
  | ({ readonly id: string } & Joining)
  | ({ readonly code: string; readonly id?: never } & Joining)
  | QuickJoining;

export type Credentials = Tokens & Partial<Pick<Identity, "sidecars">>;

/** Takes the stored identity, with new tokens, or creates one. Rejects with a HubRefusal. */
export async function identify(
  hub: HubClient,
  storage: IdentityStorage | null = null,
  proof?: ProofSource,
): Promise<Credentials> {
  const key = `parley ${hub.url} ${hub.game}`;
  const token = storage?.getItem(key) ?? null;
  const credentials = (token === null ? null : await renew(hub, token)) ?? (await hub.createIdentity(await proof?.()));
  storage?.setItem(key, credentials.peer_token);
  return credentials;
}

/** null: the token has expired, or the hub's keys have changed. */
async function renew(hub: HubClient, token: string): Promise<Tokens | null> {
  hub.token = token;
  try {
    return await hub.renewTokens();
  } catch (error) {
    hub.token = null;
    if (error instanceof HubRefusal && error.status === 401) return null;
    throw error;
  }
}

export abstract class LobbyClient<P extends MemberPeer> {
  readonly hub: HubClient;
  /** The public peer id. It grants nothing. */
  readonly id: string;
  readonly #network: Network<P>;
  readonly #topology: Topology;
  readonly #memberships = new Set<LobbyMembership<P>>();

  protected constructor(hub: HubClient, id: string, network: Network<P>, topology: Topology) {
    this.hub = hub;
    this.id = id;
    this.#network = network;
    this.#topology = topology;
  }

  host = async (settings: NewLobby): Promise<LobbyMembership<P>> =>
    this.#openMembership(await this.hub.createLobby({ ...this.#announced, ...settings }));

  /** Joins a lobby. If the host must approve, this waits for the approval for up to a minute. */
  async join(where: JoinTarget): Promise<LobbyMembership<P>> {
    const began = performance.now();
    for (;;) {
      const joined = await this.#requestJoin(where);
      if (joined.status === "joined") return this.#openMembership(joined);
      if (performance.now() - began > ADMISSION_TIMEOUT_MS)
        throw new Error("the host did not approve this client within a minute");
      await new Promise((done) => setTimeout(done, ADMISSION_POLL_MS));
    }
  }

  /** The lobbies in which this identity still has a seat, after a restart of the game or a reload of its page. */
  async resume(): Promise<LobbyMembership<P>[]> {
    const { seats } = await this.hub.request<Me>("GET", "/peers/me");
    const open = new Set(Array.from(this.#memberships, ({ lobby }) => lobby.id));
    const lost = seats.filter(({ lobby_id }) => !open.has(lobby_id));
    return Promise.all(lost.map(({ lobby_id: id }) => this.join({ id })));
  }

  /** Leaves every lobby. */
  async close(): Promise<void> {
    this.#network.close();
    await Promise.all(Array.from(this.#memberships, (membership) => membership.leave()));
  }

  #requestJoin(where: JoinTarget): Promise<Joined | Pending> {
    const announced = this.#announced;
    if ("id" in where && where.id !== undefined) {
      const { id, ...joining } = where;
      return this.hub.join(id, { ...announced, ...joining });
    }
    if ("code" in where && where.code !== undefined)
      return this.hub.joinByCode({ ...announced, ...where, code: where.code });
    const { create_if_none: created } = where as QuickJoining;
    const creating = created === undefined ? {} : { create_if_none: { ...announced, ...created } };
    return this.hub.quickJoin({ ...announced, ...where, ...creating });
  }

  get #announced(): Pick<NewLobby, "paths"> {
    return { paths: this.#network.kinds };
  }

  /** Resolves once the event stream of the lobby is open. */
  async #openMembership(joined: Joined): Promise<LobbyMembership<P>> {
    const membership = new LobbyMembership(this.hub, this.id, joined, this.#network);
    this.#memberships.add(membership);
    membership.on("over", () => this.#memberships.delete(membership));
    membership.on("opened", () => this.#network.refresh());
    connectMembers(membership, this.#topology);
    await new Promise<void>((done, failed) => {
      membership.once("opened", done);
      membership.once("over", (why) => failed(new Error(`the lobby ended: ${why}`)));
    });
    return membership;
  }
}
