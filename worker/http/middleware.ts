/**
 * Who may pass. A sidecar shows one of SIDECAR_KEYS, checked in the Worker before a hub is woken; a peer shows the
 * token that `POST /peers` gave him.
 */
import { canonicalAddress } from "#shared/net/endpoint.ts";
import { GAME_PATTERN } from "#shared/limits.ts";
import { type RateLimitSubject, rateHeaders } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx, Middleware } from "./context.ts";
import { type Env, parseKeys } from "../env.ts";
import { problem } from "../problem.ts";
import { peerOfToken } from "../auth/tokens.ts";

/** The game of the path, for everything behind it. */
export const requireGame: Middleware = async (c, next) => {
  const game = c.req.param("game") ?? "";
  if (!GAME_PATTERN.test(game)) return problem("invalid_request", "game: small letters, digits and hyphens expected");
  c.set("game", game);
  return next();
};

/** Only for a peer who shows his token; `c.var.peer` is his id. */
export const requirePeer: Middleware = async (c, next) => {
  const peer = await authenticatedPeer(c);
  if (peer === null) return peerTokenRequired();
  c.set("peer", peer);
  return next();
};

/** For everybody; a token or key that is shown must be good, and without one `c.var.peer` is null. */
export const optionalPeer: Middleware = async (c, next) => {
  const peer = await authenticatedPeer(c);
  const shows = c.req.header("authorization") !== undefined;
  const trusted = peer === null && shows && (await hasSidecarKey(c.req.raw, c.env));
  if (peer === null && shows && !trusted) return peerTokenRequired();
  c.set("peer", peer);
  c.set("trusted", trusted);
  return next();
};

/** Says on every answer what it cost, and whether it had been given before. */
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

/** Who pays for this request. Of a list of addresses the last one counts: the others are what the client claimed. */
export function rateLimitKey(c: Ctx): RateLimitSubject {
  const header = c.env.SOURCE_HEADER ?? "";
  const named = header === "" ? undefined : c.req.header(header)?.split(",").at(-1)?.trim();
  return { peer: c.var.peer, source: named === undefined ? null : canonicalAddress(named) };
}

/** Only for operators. Without ADMIN_KEYS the door is shut for everybody. */
export const requireAdmin: Middleware = async (c, next) => {
  if (await hasKey(c.req.raw, c.env.ADMIN_KEYS)) return next();
  return problem("unauthorized", "an operator's key is expected", {
    "www-authenticate": 'Bearer realm="parley admin"',
  });
};

export async function hasSidecarKey(request: Request, env: Env): Promise<boolean> {
  if (parseKeys(env.SIDECAR_KEYS).length === 0) {
    console.error({ message: "SIDECAR_KEYS is not set: no sidecar can connect" });
  }
  return hasKey(request, env.SIDECAR_KEYS);
}

/** Compares digests, and all of them, so that the time taken tells nothing. */
async function hasKey(request: Request, setting: string | undefined): Promise<boolean> {
  const shown = bearer(request.headers.get("authorization"));
  if (shown === null) return false;
  const given = await digest(shown);
  let found = false;
  for (const key of parseKeys(setting)) {
    if (crypto.subtle.timingSafeEqual(given, await digest(key))) found = true;
  }
  return found;
}

/** The peer of this game whose token is shown, or null. */
async function authenticatedPeer(c: Ctx): Promise<string | null> {
  const shown = bearer(c.req.header("authorization") ?? null);
  return shown === null ? null : peerOfToken(c.env, c.var.game, shown, Date.now());
}

const peerTokenRequired = (): Response =>
  problem("unauthorized", "a peer token of this game is expected: POST /v1/games/{game}/peers gives one", {
    "www-authenticate": 'Bearer realm="parley"',
  });

/** RFC 6750 section 2.1: the credential behind the word, which is as good in small letters. */
function bearer(header: string | null): string | null {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? "")?.[1] ?? null;
}

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
