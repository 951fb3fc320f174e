/** Opens a sidecar's link to one hub: `GET /v1/link/{game}/{shard}`. The middleware has checked the sidecar's key. */
import { hubCount } from "../../env.ts";
import { problem } from "../../problem.ts";
import { SOCKET_URLS } from "../../rpc.ts";
import type { Handler } from "../context.ts";
import { callHub, openGame } from "../hub-client.ts";

export const openLink: Handler = async (c) => {
  const digits = c.req.param("shard") ?? "";
  const shard = /^[0-9]{1,2}$/.test(digits) ? Number(digits) : Infinity;
  if (shard >= hubCount(c.env)) return problem("invalid_request", "shard: the game has no such shard");
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    return problem("upgrade_required", "the key is accepted", { upgrade: "websocket" });
  }
  const refused = await openGame(c);
  if (refused !== null) return refused;
  return callHub(c.env, c.var.game, shard, (hub) => hub.fetch(new Request(SOCKET_URLS.link, c.req.raw)));
};
