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
import { READ_FRESH_MS, READ_STALE_MS } from "#shared/limits.ts";
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
/** A request to the hub; nobody waits for it after `until`; `stored` is set when it has come to something. */
type Filling = { readonly version: number; readonly until: number; stored?: StoredRead | null };
/** How often a request looks whether another one that it waits for has come to something. */
const LOOK_MS = 5;

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
    const stored = await resultOf(current);
    // Another client was refused, perhaps for its own rate, or has no answer yet.
    return stored === null ? context.answer(request) : responseFromCache(stored, request, Date.now());
  }

  /** What is being requested, unless the game has changed since: nobody may miss a change that it knows of. */
  #current({ key, game }: CacheableRead): Filling | null {
    const filling = this.#filling.get(key);
    const isCurrent = filling?.version === lastChange(game).version && performance.now() < filling.until;
    return isCurrent ? filling : null;
  }

  /** Requests a response. It continues when the client is gone, because others may wait for it. */
  #start(read: CacheableRead, request: Request, context: ReadContext, must_be_fresh: boolean): Promise<Filled> {
    const filling: Filling = { version: lastChange(read.game).version, until: performance.now() + READ_STALE_MS };
    this.#filling.set(read.key, filling);
    const end = (stored: StoredRead | null): void => {
      if (this.#filling.get(read.key) === filling) this.#filling.delete(read.key);
      filling.stored = stored;
    };
    const filled = this.#fill(read, request, context, must_be_fresh);
    context.waitUntil(
      filled.then(
        ({ stored }) => end(stored),
        () => end(null),
      ),
    );
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

/**
 * Waits for what another client's request comes to; null if that takes too long. It must not await a promise of the other
 * request: workerd then continues this one within the other, which may end first, and this one gets no response.
 */
async function resultOf(filling: Filling): Promise<StoredRead | null> {
  while (filling.stored === undefined && performance.now() < filling.until) await scheduler.wait(LOOK_MS);
  return filling.stored ?? null;
}

/** The same request for the whole response, in the spelling of the key. */
function plainRequest({ url }: CacheableRead, request: Request): Request {
  const headers = new Headers(request.headers);
  headers.delete("if-none-match");
  return new Request(url, { headers });
}
