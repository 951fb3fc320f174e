/**
 * Anonymous list requests are answered before the router from responses of the last second, so that many readers of one
 * list cost one call of its hubs. Such a response does not count against the rate limit, which protects hubs.
 */
import { LIST_MEMO_BYTES_MAX, LIST_MEMO_ENTRIES_MAX, LIST_MEMO_MS } from "#shared/limits.ts";
import { listVersion } from "../lists/list-changes.ts";

type Kept = {
  readonly at: number;
  readonly game: string;
  readonly version: number;
  readonly etag: string;
  readonly body: ArrayBuffer;
  readonly headers: Headers;
};

/** The game of a list's URL. Any other spelling is left to the router. */
const LIST_URL = /^https?:\/\/[^/]+\/v1\/games\/([a-z0-9-]+)\/lobbies(?:\?|$)/;
/** They describe the request that was answered, not the list. */
const OF_ONE_REQUEST = ["ratelimit", "ratelimit-policy"];

export class ListMemo {
  /** By URL, the oldest first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  /** Answers a list request; `answer` is the router. Null if the request is none or is not anonymous. */
  respond(request: Request, answer: (request: Request) => Promise<Response>): Response | Promise<Response> | null {
    if (request.method !== "GET") return null;
    const game = LIST_URL.exec(request.url)?.[1];
    if (game === undefined || request.headers.has("authorization")) return null;
    const known = request.headers.get("if-none-match");
    const kept = this.#fresh(request.url, Date.now());
    return kept === null ? this.#fill(request, game, known, answer) : responseOf(kept, known);
  }

  #fresh(url: string, now: number): Kept | null {
    const kept = this.#kept.get(url);
    if (kept === undefined) return null;
    if (now - kept.at <= LIST_MEMO_MS && now >= kept.at && kept.version === listVersion(kept.game)) return kept;
    this.#drop(url, kept);
    return null;
  }

  async #fill(
    request: Request,
    game: string,
    known: string | null,
    answer: (request: Request) => Promise<Response>,
  ): Promise<Response> {
    // A change while the hubs are asked makes the response one that is not kept.
    const version = listVersion(game);
    const response = await answer(known === null ? request : unconditional(request));
    const etag = response.headers.get("etag");
    if (response.status !== 200 || etag === null) return response;
    const body = await response.arrayBuffer();
    const headers = new Headers(response.headers);
    for (const name of OF_ONE_REQUEST) headers.delete(name);
    this.#keep(request.url, { at: Date.now(), game, version, etag, body, headers });
    return responseOf({ etag, body, headers: response.headers }, known);
  }

  #keep(url: string, kept: Kept): void {
    const old = this.#kept.get(url);
    if (old !== undefined) this.#drop(url, old);
    this.#kept.set(url, kept);
    this.#bytes += kept.body.byteLength;
    for (const [oldest, one] of this.#kept) {
      if (this.#kept.size <= LIST_MEMO_ENTRIES_MAX && this.#bytes <= LIST_MEMO_BYTES_MAX) return;
      this.#drop(oldest, one);
    }
  }

  #drop(url: string, kept: Kept): void {
    this.#kept.delete(url);
    this.#bytes -= kept.body.byteLength;
  }
}

function unconditional(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.delete("if-none-match");
  return new Request(request, { headers });
}

/** RFC 9110 section 13.1.2: a 304 has the headers of the 200, except those of its body. */
function responseOf({ etag, body, headers }: Pick<Kept, "etag" | "body" | "headers">, known: string | null): Response {
  if (known === null || !(known === "*" || known.includes(etag))) return new Response(body, { headers });
  const without = new Headers(headers);
  without.delete("content-type");
  return new Response(null, { status: 304, headers: without });
}
