/**
 * Anonymous reads of lists and lobbies are answered before the router from responses of the last seconds, so that
 * requests of hubs depend on the number of distinct queries and not on the number of readers:
 *
 *     memory of this isolate -> cache of this Cloudflare location (EDGE_CACHE=on) -> router, hub
 *
 * A response is fresh for READ_FRESH_MS. After that it is used until READ_STALE_MS while one request renews it. Requests
 * that ask the same at the same time share one request of the hub. Responses from here do not count against the rate
 * limit, which protects hubs; a request that reaches the hub does.
 */
import { READ_FRESH_MS } from "#shared/limits.ts";
import { randomId } from "../../auth/random.ts";
import type { Env } from "../../env.ts";
import { lastChange } from "../../lists/game-changes.ts";
import { type CacheableRead, CacheableReads } from "./cacheable-read.ts";
import { readEdge, writeEdge } from "./edge-cache.ts";
import { ReadMemory } from "./read-memory.ts";
import { isUsable, responseFromCache, responseTo, type StoredRead, storedReadOf } from "./stored-read.ts";

/** The request's environment; `answer` is the router. */
export type ReadContext = {
  readonly env: Pick<Env, "EDGE_CACHE">;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly answer: (request: Request) => Promise<Response>;
};

/** What a request to the hub came to. `response`: that of the client who caused it, who alone may be refused. */
type Filled = { readonly stored: StoredRead | null; readonly response: Response | null };
type Filling = { readonly version: number; readonly stored: Promise<StoredRead | null> };

export class AnonymousReads {
  readonly #reads = new CacheableReads();
  readonly #memory = new ReadMemory();
  /** By key: what is being requested now. */
  readonly #filling = new Map<string, Filling>();
  /** Made at the first request, because the platform has no random numbers before. */
  #isolate: string | null = null;

  /** Null if the request is no anonymous read: then the router answers it. */
  respond(request: Request, context: ReadContext): Response | Promise<Response> | null {
    if (request.method !== "GET" && request.method !== "HEAD") return null;
    const read = request.headers.has("authorization") ? null : this.#reads.parse(request.url);
    if (read === null) return null;
    const now = Date.now();
    const stored = this.#memory.get(read.key);
    return stored !== undefined && isUsable(stored, now)
      ? this.#use(stored, read, request, context, now)
      : this.#load(read, request, context);
  }

  #use(stored: StoredRead, read: CacheableRead, request: Request, context: ReadContext, now: number): Response {
    if (now - stored.at > READ_FRESH_MS && this.#current(read) === null) void this.#start(read, request, context, true);
    return responseFromCache(stored, request, now);
  }

  async #load(read: CacheableRead, request: Request, context: ReadContext): Promise<Response> {
    const current = this.#current(read);
    if (current === null) {
      const { stored, response } = await this.#start(read, request, context, false);
      if (stored === null) return response!;
      if (response !== null) return responseTo(request, stored, response.headers);
      return this.#use(stored, read, request, context, Date.now());
    }
    const stored = await current.stored;
    // Another client was refused, perhaps for its own rate.
    return stored === null ? context.answer(request) : responseFromCache(stored, request, Date.now());
  }

  /** What is being requested, unless the game has changed since: nobody may miss a change that it knows of. */
  #current({ key, game }: CacheableRead): Filling | null {
    const filling = this.#filling.get(key);
    return filling?.version === lastChange(game).version ? filling : null;
  }

  /** Requests a response. It continues when the client is gone, because others may wait for it. */
  #start(read: CacheableRead, request: Request, context: ReadContext, must_be_fresh: boolean): Promise<Filled> {
    const { version } = lastChange(read.game);
    const filled = this.#fill(read, request, context, must_be_fresh).finally(() => {
      if (this.#filling.get(read.key) === filling) this.#filling.delete(read.key);
    });
    const stored = filled.then(
      (result) => result.stored,
      () => null,
    );
    const filling: Filling = { version, stored };
    this.#filling.set(read.key, filling);
    context.waitUntil(stored);
    return filled;
  }

  async #fill(read: CacheableRead, request: Request, context: ReadContext, must_be_fresh: boolean): Promise<Filled> {
    const { key, game } = read;
    const isolate = (this.#isolate ??= randomId());
    const has_edge = context.env.EDGE_CACHE === "on";
    const found = has_edge ? await readEdge(key, game, isolate) : null;
    const now = Date.now();
    if (found !== null && isUsable(found, now) && (!must_be_fresh || now - found.at <= READ_FRESH_MS)) {
      this.#memory.put(key, found);
      return { stored: found, response: null };
    }
    // If the game changes while the hub is asked, the response is of an older version, and is not used again.
    const from = { game, at: now, version: lastChange(game).version };
    const response = await context.answer(plainRequest(read, request));
    const stored = await storedReadOf(response, from);
    if (stored === null) return { stored, response };
    this.#memory.put(key, stored);
    if (has_edge && isUsable(stored, Date.now())) context.waitUntil(writeEdge(key, stored, isolate));
    return { stored, response };
  }
}

/** The same request for the whole response, in the spelling of the key. */
function plainRequest({ url }: CacheableRead, request: Request): Request {
  const headers = new Headers(request.headers);
  headers.delete("if-none-match");
  return new Request(url, { headers });
}
