/** What the routes about one lobby share: finding its hub, and building the response for the peer. */
import { LOBBY_KEY_PATTERN, type LobbyView } from "#shared/api/lobbies.ts";
import { HEARTBEAT_S, SESSION_TICKET_S } from "#shared/limits.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { RateLimitClass } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { shardCount, shardHolding } from "../../env.ts";
import { LIST_CACHE } from "./list-lobbies.ts";
import { callForRequest, openGame } from "../hub-client.ts";
import { type PasswordEvent, withDigest } from "../lobby-events.ts";
import { passwordDigest } from "../password.ts";
import { problem } from "../../problem.ts";
import { signProof } from "../../auth/proofs.ts";
import { sign } from "../../auth/tokens.ts";
import type { LobbyResult, LobbySelector, PasswordCheck } from "../../rpc.ts";

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

/** The key in the path of a lobby that is found by it, or a refusal. */
export function lobbyKeyInPath(c: Ctx): string | Response {
  const key = c.req.param("key") ?? "";
  if (LOBBY_KEY_PATTERN.test(key)) return key;
  return problem("invalid_request", "key: 1 to 64 letters, digits, `_`, `.` and `-` expected, the first no sign");
}

/** Where an event goes. A `target` of null creates a lobby; `replayable` as in `callForRequest`. */
type Destination = {
  readonly shard: number;
  readonly cost: RateLimitClass | null;
  readonly target: LobbySelector | null;
  readonly replayable?: boolean;
};

/** Applies the peer's event to the lobby in the path. */
export async function applyToLobby(c: Ctx, cost: RateLimitClass, event: Event): Promise<LobbyResult | Response> {
  const to = destinationInPath(c, cost);
  return to === null ? problem("lobby_not_found") : applyEvent(c, to, event);
}

/** The lobby in the path as a destination, or null if no such shard exists. */
export function destinationInPath(c: Ctx, cost: RateLimitClass): Destination | null {
  const lobby = lobbyInPath(c);
  return lobby === null ? null : { shard: lobby.shard, cost, target: { id: lobby.id } };
}

export const applyEvent = (c: Ctx, to: Destination, event: Event): Promise<LobbyResult | Response> =>
  callForRequest<LobbyResult>(
    c,
    to.shard,
    to.cost,
    (hub, meta) =>
      event.kind === "host" ? hub.createLobby(meta, event, shardCount(c.env)) : hub.applyEvent(meta, to.target!, event),
    to.replayable,
  );

/**
 * Applies an event that may bear a password. The hub first charges the request and refuses it if no password can help,
 * so that only admitted requests cost a derivation.
 */
export async function applyWithPassword(
  c: Ctx,
  to: Destination,
  event: PasswordEvent,
  password: string | null | undefined,
): Promise<LobbyResult | Response> {
  const refused = to.target === null ? await openGame(c) : null;
  if (refused !== null) return refused;
  if (typeof password !== "string") return applyEvent(c, to, event);
  const checked = await callForRequest<PasswordCheck | LobbyResult>(
    c,
    to.shard,
    to.cost,
    (hub, meta) => hub.checkPassword(meta, to.target, event),
    to.replayable,
  );
  if (checked instanceof Response || "view" in checked) return checked;
  const complete = checked.salt === null ? event : withDigest(event, await passwordDigest(password, checked.salt));
  return applyEvent(c, { ...to, cost: null }, complete);
}

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
  const location = `/v1/games/${c.var.game}/lobbies/${id}`;
  if (waits_until !== null) {
    const expires_at = new Date(waits_until).toISOString();
    const application = { location: `${location}/applicants/${peerId(c)}` };
    return c.json({ status: "pending", lobby_id: id, expires_at }, 202, application);
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
  const headers = { location, etag: etagOf(view!) };
  const secrets = {
    ...(ticket !== null && { session_ticket: ticket.text }),
    ...(proof !== null && { membership_proof: proof }),
  };
  return c.json({ ...body, ...secrets }, joined ? 201 : 200, headers);
}
