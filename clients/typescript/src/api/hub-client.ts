/**
 * The HTTP client for one game at its hub, one method per operation, with the types of the API (types.ts). A refusal of
 * the hub, or an unreachable hub, rejects with a HubRefusal.
 */
import { FetchTransport, type HttpRequest, type HttpResponse, type Transport } from "./fetch-transport.ts";
import * as limits from "./limits.ts";
import type * as types from "./types.ts";

/** `code` is one of the API's codes, or `unreachable`. */
export class HubRefusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly retry_after_s: number | null;
  /** Names the request in the hub's log; null if the hub did not answer, or answered over the event stream. */
  readonly request_id: string | null;

  constructor({ code, title, detail, status, retry_after_s, request_id }: Omit<types.Problem, "type">) {
    super(detail === undefined ? title : `${title} ${detail}`);
    this.name = "HubRefusal";
    this.code = code;
    this.status = status;
    this.retry_after_s = retry_after_s ?? null;
    this.request_id = request_id ?? null;
  }
}

const UTF8 = new TextDecoder();
const BYTES = "application/octet-stream";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/** Query parameters of the list, such as `{"data[map]": "forest", "order": "-updated_at"}`. */
export type LobbyQuery = Readonly<Record<string, string>>;

export class HubClient {
  readonly url: string;
  readonly game: string;
  /** The peer token, a secret; null before `createIdentity`. */
  token: string | null;
  readonly #transport: Transport;

  constructor(url: string, game = "default", token: string | null = null, transport: Transport = new FetchTransport()) {
    this.url = url.replace(/\/+$/, "");
    this.game = game;
    this.token = token;
    this.#transport = transport;
  }

  // --- identity ------------------------------------------------------------------------------------------------

  /** Creates an identity, which is anonymous without a proof, and uses its token from now on. */
  async createIdentity(proof?: types.NewPeer["proof"]): Promise<types.Identity> {
    const identity = await this.request<types.Identity>("POST", "/peers", proof === undefined ? undefined : { proof });
    this.token = identity.peer_token;
    return identity;
  }

  /** New tokens of the same peer, which are used from now on. */
  async renewTokens(): Promise<types.Tokens> {
    const tokens = await this.request<types.Tokens>("POST", "/peers/me/tokens");
    this.token = tokens.peer_token;
    return tokens;
  }

  listSidecars = (): Promise<types.SidecarList> => this.request("GET", "/sidecars");

  // --- lobbies -------------------------------------------------------------------------------------------------

  listLobbies(query: LobbyQuery = {}): Promise<types.Page> {
    const search = new URLSearchParams(query).toString();
    return this.request("GET", `/lobbies${search === "" ? "" : `?${search}`}`);
  }

  getLobby = (id: string): Promise<types.Lobby> => this.request("GET", `/lobbies/${id}`);
  createLobby = (body: types.NewLobby): Promise<types.Joined> => this.request("POST", "/lobbies", body);
  /** What a join code leads to, without joining. */
  previewByCode = (code: string): Promise<types.Summary> => this.request("GET", `/lobbies/by-code/${code}`);
  previewByKey = (key: string): Promise<types.Summary> => this.request("GET", `/lobbies/by-key/${key}`);
  listMembers = (id: string): Promise<types.MemberList> => this.request("GET", `/lobbies/${id}/members`);
  listApplicants = (id: string): Promise<types.ApplicantList> => this.request("GET", `/lobbies/${id}/applicants`);
  /** The state of an application: the own one, or for the host any. */
  getApplication = (id: string, peer: string): Promise<types.Application> =>
    this.request("GET", `/lobbies/${id}/applicants/${peer}`);
  describeNat = (reach: types.Reach): Promise<types.NatTypes> =>
    this.request("GET", `/nat?reach=${encodeURIComponent(JSON.stringify(reach))}`);
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
  removeMember = (id: string, peer: string): Promise<void> => this.request("DELETE", `/lobbies/${id}/members/${peer}`);
  /** Kicks a member; every member receives the message. */
  kickMember = (id: string, body: types.Removal): Promise<void> => this.request("POST", `/lobbies/${id}/kicks`, body);
  banMember = (id: string, body: types.Removal): Promise<void> => this.request("POST", `/lobbies/${id}/bans`, body);
  /** Reports a member of the peer's lobby to the operators. */
  reportMember = (id: string, body: types.NewReport): Promise<{ readonly report_id: string }> =>
    this.request("POST", `/lobbies/${id}/reports`, body);
  updateMember = (id: string, peer: string, body: types.MemberPatch): Promise<types.Member> =>
    this.request("PATCH", `/lobbies/${id}/members/${peer}`, body);
  admitApplicant = (id: string, peer: string): Promise<types.Lobby> =>
    this.request("POST", `/lobbies/${id}/applicants/${peer}/admit`);
  denyApplicant = (id: string, peer: string): Promise<void> =>
    this.request("POST", `/lobbies/${id}/applicants/${peer}/deny`);
  transferHost = (id: string, body: types.HostTransfer): Promise<types.Lobby> =>
    this.request("PUT", `/lobbies/${id}/host`, body);
  /** Replaces the lobby's snapshot, as the host of this term. */
  putSnapshot = async (id: string, term: number, bytes: Uint8Array, readers = "members"): Promise<types.Snapshot> => {
    const path = `/lobbies/${id}/snapshot?term=${term}&readers=${readers}`;
    const { body } = await this.#send("PUT", path, { "content-type": BYTES }, bytes);
    return JSON.parse(UTF8.decode(body)) as types.Snapshot;
  };
  /** The lobby's snapshot, and the term of the host that wrote it. */
  getSnapshot = async (id: string): Promise<{ readonly bytes: Uint8Array; readonly term: number }> => {
    const { body, header } = await this.#send("GET", `/lobbies/${id}/snapshot`, {});
    return { bytes: Uint8Array.from(body), term: Number(header("parley-term")) };
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
      ...(method === "POST" && { "idempotency-key": crypto.randomUUID() }),
    };
    const { body: answer } = await this.#send(
      method,
      path,
      headers,
      body === undefined ? undefined : JSON.stringify(body),
    );
    return (answer.length === 0 ? undefined : JSON.parse(UTF8.decode(answer))) as T;
  }

  /** This machine has another address, so its connections to the hub are dead. */
  networkChanged(): void {
    this.#transport.reset();
  }

  async #send(
    method: Method,
    path: string,
    extra: Record<string, string>,
    body?: string | Uint8Array,
  ): Promise<HttpResponse> {
    const headers = { ...(this.token !== null && { authorization: `Bearer ${this.token}` }), ...extra };
    const request = { method, headers, ...(body !== undefined && { body }) };
    const response = await this.#responseTo(`${this.url}/v1/games/${this.game}${path}`, request);
    if (response.status < 200 || response.status > 299) throw refusalOf(response.status, UTF8.decode(response.body));
    return response;
  }

  async #responseTo(url: string, request: HttpRequest): Promise<HttpResponse> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#transport.send(url, request, limits.REQUEST_TIMEOUT_MS * 2 ** (tries - 1));
      } catch (error) {
        const status = 0;
        // The first retry follows at once: the hub may just have closed a kept connection.
        const wait_ms = tries === 1 ? 0 : limits.RETRY_MS * 2 ** tries;
        if (tries < limits.REQUESTS_MAX) await new Promise((done) => setTimeout(done, wait_ms));
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
