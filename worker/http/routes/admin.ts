/** Routes for operators: list and end lobbies, ban, announce, and drain a game. Each applies to all hubs of the game. */
import { type BanView, drain, newBan, type NewBan } from "#shared/api/service.ts";
import { type Ban, canonicalPrefix } from "#shared/auth/bans.ts";
import { type Announced, newAnnouncement } from "#shared/api/moderation/announcements.ts";
import { relaySettings } from "#shared/api/moderation/relay-settings.ts";
import { PAGE_DEFAULT } from "#shared/limits.ts";
import { parseLimit } from "#shared/listing/pagination.ts";
import { callEveryHub, callHub, type HubStub, openGame } from "../hub-client.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { shardHolding } from "../../env.ts";
import { problem, problemDocument, toResponse } from "../../problem.ts";
import { randomId } from "../../auth/random.ts";
import { newestFirst, type BanTarget, type Cursor } from "../../rpc.ts";

export const listAllLobbies: Handler = async (c) => {
  const limit = parseLimit(c.req.query("limit") ?? String(PAGE_DEFAULT));
  if (limit === null) return problem("invalid_request", "limit: a number from 1 expected");
  const cursor = c.req.query("cursor");
  const after = cursor === undefined ? null : decodeCursor(cursor);
  if (cursor !== undefined && after === null) return problem("invalid_request", "cursor: not a cursor of this list");
  const pages = await callAll(c, (hub) => hub.listAllLobbies(limit, after));
  const all = pages.flatMap(({ lobbies }) => lobbies).map((lobby) => ({ lobby, ...cursorOf(lobby) }));
  const lobbies = all.toSorted(newestFirst).slice(0, limit);
  const last = all.length > limit || pages.some(({ more }) => more) ? lobbies.at(-1) : undefined;
  const next_cursor = last === undefined ? null : `${last.created_at.toString(36)}.${last.id}`;
  return c.json({ lobbies: lobbies.map(({ lobby }) => lobby), next_cursor });
};

export const listAudit: Handler = async (c) => {
  const limit = parseLimit(c.req.query("limit") ?? String(PAGE_DEFAULT));
  if (limit === null) return problem("invalid_request", "limit: a number from 1 expected");
  const after = c.req.query("cursor") ?? null;
  const { entries, more } = await callHub(c.env, c.var.game, 0, (hub) => hub.listAuditEntries(limit, after));
  return c.json({ entries, next_cursor: more ? entries.at(-1)!.id : null });
};

export const closeLobby: Handler = async (c) => {
  const id = c.req.param("id") ?? "";
  const shard = shardHolding(c.env, id);
  const closed = shard !== null && (await callHub(c.env, c.var.game, shard, (hub) => hub.closeLobby(id)));
  return closed ? c.body(null, 204) : problem("lobby_not_found");
};

export const listBans: Handler = async (c) => {
  // Hubs hold the same bans, except one that was unreachable when a ban was added.
  const bans = new Map((await callAll(c, (hub) => hub.listBans())).flat().map((ban) => [ban.id, ban]));
  const ordered = [...bans.values()].toSorted(newestFirst);
  return c.json({ bans: ordered.map(banView) });
};

export const createBan: Handler = async (c) => {
  const body = await parseBody(c, newBan);
  if (body instanceof Response) return body;
  const target = await resolveTarget(c, body.value);
  if (target instanceof Response) return target;
  const { message: reason, moderator, message_hidden: reason_hidden = false, expires_at = null } = body.value;
  const end = expires_at === null ? null : Date.parse(expires_at);
  const now = Date.now();
  if (end !== null && !(end > now)) return problem("invalid_request", "expires_at: a time in the future expected");
  const ban: Ban = { id: randomId(), ...target, created_at: now, expires_at: end, reason, reason_hidden, moderator };
  await openGame(c);
  const added = await callAll(c, (hub) => hub.addBan(ban));
  if (added.includes(false)) return problem("quota_exceeded", "too many bans: remove some first");
  return c.json(banView(ban), 201, { location: `/v1/admin/games/${c.var.game}/bans/${ban.id}` });
};

