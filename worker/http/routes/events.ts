/**
 * Opens the event stream. A socket is served by one hub: the one that holds the lobby of `?lobby_id=`, or else the first
 * hub of the game, which serves the lobby list.
 *
 *     GET /v1/games/{game}/events  ?lobby_id={id}      Upgrade: websocket, Sec-WebSocket-Protocol: parley.v1
 */
import { SUBPROTOCOL } from "#shared/api/events.ts";
import { callHub, openGame } from "../hub-client.ts";
import type { Handler } from "../context.ts";
import { shardHolding } from "../../env.ts";
import { rateLimitKey } from "../access/source.ts";
import { problem } from "../../problem.ts";
import { SOCKET_URLS, SOURCE_HEADER } from "../../rpc.ts";

export const openEvents: Handler = async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    return problem("upgrade_required", undefined, { upgrade: "websocket" });
  }
  const protocols = (c.req.header("sec-websocket-protocol") ?? "").split(",").map((word) => word.trim());
  if (!protocols.includes(SUBPROTOCOL)) {
    return problem("invalid_request", `Sec-WebSocket-Protocol: ${SUBPROTOCOL} expected`);
  }
  const lobby = c.req.query("lobby_id");
  const shard = lobby === undefined ? 0 : shardHolding(c.env, lobby);
  if (shard === null) return problem("lobby_not_found");
  const refused = await openGame(c);
  if (refused !== null) return refused;
  const request = new Request(SOCKET_URLS.events, c.req.raw);
  request.headers.delete(SOURCE_HEADER);
  const { source } = rateLimitKey(c);
  if (source !== null) request.headers.set(SOURCE_HEADER, source);
  return callHub(c.env, c.var.game, shard, (hub) => hub.fetch(request));
};
