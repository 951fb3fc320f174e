/**
 * Limits of a source that do not depend on the game: what it may request of all games together, and how many wrong keys
 * it may show. They are in the Worker's memory, so they apply before a hub is called. Cloudflare may run several Workers.
 */
import { SHARED_SOURCE_FACTOR } from "#shared/limits.ts";
import { type Budgets, RateLimiter } from "#shared/rate-limit/rate-limiter.ts";
import { budgetsOf, type Env } from "../../env.ts";
import type { Limited, Refused, RequestMeta } from "../../rpc.ts";

/** The limiter of the current setting. A Worker's settings do not change while it runs. */
let cached: { readonly setting: string; readonly limiter: RateLimiter } | null = null;

/** The refusal of a source that requests too much of all games together, or null. */
export function limitSource(env: Env, { cost, source }: RequestMeta): (Refused & Limited) | null {
  const rate_limit = cost === null ? null : limiterOf(env).consume(cost, { peer: null, source }, Date.now());
  return rate_limit?.allowed === false ? { refused: "rate_limited", rate_limit } : null;
}

/** Whose wrong keys are counted: an operator's, or a sidecar's. */
export type KeyKind = "key" | "link";

/** Whether this source may show a key. If the source is unknown, its wrong keys cannot be counted. */
export const mayShowKey = (env: Env, kind: KeyKind, source: string | null): boolean =>
  limiterOf(env).canConsume(kind, { peer: null, source }, Date.now());

export const countWrongKey = (env: Env, kind: KeyKind, source: string | null): void =>
  void limiterOf(env).consume(kind, { peer: null, source }, Date.now());

function limiterOf(env: Env): RateLimiter {
  const setting = env.RATE_LIMITS ?? "";
  if (cached?.setting !== setting) cached = { setting, limiter: new RateLimiter(shared(budgetsOf(env))) };
  return cached.limiter;
}

/** The budgets of a source that several peers share. */
function shared(budgets: Budgets | null): Budgets | null {
  if (budgets === null) return null;
  const entries = Object.entries(budgets).map(([name, { per_s, burst }]) => [
    name,
    { per_s: per_s * SHARED_SOURCE_FACTOR, burst: burst * SHARED_SOURCE_FACTOR },
  ]);
  return { ...(Object.fromEntries(entries) as Budgets), key: budgets.key, link: budgets.link };
}
