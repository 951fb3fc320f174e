/** Routes by which a host reads and lifts the bans of its lobby. */
import { isPeerId } from "#shared/lobby/ids.ts";
import type { Handler } from "../../context.ts";
import { callForRequest } from "../../hub-client.ts";
import { problem } from "../../../problem.ts";
import { applyToLobby, lobbyInPath, peerId } from "../lobby-responses.ts";

export const listLobbyBans: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const bans = await callForRequest(c, lobby.shard, "read", (hub, meta) => hub.listLobbyBans(meta, lobby.id));
  return bans instanceof Response ? bans : c.json({ bans });
};

export const unbanMember: Handler = async (c) => {
  const peer = c.req.param("peer") ?? "";
  if (!isPeerId(peer)) return problem("ban_not_found");
  const result = await applyToLobby(c, "patch", { kind: "unban", by: peerId(c), peer });
  return result instanceof Response ? result : c.body(null, 204);
};
