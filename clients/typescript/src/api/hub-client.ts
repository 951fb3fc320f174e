/**
 * A game's hub over HTTP, for one peer: a request each. Types are those of the API (shapes.ts). What the hub refuses, and
 * that it cannot be reached, is a HubRefusal.
 */
import { randomUUID } from "node:crypto";
import * as limits from "../lobby/limits.ts";
import type * as shapes from "./types.ts";

/** `code` is one of the API's, or `unreachable`. */
export class HubRefusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly retry_after_s: number | null;

  constructor({ code, title, detail, status, retry_after_s }: Omit<shapes.Problem, "type">) {
    super(detail === undefined ? title : `${title} ${detail}`);
    this.name = "HubRefusal";
    this.code = code;
    this.status = status;
    this.retry_after_s = retry_after_s ?? null;
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
/** Parameters of the list, like `{"data[map]": "forest", "order": "-updated_at"}`. */
export type Query = Readonly<Record<string, string>>;

export class Hub {
  readonly url: string;
  readonly game: string;
  /** Secret; null until there is an identity. */
  token: string | null;

  constructor(url: string, game: string, token: string | null = null) {
    this.url = url.replace(/\/+$/, "");
    this.game = game;
    this.token = token;
  }

  // --- identity ------------------------------------------------------------------------------------------------

  /** A new anonymous identity, which this hub is asked with from now on. */
  async identify(): Promise<shapes.Identity> {
    const identity = await this.ask<shapes.Identity>("POST", "/peers");
    this.token = identity.peer_token;
    return identity;
  }

  sidecars = (): Promise<shapes.SidecarList> => this.ask("GET", "/sidecars");

  // --- lobbies -------------------------------------------------------------------------------------------------

  list(query: Query = {}): Promise<shapes.Page> {
    const search = new URLSearchParams(query).toString();
    return this.ask("GET", `/lobbies${search === "" ? "" : `?${search}`}`);
  }

  read = (id: string): Promise<shapes.Lobby> => this.ask("GET", `/lobbies/${id}`);
  create = (said: shapes.NewLobby): Promise<shapes.Joined> => this.ask("POST", "/lobbies", said);
  change = (id: string, said: shapes.LobbyPatch): Promise<shapes.Lobby> => this.ask("PATCH", `/lobbies/${id}`, said);
  end = (id: string): Promise<void> => this.ask("DELETE", `/lobbies/${id}`);

  join = (id: string, said: shapes.Joining = {}): Promise<shapes.Joined | shapes.Pending> =>
    this.ask("POST", `/lobbies/${id}/members`, said);
  joinByCode = (said: shapes.JoiningByCode): Promise<shapes.Joined | shapes.Pending> =>
    this.ask("POST", "/join-by-code", said);
  quickJoin = (said: shapes.QuickJoining): Promise<shapes.Joined | shapes.Pending> =>
    this.ask("POST", "/quick-join", said);
  createOrJoin = (key: string, said: shapes.NewLobby): Promise<shapes.Joined | shapes.Pending> =>
    this.ask("PUT", `/lobbies/by-key/${key}`, said);

  /** Oneself, to leave; for the host anybody, to kick. */
  remove = (id: string, peer: string, ban = false): Promise<void> =>
    this.ask("DELETE", `/lobbies/${id}/members/${peer}${ban ? "?ban=lobby" : ""}`);
  changeMember = (id: string, peer: string, said: shapes.MemberPatch): Promise<shapes.Member> =>
    this.ask("PATCH", `/lobbies/${id}/members/${peer}`, said);
  admit = (id: string, peer: string): Promise<shapes.Member> => this.ask("PUT", `/lobbies/${id}/applicants/${peer}`);
  turnAway = (id: string, peer: string): Promise<void> => this.ask("DELETE", `/lobbies/${id}/applicants/${peer}`);
  handOver = (id: string, said: shapes.Handover): Promise<shapes.Lobby> => this.ask("PUT", `/lobbies/${id}/host`, said);
  heartbeat = (id: string): Promise<void> => this.ask("POST", `/lobbies/${id}/heartbeat`);

  // -------------------------------------------------------------------------------------------------------------

  /** Below the game. What got no answer is asked again: a POST carries a key by which it is done once. */
  async ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    // A connection that was kept would lead nowhere once this machine has changed its network, and say so late.
    const headers = {
      connection: "close",
      ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
      ...(body !== undefined && { "content-type": type }),
      ...(method === "POST" && { "idempotency-key": randomUUID() }),
    };
    const said = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const answer = await this.#answerTo(`${this.url}/v1/games/${this.game}${path}`, said);
    const text = await answer.text().catch(() => "");
    if (!answer.ok) throw refusalOf(answer.status, text);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  async #answerTo(url: string, said: RequestInit): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        return await fetch(url, { ...said, signal: AbortSignal.timeout(limits.ANSWER_MS * 2 ** (tries - 1)) });
      } catch (error) {
        const status = 0;
        if (tries < limits.REQUESTS_MAX) await new Promise((done) => setTimeout(done, limits.AGAIN_MS * 2 ** tries));
        else throw new HubRefusal({ code: "unreachable", title: `The hub does not answer: ${String(error)}.`, status });
      }
    }
  }
}

function refusalOf(status: number, text: string): HubRefusal {
  try {
    const problem = JSON.parse(text) as shapes.Problem;
    if (typeof problem.code === "string" && typeof problem.title === "string")
      return new HubRefusal({ ...problem, status });
  } catch {
    // Somebody between us and the hub has answered.
  }
  return new HubRefusal({ code: "unreachable", title: `Something that is no hub answered ${status}.`, status });
}
