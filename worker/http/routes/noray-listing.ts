/**
 * A noray host lists himself: `POST /lobbies` with `Authorization: Noray OID:PID`. His connection to his sidecar is his
 * membership, so he needs no peer token, and the hub knows nothing of his pid but its digest.
 */
import { publishRequest } from "#shared/api/lobbies.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { parseBody } from "../body.ts";
import type { Middleware } from "../context.ts";
import { settingsFrom } from "../lobby-events.ts";
import { shardCount } from "../../env.ts";
import { callForRequest } from "../hub-client.ts";
import { lobbyResponse } from "./lobby-responses.ts";
import type { NorayListing } from "../../rpc.ts";

/** For who shows a pid; everybody else is somebody else's to answer. */
export const listNorayHost: Middleware = async (c, next) => {
  const [, oid, pid] = /^Noray ([!-9;-~]{1,64}):([!-~]{1,256})$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (oid === undefined || pid === undefined) return next();
  const body = await parseBody(c, publishRequest);
  if (body instanceof Response) return body;
  const { seats, data, visibility = "public", ...said } = body.value;
  const changes = {
    ...settingsFrom({ state: "open", joinable: true, ...said, visibility }),
    version: said.version ?? null,
    ...(seats !== undefined && { seats }),
    ...(data !== undefined && { data }),
  };
  const event = { kind: "publish", peer: oid, proof: await digestOf(pid), changes } as const;
  const shard = shardOf("noray", oid, shardCount(c.env));
  const published = await callForRequest<NorayListing>(c, shard, "create", (hub, pass) =>
    hub.listNorayHost(pass, event),
  );
  if (published instanceof Response) return published;
  const { view, newly_listed: fresh } = published;
  const answer = lobbyResponse(c, view);
  answer.headers.set("location", `/v1/games/${c.var.game}/lobbies/${view.id}`);
  return fresh ? new Response(answer.body, { status: 201, headers: answer.headers }) : answer;
};

/** As sidecars make it when they mint a pid. */
async function digestOf(pid: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pid)));
  return btoa(String.fromCharCode(...digest))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
