/**
 * Calls of hubs: with one retry where Cloudflare says that a retry helps, and with the metadata of the HTTP request that
 * causes them. The hub checks rate limit, ban and idempotency key itself, so that a request costs one call.
 */
import type { RateLimitClass } from "#shared/rate-limit/rate-limiter.ts";
import { type Env, hubCount } from "../env.ts";
import { problem, problemDocument, toResponse } from "../problem.ts";
import {
  type IdempotencyKey,
  type Limited,
  type Refused,
  retryAfter,
  type RequestMeta,
  type RpcResult,
} from "../rpc.ts";
import { isStorageFault } from "../storage-fault.ts";
import type { Ctx } from "./context.ts";
import { findHub, type HubStub, registerGame } from "./games.ts";
import { rateLimitKey } from "./access/source.ts";
import { limitSource } from "./access/source-limits.ts";

export type { HubStub };

/** The hub cannot answer now. */
export class HubUnavailable extends Error {
  /** The failure of its storage, if that is the reason. */
  readonly storage_fault: unknown;

  constructor(storage_fault?: unknown) {
    super();
    this.storage_fault = storage_fault;
  }
}

/** Retries once if the error is retryable, and never if the Durable Object is overloaded. */
async function retrying<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (overloaded === true) throw new HubUnavailable();
      if (isStorageFault(error)) throw new HubUnavailable(error);
      if (retryable !== true) throw error;
      if (attempt > 0) throw new HubUnavailable();
    }
  }
}

/** Calls one hub; each attempt gets a new stub. */
export const callHub = <T>(env: Env, game: string, shard: number, call: (hub: HubStub) => Promise<T>): Promise<T> =>
  retrying(async () => call(await findHub(env, game, shard)));

/** Gives the game of this request its own hubs. Returns the refusal if the deployment has too many games. */
export async function openGame(c: Ctx): Promise<Response | null> {
  const subject = c.var.trusted ? null : rateLimitKey(c);
  const result = await retrying(() => registerGame(c.env, c.var.game, subject));
  return "refused" in result ? refusalResponse(c, result) : null;
}

/** Calls all hubs of a game at once. Returns their results by shard. */
export const callEveryHub = <T>(env: Env, game: string, call: (hub: HubStub) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: hubCount(env) }, (_, shard) => callHub(env, game, shard, call)));

/** Calls one hub for the client of this request. Returns the value, or the refusal as a response. */
export async function callForRequest<T>(
  c: Ctx,
  shard: number,
  cost: RateLimitClass | null,
  call: (hub: HubStub, meta: RequestMeta) => Promise<RpcResult<T>>,
  // If a request makes several calls, only the response to all of them may be stored under its idempotency key.
  replayable = true,
): Promise<T | Response> {
  const idempotency = replayable ? await parseIdempotencyKey(c) : null;
  if (idempotency instanceof Response) return idempotency;
  const meta: RequestMeta = { ...rateLimitKey(c), cost: c.var.trusted ? null : cost, idempotency };
  const crowded = limitSource(c.env, meta);
  if (crowded !== null) return refusalResponse(c, crowded);
  const result = await callHub(c.env, c.var.game, shard, (hub) => call(hub, meta));
  if (result.rate_limit !== null) c.set("rateLimit", result.rate_limit);
  c.set("replayed", result.replayed);
  return "refused" in result ? refusalResponse(c, result) : result.value;
}

export function refusalResponse(c: Ctx, result: Refused & Limited): Response {
  if (result.rate_limit !== null) c.set("rateLimit", result.rate_limit);
  return toResponse(problemDocument(result.refused, result.detail, retryAfter(result)));
}

/** Calls all hubs of the game at once; only the first call is rate limited. Returns the values by shard, or a refusal. */
export async function callAllHubs<T>(
  c: Ctx,
  cost: RateLimitClass | null,
  call: (hub: HubStub, meta: RequestMeta) => Promise<RpcResult<T>>,
): Promise<T[] | Response> {
  const shards = Array.from({ length: hubCount(c.env) }, (_, shard) => shard);
  const results = await Promise.all(
    shards.map((shard) => callForRequest(c, shard, shard === 0 ? cost : null, call, false)),
  );
  const refused = results.find((result) => result instanceof Response);
  return refused ?? (results as T[]);
}

/**
 * The `Idempotency-Key` of a POST (draft-ietf-httpapi-idempotency-key-header-07): a quoted string, or the bare text that
 * most clients send. A key belongs to a peer, so that a request without a token has none.
 */
export async function parseIdempotencyKey(c: Ctx): Promise<IdempotencyKey | null | Response> {
  const header = c.req.method === "POST" ? c.req.header("idempotency-key") : undefined;
  const { peer } = c.var;
  if (header === undefined || peer === null) return null;
  const key = /^"?([\x21\x23-\x7e]{1,128})"?$/.exec(header)?.[1];
  if (key === undefined) return problem("invalid_request", "Idempotency-Key: 1 to 128 visible characters expected");
  const request = new TextEncoder().encode(`${c.req.path}\n${c.var.body}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", request));
  return { key: `${peer} ${key}`, hash: btoa(String.fromCharCode(...hash)) };
}
