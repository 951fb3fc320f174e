/** What a join code or a key leads to, for a player that has not joined yet. Both invite, so they show private lobbies. */
import { canonicalCode, shardOf, shardOfCode } from "#shared/lobby/ids.ts";
import { problem } from "../../../problem.ts";
import { type LobbySelector, nameOfKey } from "../../../rpc.ts";
import type { Ctx, Handler } from "../../context.ts";
import { callHolder } from "../../former-shards.ts";
import { callForRequest } from "../../hub-client.ts";
import { lobbyKeyInPath } from "../lobby-responses.ts";

export const previewByCode: Handler = (c) => {
  const code = canonicalCode(c.req.param("code") ?? "");
  if (code === null) return problem("code_invalid");
  return callHolder(
    c,
    (shards) => shardOfCode(code, shards),
    "code_invalid",
    (shard) => preview(c, shard, { code }),
  );
};

export const previewByKey: Handler = (c) => {
  const key = lobbyKeyInPath(c);
  if (key instanceof Response) return key;
  const at = (shards: number): number => shardOf("native", nameOfKey(key), shards);
  return callHolder(c, at, "lobby_not_found", (shard) => preview(c, shard, { key }));
};

async function preview(c: Ctx, shard: number, selector: LobbySelector): Promise<Response> {
  const summary = await callForRequest(c, shard, "read", (hub, meta) => hub.previewLobby(meta, selector));
  return summary instanceof Response ? summary : c.json(summary);
}
