/** What the routes about one lobby share: finding its hub, and building the response for the peer. */
import type { LobbyView } from "#shared/api/lobbies.ts";
import { HEARTBEAT_S, SESSION_TICKET_S } from "#shared/limits.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { RateLimitClass } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { shardCount, shardHolding } from "../../env.ts";
import { LIST_CACHE } from "./list-lobbies.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { signProof } from "../../auth/proofs.ts";
import { sign } from "../../auth/tokens.ts";
import type { LobbyResult, LobbySelector } from "../../rpc.ts";

/** The authenticated peer. Only for routes behind `requirePeer`. */
export const peerId = (c: Ctx): string => c.var.peer!;

/** The shard that holds the lobbies that this peer hosts. */
export const homeShard = (c: Ctx): number => shardOf("native", peerId(c), shardCount(c.env));

/** The lobby in the path and its shard, or null if no such shard exists. */
export function lobbyInPath(c: Ctx): { readonly id: string; readonly shard: number } | null {
  const id = c.req.param("id") ?? "";
  const shard = shardHolding(c.env, id);
  return shard === null ? null : { id, shard };
}

/** Applies the peer's event to the lobby in the path. */
export async function applyToLobby(c: Ctx, cost: RateLimitClass, event: Event): Promise<LobbyResult | Response> {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  return applyEvent(c, lobby.shard, cost, { id: lobby.id }, event);
}

export const applyEvent = (
  c: Ctx,
  shard: number,
  cost: RateLimitClass | null,
  target: LobbySelector,
  event: Event,
  replayable = true,
): Promise<LobbyResult | Response> =>
  callForRequest<LobbyResult>(c, shard, cost, (hub, meta) => hub.applyEvent(meta, target, event), replayable);

/** The lobby as the peer may see it. The `etag` middleware answers 304 if the client has this revision. */
export function lobbyResponse(c: Ctx, view: LobbyView): Response {
  const etag = etagOf(view);
  const own = view.data_rules !== undefined;
  const cache = own ? "private, no-cache" : LIST_CACHE;
  const headers = { etag, "cache-control": cache, vary: "Authorization" };
  return c.json(view, 200, headers);
}

/**
 * A strong ETag must differ between host, members and others, because they see different fields (RFC 9110 section
 * 8.8.1).
 */
const etagOf = ({ revision, applicants, data_rules }: LobbyView): string =>
  `"v${revision}${applicants !== undefined ? "" : data_rules !== undefined ? "-m" : "-s"}"`;

/** The revisions of `If-Match`, or nothing if any will do. Unknown ETags match nothing (412). */
export function ifMatch(c: Ctx): { readonly expected?: readonly number[] } {
  const header = c.req.header("if-match");
  if (header === undefined || header.trim() === "*") return {};
  const tags = header.split(",").map((tag) => /^"v([0-9]{1,15})(?:-[ms])?"$/.exec(tag.trim())?.[1]);
  return { expected: tags.flatMap((digits) => (digits === undefined ? [] : [Number(digits)])) };
}

/** 201 or 200 with everything that a member needs, or 202 if the host must admit the peer. */
export async function joinResponse(c: Ctx, result: LobbyResult): Promise<Response> {
  const { id, at, view, joined, waits_until } = result;
  if (waits_until !== null) {
    return c.json({ status: "pending", lobby_id: id, expires_at: new Date(waits_until).toISOString() }, 202);
  }
  const peer = peerId(c);
  // Counted from the join, so that a retried request gets the same ticket.
  const expires_at_s = Math.floor(at / 1_000) + SESSION_TICKET_S;
  const proof = await signProof(c.env, {
    game: c.var.game,
    lobby: id,
    peer,
    issued_at_s: expires_at_s - SESSION_TICKET_S,
    expires_at_s,
  });
  const ticket = await sign(c.env, { purpose: "session", game: c.var.game, lobby: id, peer, expires_at_s });
  const member = view!.members.find(({ peer_id }) => peer_id === peer);
  const body = { status: "joined", lobby: view, member, heartbeat_s: HEARTBEAT_S };
  const headers = { location: `/v1/games/${c.var.game}/lobbies/${id}`, etag: etagOf(view!) };
  const secrets = {
    ...(ticket !== null && { session_ticket: ticket.text }),
    ...(proof !== null && { membership_proof: proof }),
  };
  return c.json({ ...body, ...secrets }, joined ? 201 : 200, headers);
}
