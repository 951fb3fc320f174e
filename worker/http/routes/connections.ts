/** Members connect to each other: they ask, accept, deny, read how far it is, and say how it ended. */
import { acceptRequest, connectRequest, outcome, relayRequest } from "#shared/connect/schema.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import { INVITATION_S } from "#shared/limits.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { shardCount } from "../../env.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { verifyReach } from "../../auth/verified-reach.ts";
import { verify, sign } from "../../auth/tokens.ts";
import { lobbyInPath, peerId } from "./lobby-responses.ts";

/** Said twice it is done once anyhow; and an answer that holds a key must be in no row. */
const NOT_REPLAYABLE = false;

export const connect: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const body = await parseBody(c, connectRequest);
  if (body instanceof Response) return body;
  const { peer_id, relay = false, ticket } = body.value;
  const reach = await verifiedReach(c, body.value.reach);
  if (reach instanceof Response) return reach;
  const invited = ticket !== undefined && (await isInvited(c, ticket, lobby.id, peer_id));
  const asked = { peer: peer_id, reach, relay, invited };
  const view = await callForRequest(
    c,
    lobby.shard,
    "connect",
    (hub, pass) => hub.requestConnection(pass, lobby.id, asked),
    NOT_REPLAYABLE,
  );
  return view instanceof Response ? view : c.json(view, 202);
};

export const listConnections: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const connections = await callForRequest(c, lobby.shard, "read", (hub, pass) => hub.listConnections(pass, lobby.id));
  return connections instanceof Response ? connections : c.json({ connections });
};

export const readConnection: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const view = await callForRequest(c, named.shard, "read", (hub, pass) => hub.getConnection(pass, named.id));
  return view instanceof Response ? view : c.json(view);
};

export const acceptConnection: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const body = await parseBody(c, acceptRequest);
  if (body instanceof Response) return body;
  const reach = await verifiedReach(c, body.value.reach);
  if (reach instanceof Response) return reach;
  const view = await callForRequest(
    c,
    named.shard,
    "connect",
    (hub, pass) => hub.acceptConnection(pass, named.id, reach),
    NOT_REPLAYABLE,
  );
  return view instanceof Response ? view : c.json(view, 202);
};

export const endConnection: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const ended = await callForRequest(c, named.shard, "connect", (hub, pass) => hub.declineConnection(pass, named.id));
  return ended instanceof Response ? ended : c.body(null, 204);
};

export const reportOutcome: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const body = await parseBody(c, outcome);
  if (body instanceof Response) return body;
  const { value } = body;
  const kept = await callForRequest(c, named.shard, "connect", (hub, pass) => hub.reportOutcome(pass, named.id, value));
  return kept instanceof Response ? kept : c.body(null, 204);
};

/** The sidecar is asked before this is answered: whoever repeats himself is given the same relay. */
export const relayConnection: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const body = await parseBody(c, relayRequest);
  if (body instanceof Response) return body;
  const { connection_id } = body.value;
  const given = await callForRequest(
    c,
    lobby.shard,
    "connect",
    (hub, pass) => hub.requestRelay(pass, lobby.id, connection_id),
    NOT_REPLAYABLE,
  );
  return given instanceof Response ? given : c.json(given);
};

/** A ticket for whomever the member gives it to. */
export const invite: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const peer = peerId(c);
  const at = await callForRequest(c, lobby.shard, "connect", (hub, pass) => hub.assertMember(pass, lobby.id));
  if (at instanceof Response) return at;
  const expires_at_s = Math.floor(at / 1_000) + INVITATION_S;
  const ticket = await sign(c.env, { purpose: "invite", game: c.var.game, lobby: lobby.id, peer, expires_at_s });
  if (ticket === null) return problem("hub_unavailable", "it has no key to sign with");
  return c.json({ ticket: ticket.text, expires_at: new Date(expires_at_s * 1_000).toISOString() }, 201);
};

/** The connection of the path and the shard that holds it, or null where no hub could. */
function connectionOf(c: Ctx): { readonly id: string; readonly shard: number } | null {
  const id = c.req.param("cid") ?? "";
  const shard = shardOfId(id);
  return shard === null || shard >= shardCount(c.env) ? null : { id, shard };
}

async function verifiedReach(
  c: Ctx,
  said: Parameters<typeof verifyReach>[2] | undefined,
): Promise<VerifiedReach | null | Response> {
  if (said === undefined) return null;
  const proved = await verifyReach(c.env, { game: c.var.game, peer: peerId(c) }, said, Date.now());
  return "refused" in proved ? problem(proved.refused, proved.detail) : proved;
}

async function isInvited(c: Ctx, text: string, lobby: string, host: string): Promise<boolean> {
  const ticket = await verify(c.env, text, Date.now());
  return ticket?.purpose === "invite" && ticket.game === c.var.game && ticket.lobby === lobby && ticket.peer === host;
}
