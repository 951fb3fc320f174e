/**
 * Authentication, and the headers that describe the rate limit. A sidecar or operator shows one of the configured keys,
 * a peer the token of `POST /peers`. The Worker checks them, so that a request without one wakes no hub.
 */
import { forwardedAddress } from "#shared/net/forwarded.ts";
import { CODE_RETRY_AFTER_S, GAME_PATTERN } from "#shared/limits.ts";
import { type RateLimitSubject, rateHeaders } from "#shared/rate-limit/rate-limiter.ts";
import type { Operation } from "#shared/api/operations/operation.ts";
import { FAULTS_MAX, isReservedKey } from "#shared/schema/faults.ts";
import type { Ctx, Middleware } from "./context.ts";
import { type Env, isServed, keysOf } from "../env.ts";
import { malformed, problem } from "../problem.ts";
import { peerOfToken } from "../auth/tokens.ts";
import { countWrongKey, type KeyKind, mayShowKey } from "./source-limits.ts";

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
    const checked = await checkKey(c, "link", sidecarKeys(c.env));
    if (checked !== "valid") return checked === "wrong" ? peerTokenRequired() : tooManyKeys();
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

/**
 * The subject of the rate limit. Of several addresses in the header the last counts: the client may have sent the
 * others.
 */
export function rateLimitKey(c: Ctx): RateLimitSubject {
  const named = proxyHeader(c);
  return { peer: c.var.peer, source: named === undefined ? null : forwardedAddress(named) };
}

/**
 * Refuses a request whose proxy names a client without an address. Otherwise bans and rate limits of addresses would not
 * apply to it. Requests without the header did not pass the proxy.
 */
export const requireSource: Middleware = async (c, next) => {
  const named = proxyHeader(c);
  if (named === undefined || forwardedAddress(named) !== null) return next();
  const header = c.env.SOURCE_HEADER!;
  console.error({ message: "SOURCE_HEADER has no address: configure the proxy to send one", header });
  return problem("invalid_request", `${header}: the proxy in front of the hub sent no address`);
};

function proxyHeader(c: Ctx): string | undefined {
  const header = c.env.SOURCE_HEADER ?? "";
  return header === "" ? undefined : c.req.header(header);
}

/** Requires an operator's key. Without ADMIN_KEYS every admin route returns 401. */
export const requireAdmin: Middleware = async (c, next) => {
  const checked = await checkKey(c, "key", keysOf("ADMIN_KEYS", c.env));
  if (checked !== "valid") return checked === "wrong" ? keyRequired("an operator's", "parley admin") : tooManyKeys();
  c.set("trusted", true);
  return next();
};

/** Requires a sidecar's key. */
export const requireSidecar: Middleware = async (c, next) => {
  const checked = await checkKey(c, "link", sidecarKeys(c.env));
  if (checked !== "valid") return checked === "wrong" ? keyRequired("a sidecar's", "parley link") : tooManyKeys();
  c.set("trusted", true);
  return next();
};

/** A source that has shown too many wrong keys is refused before its key is compared. */
async function checkKey(c: Ctx, kind: KeyKind, keys: readonly string[]): Promise<"valid" | "wrong" | "refused"> {
  const { source } = rateLimitKey(c);
  if (!mayShowKey(c.env, kind, source)) return "refused";
  if (await hasKey(c.req.raw, keys)) return "valid";
  if (c.req.header("authorization") !== undefined) countWrongKey(c.env, kind, source);
  return "wrong";
}

const keyRequired = (whose: string, realm: string): Response =>
  problem("unauthorized", `${whose} key is required`, { "www-authenticate": `Bearer realm="${realm}"` });

const tooManyKeys = (): Response =>
  problem("rate_limited", "too many wrong keys", { "retry-after": String(CODE_RETRY_AFTER_S) });

function sidecarKeys(env: Env): string[] {
  const keys = keysOf("SIDECAR_KEYS", env);
  if (keys.length === 0) console.error({ message: "SIDECAR_KEYS has no usable key: no sidecar can connect" });
  return keys;
}

/** Compares digests, and always with every key, so that the duration reveals nothing. */
async function hasKey(request: Request, keys: readonly string[]): Promise<boolean> {
  const shown = bearer(request.headers.get("authorization"));
  if (shown === null) return false;
  const digest_shown = await digest(shown);
  let found = false;
  for (const key of keys) {
    if (crypto.subtle.timingSafeEqual(digest_shown, await digest(key))) found = true;
  }
  return found;
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

/** The credential of RFC 6750 section 2.1. The scheme is case-insensitive. */
function bearer(header: string | null): string | null {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? "")?.[1] ?? null;
}

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
