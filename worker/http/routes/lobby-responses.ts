/** What all routes about one lobby share: which hub holds it, and how it is shown to whoever asks. */
import type { LobbyView } from "#shared/api/lobbies.ts";
import { HEARTBEAT_S, SESSION_TICKET_S } from "#shared/limits.ts";
import { shardOf, shardOfId } from "#shared/lobby/ids.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { Toll } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { shardsOf } from "../../env.ts";
import { LIST_CACHE } from "./list-lobbies.ts";
import type { Entry, Target } from "../../hub/lobby-commands.ts";
import { through } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { sign } from "../../auth/tokens.ts";

/** The peer who showed his token; only behind `needsPeer`. */
export const peerOf = (c: Ctx): string => c.var.peer!;

/** The shard where this peer's own lobbies are. */
export const homeOf = (c: Ctx): number => shardOf("native", peerOf(c), shardsOf(c.env));

/** The lobby of the path and the shard that holds it, or null where no hub could. */
export function lobbyOf(c: Ctx): { readonly id: string; readonly shard: number } | null {
  const id = c.req.param("id") ?? "";
  const shard = shardOfId(id);
  return shard === null || shard >= shardsOf(c.env) ? null : { id, shard };
}

/** What this peer does to the lobby of the path. */
export async function act(c: Ctx, toll: Toll, event: Event): Promise<Entry | Response> {
  const lobby = lobbyOf(c);
  if (lobby === null) return problem("lobby_not_found");
  return actOn(c, lobby.shard, toll, { id: lobby.id }, event);
}

export const actOn = (
  c: Ctx,
  shard: number,
  toll: Toll | null,
  target: Target,
  event: Event,
  repeatable = true,
): Promise<Entry | Response> => through<Entry>(c, shard, toll, (hub, pass) => hub.act(pass, target, event), repeatable);

/** The lobby as its reader sees it; whoever has this revision of it gets 304. */
export function shown(c: Ctx, view: LobbyView): Response {
  const etag = tagOf(view);
  const own = view.entries !== undefined;
  const cache = own ? "private, no-cache" : LIST_CACHE;
  const headers = { etag, "cache-control": cache, vary: "Authorization" };
  const known = c.req.method === "GET" ? (c.req.header("if-none-match") ?? "").split(",").map((tag) => tag.trim()) : [];
  if (known.some((tag) => tag === "*" || tag.replace(/^W\//, "") === etag)) return c.body(null, 304, headers);
  return c.json(view, 200, headers);
}

/** Strong, so of what this reader sees: host, members and strangers see different things (RFC 9110 section 8.8.1). */
const tagOf = ({ revision, applicants, entries }: LobbyView): string =>
  `"v${revision}${applicants !== undefined ? "" : entries !== undefined ? "-m" : "-s"}"`;

/** Revisions of which a change may be; undefined where any will do. A tag that is none of ours is none of them. */
export function expectedBy(c: Ctx): { readonly expected?: readonly number[] } {
  const header = c.req.header("if-match");
  if (header === undefined || header.trim() === "*") return {};
  const tags = header.split(",").map((tag) => /^"v([0-9]{1,15})(?:-[ms])?"$/.exec(tag.trim())?.[1]);
  return { expected: tags.flatMap((digits) => (digits === undefined ? [] : [Number(digits)])) };
}

/** Who came in is told all that he needs now; who waits is told where. */
export async function entered(c: Ctx, entry: Entry): Promise<Response> {
  const { id, at, view, fresh, waits_until } = entry;
  if (waits_until !== null) {
    return c.json({ status: "pending", lobby_id: id, expires_at: new Date(waits_until).toISOString() }, 202);
  }
  const peer = peerOf(c);
  // Of the moment when he came in: whoever repeats his request is given the same ticket.
  const expires_at_s = Math.floor(at / 1_000) + SESSION_TICKET_S;
  const ticket = await sign(c.env, { purpose: "session", game: c.var.game, lobby: id, peer, expires_at_s });
  const member = view!.roster.find(({ peer_id }) => peer_id === peer);
  const body = { status: "joined", lobby: view, member, heartbeat_s: HEARTBEAT_S };
  const headers = { location: `/v1/games/${c.var.game}/lobbies/${id}`, etag: tagOf(view!) };
  return c.json({ ...body, ...(ticket !== null && { session_ticket: ticket.text }) }, fresh ? 201 : 200, headers);
}
