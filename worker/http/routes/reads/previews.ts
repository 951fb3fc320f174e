/** What a join code or a key leads to, for a player that has not joined yet. Both invite, so they show private lobbies. */
import { canonicalCode, shardOf, shardOfCode } from "#shared/lobby/ids.ts";
import { shardCount } from "../../../env.ts";
import { problem } from "../../../problem.ts";
import { type LobbySelector, nameOfKey } from "../../../rpc.ts";
import type { Ctx, Handler } from "../../context.ts";
import { callForRequest } from "../../hub-client.ts";
import { lobbyKeyInPath } from "../lobby-responses.ts";

export const previewByCode: Handler = (c) => {
  const code = canonicalCode(c.req.param("code") ?? "");
  return code === null ? problem("code_invalid") : preview(c, shardOfCode(code, shardCount(c.env)), { code });
};

export const previewByKey: Handler = (c) => {
  const key = lobbyKeyInPath(c);
  return key instanceof Response ? key : preview(c, shardOf("native", nameOfKey(key), shardCount(c.env)), { key });
};

async function preview(c: Ctx, shard: number, selector: LobbySelector): Promise<Response> {
  const summary = await callForRequest(c, shard, "read", (hub, meta) => hub.previewLobby(meta, selector));
  return summary instanceof Response ? summary : c.json(summary);
}
