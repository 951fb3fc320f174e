/**
 * Authentication, and the headers that describe the rate limit. A sidecar shows one of the configured keys, a peer the
 * token of `POST /peers`; operators are in access/operators.ts. The Worker checks them, so that a request without one wakes no hub.
 */
import { GAME_PATTERN } from "#shared/limits.ts";
import { rateHeaders } from "#shared/rate-limit/rate-limiter.ts";
import { type Deprecation, deprecationHeaders, type Operation } from "#shared/api/operations/operation.ts";
import { FAULTS_MAX, isReservedKey } from "#shared/schema/faults.ts";
import type { Ctx, Middleware } from "./context.ts";
import { isServed, keysOf } from "../env.ts";
import { malformed, problem } from "../problem.ts";
import { peerOfToken } from "../auth/tokens.ts";
import { bearer, checkKey, keyRequired } from "./access/keys.ts";

/** Validates the game in the path, which this deployment must serve, and sets `c.var.game`. */
export const requireGame: Middleware = async (c, next) => {
  const game = c.req.param("game") ?? "";
  if (!GAME_PATTERN.test(game))
    return problem("invalid_request", "game: lowercase letters, digits and hyphens expected");
  if (!isServed(c.env, game)) return problem("game_not_found");
  c.set("game", game);
  return next();
};

/** Refuses query parameters that the operation does not have: a misspelt one must not be ignored. */
export function knownParameters({ id, parameters = [] }: Operation): Middleware {
  const known = new Set(parameters.filter((one) => one.in === "query").map(({ name }) => name));
  return async (c, next) => {
    // The list's filters are open; shared/listing/query.ts checks them.
    const names = id === "listLobbies" ? [] : new URL(c.req.url).searchParams.keys();
    const unknown = [...names].filter((name) => !known.has(name) && !isReservedKey(name));
    if (unknown.length === 0) return next();
    const named = unknown.map((name) => (/^\w{1,32}$/.test(name) ? `?${name}` : "?"));
    return malformed(named.slice(0, FAULTS_MAX).map((pointer) => ({ pointer, message: "this parameter is unknown" })));
  };
}

/** Says in every response of a deprecated operation when it ends, and what replaces it. */
export const announceDeprecation =
  (deprecated: Deprecation): Middleware =>
  async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(deprecationHeaders(deprecated))) c.res.headers.append(name, value);
  };

/** Requires a peer's token and sets `c.var.peer`. */
export const requirePeer: Middleware = async (c, next) => {
  const peer = await authenticatedPeer(c);
  if (peer === null) return peerTokenRequired();
  c.set("peer", peer);
  return next();
};

/** Accepts a request without a token or key, and refuses one with an invalid token or key. */
export const optionalPeer: Middleware = async (c, next) => {
  const peer = await authenticatedPeer(c);
  const trusted = peer === null && c.req.header("authorization") !== undefined;
  if (trusted) {
    const checked = await checkKey(c, "link", sidecarKeys(c), peerTokenRequired);
    if (checked instanceof Response) return checked;
  }
  c.set("peer", peer);
  c.set("trusted", trusted);
  return next();
};

/** Adds the headers RateLimit, RateLimit-Policy and Idempotency-Replayed to the response. */
export const rateLimitHeaders: Middleware = async (c, next) => {
  c.set("peer", null);
  c.set("trusted", false);
  c.set("body", "");
  c.set("rateLimit", null);
  c.set("replayed", false);
  await next();
  const { rateLimit, replayed } = c.var;
  const headers = rateLimit === null ? {} : rateHeaders(rateLimit);
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
  if (replayed) c.res.headers.set("idempotency-replayed", "true");
};

/** Requires a sidecar's key. */
export const requireSidecar: Middleware = async (c, next) => {
  const checked = await checkKey(c, "link", sidecarKeys(c), () => keyRequired("a sidecar's", "parley link"));
  if (checked instanceof Response) return checked;
  c.set("trusted", true);
  return next();
};

function sidecarKeys({ env, var: { requestId: request_id } }: Ctx): { key: string }[] {
  const keys = keysOf("SIDECAR_KEYS", env).map((key) => ({ key }));
  if (keys.length === 0)
    console.error({ message: "SIDECAR_KEYS has no usable key: no sidecar can connect", request_id });
  return keys;
}

/** The peer that the request's token belongs to, or null. */
async function authenticatedPeer(c: Ctx): Promise<string | null> {
  const shown = bearer(c.req.header("authorization") ?? null);
  return shown === null ? null : peerOfToken(c.env, c.var.game, shown, Date.now());
}

const peerTokenRequired = (): Response =>
  problem("unauthorized", "a peer token of this game is required: get one by POST /v1/games/{game}/peers", {
    "www-authenticate": 'Bearer realm="parley"',
  });
