/** Opens a sidecar's link to one hub: `GET /v1/link/{game}/{shard}`. The middleware has checked the sidecar's key. */
import { GAME_PATTERN } from "#shared/limits.ts";
import { hubOf, shardCount } from "../../env.ts";
import { problem } from "../../problem.ts";
import { SOCKET_URLS } from "../../rpc.ts";
import type { Handler } from "../context.ts";

export const openLink: Handler = (c) => {
  const { game = "", shard: digits = "" } = c.req.param() as Partial<Record<string, string>>;
  const shard = /^[0-9]{1,2}$/.test(digits) ? Number(digits) : Infinity;
  if (!GAME_PATTERN.test(game) || shard >= shardCount(c.env)) {
    return problem("invalid_request", "game or shard: no hub of this name");
  }
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("The key is accepted; a WebSocket is expected here.\n", {
      status: 426,
      headers: { upgrade: "websocket", "cache-control": "no-store" },
    });
  }
  return hubOf(c.env, game, shard).fetch(new Request(SOCKET_URLS.link, c.req.raw));
};
