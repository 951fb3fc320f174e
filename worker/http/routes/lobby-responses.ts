/** What all routes about one lobby share: which hub holds it, and how it is shown to whoever asks. */
import type { LobbyView } from "#shared/api/lobbies.ts";
import { HEARTBEAT_S, SESSION_TICKET_S } from "#shared/limits.ts";
import { shardOf, shardOfId } from "#shared/lobby/ids.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { RateLimitClass } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { shardCount } from "../../env.ts";
import { LIST_CACHE } from "./list-lobbies.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { sign } from "../../auth/tokens.ts";
import type { LobbyResult, LobbySelector } from "../../rpc.ts";

/** The peer who showed his token; only behind `needsPeer`. */
export const peerId = (c: Ctx): string => c.var.peer!;

/** The shard where this peer's own lobbies are. */
export const homeShard = (c: Ctx): number => shardOf("native", peerId(c), shardCount(c.env));

/** The lobby of the path and the shard that holds it, or null where no hub could. */
export function lobbyInPath(c: Ctx): { readonly id: string; readonly shard: number } | null {
  const id = c.req.param("id") ?? "";
  const shard = shardOfId(id);
  return shard === null || shard >= shardCount(c.env) ? null : { id, shard };
}

/** What this peer does to the lobby of the path. */
export async function applyToLobby(c: Ctx, toll: RateLimitClass, event: Event): Promise<LobbyResult | Response> {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  return applyEvent(c, lobby.shard, toll, { id: lobby.id }, event);
}

export const applyEvent = (
  c: Ctx,
  shard: number,
  toll: RateLimitClass | null,
  target: LobbySelector,
  event: Event,
  repeatable = true,
): Promise<LobbyResult | Response> =>
  callForRequest<LobbyResult>(c, shard, toll, (hub, pass) => hub.applyEvent(pass, target, event), repeatable);

/** The lobby as its reader sees it; whoever has this revision of it gets 304. */
export function lobbyResponse(c: Ctx, view: LobbyView): Response {
  const etag = etagOf(view);
  const own = view.entries !== undefined;
  const cache = own ? "private, no-cache" : LIST_CACHE;
  const headers = { etag, "cache-control": cache, vary: "Authorization" };
  const known = c.req.method === "GET" ? (c.req.header("if-none-match") ?? "").split(",").map((tag) => tag.trim()) : [];
  if (known.some((tag) => tag === "*" || tag.replace(/^W\//, "") === etag)) return c.body(null, 304, headers);
  return c.json(view, 200, headers);
}

/** Strong, so of what this reader sees: host, members and strangers see different things (RFC 9110 section 8.8.1). */
const etagOf = ({ revision, applicants, entries }: LobbyView): string =>
  `"v${revision}${applicants !== undefined ? "" : entries !== undefined ? "-m" : "-s"}"`;

/** Revisions of which a change may be; undefined where any will do. A tag that is none of ours is none of them. */
export function ifMatch(c: Ctx): { readonly expected?: readonly number[] } {
  const header = c.req.header("if-match");
  if (header === undefined || header.trim() === "*") return {};
  const tags = header.split(",").map((tag) => /^"v([0-9]{1,15})(?:-[ms])?"$/.exec(tag.trim())?.[1]);
  return { expected: tags.flatMap((digits) => (digits === undefined ? [] : [Number(digits)])) };
}

/** Who came in is told all that he needs now; who waits is told where. */
export async function joinResponse(c: Ctx, entry: LobbyResult): Promise<Response> {
  const { id, at, view, joined: fresh, waits_until } = entry;
  if (waits_until !== null) {
    return c.json({ status: "pending", lobby_id: id, expires_at: new Date(waits_until).toISOString() }, 202);
  }
  const peer = peerId(c);
  // Of the moment when he came in: whoever repeats his request is given the same ticket.
  const expires_at_s = Math.floor(at / 1_000) + SESSION_TICKET_S;
  const ticket = await sign(c.env, { purpose: "session", game: c.var.game, lobby: id, peer, expires_at_s });
  const member = view!.roster.find(({ peer_id }) => peer_id === peer);
  const body = { status: "joined", lobby: view, member, heartbeat_s: HEARTBEAT_S };
  const headers = { location: `/v1/games/${c.var.game}/lobbies/${id}`, etag: etagOf(view!) };
  return c.json({ ...body, ...(ticket !== null && { session_ticket: ticket.text }) }, fresh ? 201 : 200, headers);
}
