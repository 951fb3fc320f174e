/** Routes by which members connect to each other: request, accept, decline, read, relay, and report the outcome. */
import { acceptRequest, type ConnectionView, connectRequest, outcome, relayRequest } from "#shared/connect/schema.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import { INVITATION_S } from "#shared/limits.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { shardHolding } from "../../env.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { verifyReach } from "../../auth/verified-reach.ts";
import { isInvited } from "../../auth/invitations.ts";
import { sign } from "../../auth/tokens.ts";
import { lobbyInPath, peerId } from "./lobby-responses.ts";

/** Repeating such a request has no further effect, and its response contains a key, which must not be stored. */
const NOT_REPLAYABLE = false;

export const connect: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const body = await parseBody(c, connectRequest);
  if (body instanceof Response) return body;
  const { peer_id, with_relay: relay = false, ticket } = body.value;
  const reach = await verifiedReach(c, body.value.reach);
  if (reach instanceof Response) return reach;
  const invitation = { game: c.var.game, lobby: lobby.id, host: peer_id };
  const invited = await isInvited(c.env, ticket, invitation, Date.now());
  const details = { peer: peer_id, reach, relay, invited };
  const view = await callForRequest(
    c,
    lobby.shard,
    "connect",
    (hub, meta) => hub.requestConnection(meta, lobby.id, details),
    NOT_REPLAYABLE,
  );
  return view instanceof Response ? view : accepted(c, view);
};

export const listConnections: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const connections = await callForRequest(c, lobby.shard, "read", (hub, meta) => hub.listConnections(meta, lobby.id));
  return connections instanceof Response ? connections : c.json({ connections });
};

export const readConnection: Handler = async (c) => {
  const connection = connectionOf(c);
  if (connection === null) return problem("connection_not_found");
  const view = await callForRequest(c, connection.shard, "read", (hub, meta) => hub.getConnection(meta, connection.id));
  return view instanceof Response ? view : c.json(view);
};

export const acceptConnection: Handler = async (c) => {
  const connection = connectionOf(c);
  if (connection === null) return problem("connection_not_found");
  const body = await parseBody(c, acceptRequest);
  if (body instanceof Response) return body;
  const reach = await verifiedReach(c, body.value.reach);
  if (reach instanceof Response) return reach;
  const view = await callForRequest(
    c,
    connection.shard,
    "connect",
    (hub, meta) => hub.acceptConnection(meta, connection.id, reach),
    NOT_REPLAYABLE,
  );
  return view instanceof Response ? view : accepted(c, view);
};

/** Denies (the requested peer) or withdraws (the requesting one): whose connection it is decides which of the two. */
export const endConnection: Handler = async (c) => {
  const connection = connectionOf(c);
  if (connection === null) return problem("connection_not_found");
  const ended = await callForRequest(c, connection.shard, "connect", (hub, meta) =>
    hub.declineConnection(meta, connection.id),
  );
  return ended instanceof Response ? ended : c.body(null, 204);
};

export const reportOutcome: Handler = async (c) => {
  const connection = connectionOf(c);
  if (connection === null) return problem("connection_not_found");
  const body = await parseBody(c, outcome);
  if (body instanceof Response) return body;
  const { value } = body;
  const recorded = await callForRequest(c, connection.shard, "connect", (hub, meta) =>
    hub.reportOutcome(meta, connection.id, value),
  );
  return recorded instanceof Response ? recorded : c.body(null, 204);
};

/** Waits for a sidecar. Repeating the request returns the same relay. */
export const relayConnection: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const body = await parseBody(c, relayRequest);
  if (body instanceof Response) return body;
  const request = { id: body.value.connection_id, lobby: lobby.id, lost: body.value.lost };
  const relay_view = await callForRequest(
    c,
    lobby.shard,
    "connect",
    (hub, meta) => hub.requestRelay(meta, request),
    NOT_REPLAYABLE,
  );
  return relay_view instanceof Response ? relay_view : c.json(relay_view);
};

/** Issues a ticket that the member can pass on to another peer. */
export const invite: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const peer = peerId(c);
  const at = await callForRequest(c, lobby.shard, "connect", (hub, meta) => hub.assertMember(meta, lobby.id));
  if (at instanceof Response) return at;
  const expires_at_s = Math.floor(at / 1_000) + INVITATION_S;
  const ticket = await sign(c.env, { purpose: "invite", game: c.var.game, lobby: lobby.id, peer, expires_at_s });
  if (ticket === null) return problem("hub_unavailable", "the hub has no key to sign with");
  return c.json({ ticket: ticket.text, expires_at: new Date(expires_at_s * 1_000).toISOString() });
};

const accepted = (c: Ctx, view: ConnectionView): Response =>
  c.json(view, 202, { location: `/v1/games/${c.var.game}/connections/${view.connection_id}` });

/** The connection in the path and its shard, or null if no such shard exists. */
function connectionOf(c: Ctx): { readonly id: string; readonly shard: number } | null {
  const id = c.req.param("cid") ?? "";
  const shard = shardHolding(c.env, id);
  return shard === null ? null : { id, shard };
}

async function verifiedReach(
  c: Ctx,
  request: Parameters<typeof verifyReach>[2] | undefined,
): Promise<VerifiedReach | null | Response> {
  if (request === undefined) return null;
  const verified = await verifyReach(c.env, { game: c.var.game, peer: peerId(c) }, request, Date.now());
  return "refused" in verified ? problem(verified.refused, verified.detail) : verified;
}
