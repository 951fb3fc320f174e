/**
 * A noray host lists himself: `POST /lobbies` with `Authorization: Noray OID:PID`. His connection to his sidecar is his
 * membership, so he needs no peer token, and the hub knows nothing of his pid but its digest.
 */
import { publishing } from "#shared/api/lobbies.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { bodyOf } from "../body.ts";
import type { Middleware } from "../context.ts";
import { settingsOf } from "../lobby-events.ts";
import { shardsOf } from "../../env.ts";
import { through } from "../hub-client.ts";
import type { Published } from "../../hub/noray-listing.ts";
import { shown } from "./lobby-responses.ts";

/** For who shows a pid; everybody else is somebody else's to answer. */
export const publish: Middleware = async (c, next) => {
  const [, oid, pid] = /^Noray ([!-9;-~]{1,64}):([!-~]{1,256})$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (oid === undefined || pid === undefined) return next();
  const body = await bodyOf(c, publishing);
  if (body instanceof Response) return body;
  const { seats, data, visibility = "public", ...said } = body.value;
  const changes = {
    ...settingsOf({ state: "open", joinable: true, ...said, visibility }),
    version: said.version ?? null,
    ...(seats !== undefined && { seats }),
    ...(data !== undefined && { data }),
  };
  const event = { kind: "publish", peer: oid, proof: await digestOf(pid), changes } as const;
  const shard = shardOf("noray", oid, shardsOf(c.env));
  const published = await through<Published>(c, shard, "create", (hub, pass) => hub.publish(pass, event));
  if (published instanceof Response) return published;
  const { view, fresh } = published;
  const answer = shown(c, view);
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
