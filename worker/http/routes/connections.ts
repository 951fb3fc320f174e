/** Members connect to each other: they ask, accept, deny, read how far it is, and say how it ended. */
import { accepting, connecting, outcome, relaying } from "#shared/connect/schema.ts";
import type { Proved } from "#shared/connect/introduction.ts";
import { INVITATION_S } from "#shared/limits.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import { bodyOf } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { shardsOf } from "../../env.ts";
import { through } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { provedReach } from "../../auth/verified-reach.ts";
import { prove, sign } from "../../auth/tokens.ts";
import { lobbyOf, peerOf } from "./lobby-responses.ts";

/** Said twice it is done once anyhow; and an answer that holds a key must be in no row. */
const UNKEPT = false;

export const connect: Handler = async (c) => {
  const lobby = lobbyOf(c);
  if (lobby === null) return problem("lobby_not_found");
  const body = await bodyOf(c, connecting);
  if (body instanceof Response) return body;
  const { peer_id, relay = false, ticket } = body.value;
  const reach = await reachOf(c, body.value.reach);
  if (reach instanceof Response) return reach;
  const invited = ticket !== undefined && (await isInvited(c, ticket, lobby.id, peer_id));
  const asked = { peer: peer_id, reach, relay, invited };
  const view = await through(c, lobby.shard, "connect", (hub, pass) => hub.askFor(pass, lobby.id, asked), UNKEPT);
  return view instanceof Response ? view : c.json(view, 202);
};

export const listConnections: Handler = async (c) => {
  const lobby = lobbyOf(c);
  if (lobby === null) return problem("lobby_not_found");
  const connections = await through(c, lobby.shard, "read", (hub, pass) => hub.connectionsIn(pass, lobby.id));
  return connections instanceof Response ? connections : c.json({ connections });
};

export const readConnection: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const view = await through(c, named.shard, "read", (hub, pass) => hub.connection(pass, named.id));
  return view instanceof Response ? view : c.json(view);
};

export const acceptConnection: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const body = await bodyOf(c, accepting);
  if (body instanceof Response) return body;
  const reach = await reachOf(c, body.value.reach);
  if (reach instanceof Response) return reach;
  const view = await through(c, named.shard, "connect", (hub, pass) => hub.agree(pass, named.id, reach), UNKEPT);
  return view instanceof Response ? view : c.json(view, 202);
};

export const endConnection: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const ended = await through(c, named.shard, "connect", (hub, pass) => hub.decline(pass, named.id));
  return ended instanceof Response ? ended : c.body(null, 204);
};

export const reportOutcome: Handler = async (c) => {
  const named = connectionOf(c);
  if (named === null) return problem("connection_not_found");
  const body = await bodyOf(c, outcome);
  if (body instanceof Response) return body;
  const { value } = body;
  const kept = await through(c, named.shard, "connect", (hub, pass) => hub.reportOutcome(pass, named.id, value));
  return kept instanceof Response ? kept : c.body(null, 204);
};

/** The sidecar is asked before this is answered: whoever repeats himself is given the same relay. */
export const relayConnection: Handler = async (c) => {
  const lobby = lobbyOf(c);
  if (lobby === null) return problem("lobby_not_found");
  const body = await bodyOf(c, relaying);
  if (body instanceof Response) return body;
  const { connection_id } = body.value;
  const given = await through(
    c,
    lobby.shard,
    "connect",
    (hub, pass) => hub.relay(pass, lobby.id, connection_id),
    UNKEPT,
  );
  return given instanceof Response ? given : c.json(given);
};

/** A ticket for whomever the member gives it to. */
export const invite: Handler = async (c) => {
  const lobby = lobbyOf(c);
  if (lobby === null) return problem("lobby_not_found");
  const peer = peerOf(c);
  const at = await through(c, lobby.shard, "connect", (hub, pass) => hub.vouch(pass, lobby.id));
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
  return shard === null || shard >= shardsOf(c.env) ? null : { id, shard };
}

async function reachOf(c: Ctx, said: Parameters<typeof provedReach>[2] | undefined): Promise<Proved | null | Response> {
  if (said === undefined) return null;
  const proved = await provedReach(c.env, { game: c.var.game, peer: peerOf(c) }, said, Date.now());
  return "refused" in proved ? problem(proved.refused, proved.detail) : proved;
}

async function isInvited(c: Ctx, text: string, lobby: string, host: string): Promise<boolean> {
  const ticket = await prove(c.env, text, Date.now());
  return ticket?.purpose === "invite" && ticket.game === c.var.game && ticket.lobby === lobby && ticket.peer === host;
}