export const removeBan: Handler = async (c) => {
  const id = c.req.param("ban") ?? "";
  const lifted = await callAll(c, (hub) => hub.removeBan(id));
  return lifted.includes(true) ? c.body(null, 204) : problem("not_found");
};

export const readDrain: Handler = async (c) => {
  const draining = (await callAll(c, (hub) => hub.isDraining())).every(Boolean);
  return c.json({ draining });
};

export const setDrain: Handler = async (c) => {
  const body = await parseBody(c, drain);
  if (body instanceof Response) return body;
  await openGame(c);
  await callAll(c, (hub) => hub.setDraining(body.value.draining));
  return c.json(body.value);
};

export const readRelaySettings: Handler = async (c) =>
  c.json(await callHub(c.env, c.var.game, 0, (hub) => hub.getRelaySettings()));

export const setRelaySettings: Handler = async (c) => {
  const body = await parseBody(c, relaySettings);
  if (body instanceof Response) return body;
  await openGame(c);
  await callAll(c, (hub) => hub.setRelaySettings(body.value));
  return c.json(body.value);
};

export const announce: Handler = async (c) => {
  const body = await parseBody(c, newAnnouncement);
  if (body instanceof Response) return body;
  await openGame(c);
  const wait_s = await callHub(c.env, c.var.game, 0, (hub) => hub.admitAnnouncement());
  if (wait_s > 0) return toResponse(problemDocument("rate_limited", undefined, wait_s));
  const announcement_id = randomId();
  const reached = await callAll(c, (hub) => hub.announce({ announcement_id, ...body.value }));
  const sum = (what: "subscriber_count" | "sidecar_count"): number => reached.reduce((all, one) => all + one[what], 0);
  const [subscriber_count, sidecar_count] = [sum("subscriber_count"), sum("sidecar_count")];
  return c.json({ announcement_id, subscriber_count, sidecar_count } satisfies Announced);
};

const callAll = <T>(c: Ctx, call: (hub: HubStub) => Promise<T>): Promise<T[]> => callEveryHub(c.env, c.var.game, call);

/** What a ban applies to. The request must name exactly one target. */
async function resolveTarget(c: Ctx, { ip_prefix, peer_id, member }: NewBan): Promise<BanTarget | Response> {
  const named = [ip_prefix, peer_id, member].filter((one) => one !== undefined);
  if (named.length !== 1) return problem("invalid_request", "exactly one of ip_prefix, peer_id and member expected");
  if (peer_id !== undefined) return { ip_prefix: null, peer_id };
  if (ip_prefix !== undefined) {
    const canonical = canonicalPrefix(ip_prefix);
    if (canonical === null) return problem("invalid_request", "ip_prefix: like 198.51.100.0/24 expected");
    return { ip_prefix: canonical, peer_id: null };
  }
  const { lobby_id, name } = member!;
  const shard = shardHolding(c.env, lobby_id);
  const target =
    shard === null ? null : await callHub(c.env, c.var.game, shard, (hub) => hub.banTargetOf(lobby_id, name));
  return target ?? problem("member_not_found");
}

const banView = ({
  created_at,
  expires_at,
  id,
  ip_prefix,
  peer_id,
  reason,
  reason_hidden,
  moderator,
}: Ban): BanView => ({
  id,
  ip_prefix,
  peer_id,
  message: reason,
  message_hidden: reason_hidden,
  moderator,
  created_at: new Date(created_at).toISOString(),
  expires_at: expires_at === null ? null : new Date(expires_at).toISOString(),
});

const cursorOf = ({ id, created_at }: { id: string; created_at: string }): Cursor => ({
  id,
  created_at: Date.parse(created_at),
});

function decodeCursor(cursor: string): Cursor | null {
  const match = /^([0-9a-z]{1,10})\.([0-9a-z-]{1,64})$/.exec(cursor);
  return match === null ? null : { created_at: Number.parseInt(match[1]!, 36), id: match[2]! };
}
