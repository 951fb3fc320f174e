/**
 * Lists a noray host: `POST /lobbies` with `Authorization: Noray OID:PID`. The host needs no peer token, because its
 * connection to the sidecar is its membership. The hub stores only a digest of the pid.
 */
import { publishRequest } from "#shared/api/lobbies.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { parseBody } from "../body.ts";
import type { Middleware } from "../context.ts";
import { dataPatchOf, settingsFrom } from "../lobby-events.ts";
import { callHolder } from "../former-shards.ts";
import { callForRequest } from "../hub-client.ts";
import { lobbyResponse } from "./lobby-responses.ts";
import type { NorayListing } from "../../rpc.ts";
import { base64url } from "../../auth/base64url.ts";

/** Handles requests with a pid and passes on all others. */
export const listNorayHost: Middleware = async (c, next) => {
  const [, oid, pid] = /^Noray ([!-9;-~]{1,64}):([!-~]{1,256})$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (oid === undefined || pid === undefined) return next();
  const body = await parseBody(c, publishRequest);
  if (body instanceof Response) return body;
  const { seats, data, data_rules, visibility = "public", ...settings } = body.value;
  const patch = dataPatchOf({ ...(data && { data }), ...(data_rules && { data_rules }) });
  const changes = {
    ...settingsFrom({ state: "open", joinable: true, ...settings, visibility }),
    version: settings.version ?? null,
    ...(seats !== undefined && { seats }),
    ...(patch !== undefined && { data: patch }),
  };
  const event = { kind: "publish", peer: oid, proof: await digestOf(pid), changes } as const;
  const at = (shards: number): number => shardOf("noray", oid, shards);
  const listing = await callHolder<NorayListing>(c, at, "lobby_not_found", (shard) =>
    callForRequest<NorayListing>(c, shard, "create", (hub, meta) => hub.listNorayHost(meta, event)),
  );
  if (listing instanceof Response) return listing;
  const { view, newly_listed } = listing;
  const answer = lobbyResponse(c, view);
  answer.headers.set("location", `/v1/games/${c.var.game}/lobbies/${view.id}`);
  return newly_listed ? new Response(answer.body, { status: 201, headers: answer.headers }) : answer;
};

/** The digest that the sidecar computed when it issued the pid. */
const digestOf = async (pid: string): Promise<string> =>
  base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pid)));
