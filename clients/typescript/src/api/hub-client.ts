/**
 * The HTTP client for one game at its hub, one method per operation, with the types of the API (types.ts). A refusal of
 * the hub, or an unreachable hub, rejects with a HubRefusal.
 */
import { randomUUID } from "node:crypto";
import * as limits from "./limits.ts";
import type * as types from "./types.ts";

/** `code` is one of the API's codes, or `unreachable`. */
export class HubRefusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly retry_after_s: number | null;

  constructor({ code, title, detail, status, retry_after_s }: Omit<types.Problem, "type">) {
    super(detail === undefined ? title : `${title} ${detail}`);
    this.name = "HubRefusal";
    this.code = code;
    this.status = status;
    this.retry_after_s = retry_after_s ?? null;
  }
}

const BYTES = "application/octet-stream";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/** Query parameters of the list, such as `{"data[map]": "forest", "order": "-updated_at"}`. */
export type LobbyQuery = Readonly<Record<string, string>>;

export class HubClient {
  readonly url: string;
  readonly game: string;
  /** The peer token, a secret; null before `createIdentity`. */
  token: string | null;

  constructor(url: string, game: string, token: string | null = null) {
    this.url = url.replace(/\/+$/, "");
    this.game = game;
    this.token = token;
  }

  // --- identity ------------------------------------------------------------------------------------------------

  /** Creates an anonymous identity and uses its token from now on. */
  async createIdentity(): Promise<types.Identity> {
    const identity = await this.request<types.Identity>("POST", "/peers");
    this.token = identity.peer_token;
    return identity;
  }

  listSidecars = (): Promise<types.SidecarList> => this.request("GET", "/sidecars");

  // --- lobbies -------------------------------------------------------------------------------------------------

  listLobbies(query: LobbyQuery = {}): Promise<types.Page> {
    const search = new URLSearchParams(query).toString();
    return this.request("GET", `/lobbies${search === "" ? "" : `?${search}`}`);
  }

  getLobby = (id: string): Promise<types.Lobby> => this.request("GET", `/lobbies/${id}`);
  createLobby = (body: types.NewLobby): Promise<types.Joined> => this.request("POST", "/lobbies", body);
  updateLobby = (id: string, body: types.LobbyPatch): Promise<types.Lobby> =>
    this.request("PATCH", `/lobbies/${id}`, body);
  endLobby = (id: string): Promise<void> => this.request("DELETE", `/lobbies/${id}`);

  join = (id: string, body: types.Joining = {}): Promise<types.Joined | types.Pending> =>
    this.request("POST", `/lobbies/${id}/members`, body);
  joinByCode = (body: types.JoiningByCode): Promise<types.Joined | types.Pending> =>
    this.request("POST", "/join-by-code", body);
  quickJoin = (body: types.QuickJoining): Promise<types.Joined | types.Pending> =>
    this.request("POST", "/quick-join", body);
  createOrJoin = (key: string, body: types.NewLobby): Promise<types.Joined | types.Pending> =>
    this.request("PUT", `/lobbies/by-key/${key}`, body);

  /** Leaves the lobby, or, as host, kicks a member. */
  removeMember = (id: string, peer: string, ban = false): Promise<void> =>
    this.request("DELETE", `/lobbies/${id}/members/${peer}${ban ? "?ban=lobby" : ""}`);
  updateMember = (id: string, peer: string, body: types.MemberPatch): Promise<types.Member> =>
    this.request("PATCH", `/lobbies/${id}/members/${peer}`, body);
  admitApplicant = (id: string, peer: string): Promise<types.Member> =>
    this.request("PUT", `/lobbies/${id}/applicants/${peer}`);
  rejectApplicant = (id: string, peer: string): Promise<void> =>
    this.request("DELETE", `/lobbies/${id}/applicants/${peer}`);
  transferHost = (id: string, body: types.HostTransfer): Promise<types.Lobby> =>
    this.request("PUT", `/lobbies/${id}/host`, body);
  /** Replaces the lobby's snapshot, as the host of this term. */
  putSnapshot = async (id: string, term: number, bytes: Uint8Array, readers = "members"): Promise<types.Snapshot> => {
    const path = `/lobbies/${id}/snapshot?term=${term}&readers=${readers}`;
    return (await this.#send("PUT", path, { "content-type": BYTES }, bytes)).json() as Promise<types.Snapshot>;
  };
  /** The lobby's snapshot, and the term of the host that wrote it. */
  getSnapshot = async (id: string): Promise<{ readonly bytes: Uint8Array; readonly term: number }> => {
    const response = await this.#send("GET", `/lobbies/${id}/snapshot`, {});
    return { bytes: await response.bytes(), term: Number(response.headers.get("parley-term")) };
  };
  heartbeat = (id: string): Promise<void> => this.request("POST", `/lobbies/${id}/heartbeat`);

  // -------------------------------------------------------------------------------------------------------------

  /**
   * Sends one request below the game's path. It is retried if there is no response; a POST carries an idempotency key.
   */
  async request<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = {
      ...(body !== undefined && { "content-type": type }),
      ...(method === "POST" && { "idempotency-key": randomUUID() }),
    };
    const answer = await this.#send(method, path, headers, body === undefined ? undefined : JSON.stringify(body));
    const text = await answer.text().catch(() => "");
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  async #send(
    method: Method,
    path: string,
    extra: Record<string, string>,
    body?: string | Uint8Array,
  ): Promise<Response> {
    // A kept-alive connection would be dead after a change of network, and fail late.
    const headers = {
      connection: "close",
      ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
      ...extra,
    };
    const init = { method, headers, ...(body !== undefined && { body: body as NonNullable<RequestInit["body"]> }) };
    const answer = await this.#answerTo(`${this.url}/v1/games/${this.game}${path}`, init);
    if (!answer.ok) throw refusalOf(answer.status, await answer.text().catch(() => ""));
    return answer;
  }

  async #answerTo(url: string, init: RequestInit): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        return await fetch(url, { ...init, signal: AbortSignal.timeout(limits.REQUEST_TIMEOUT_MS * 2 ** (tries - 1)) });
      } catch (error) {
        const status = 0;
        if (tries < limits.REQUESTS_MAX) await new Promise((done) => setTimeout(done, limits.RETRY_MS * 2 ** tries));
        else throw new HubRefusal({ code: "unreachable", title: `The hub does not answer: ${String(error)}.`, status });
      }
    }
  }
}

function refusalOf(status: number, text: string): HubRefusal {
  try {
    const problem = JSON.parse(text) as types.Problem;
    if (typeof problem.code === "string" && typeof problem.title === "string")
      return new HubRefusal({ ...problem, status });
  } catch {
    // The response is not from a hub but from something between.
  }
  return new HubRefusal({
    code: "unreachable",
    title: `The response with status ${status} is not from a Parley hub.`,
    status,
  });
}
