/** A lobby as a resource: create, create or join by key, read, change, end. */
import { lobbyPatch, type NewLobby, newLobby } from "#shared/api/lobbies.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { placesOf } from "#shared/settings/shards.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { patchFrom, joinEvent, hostEvent } from "../lobby-events.ts";
import { shardsOf } from "../../env.ts";
import { callForRequest, callHub } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import {
  applyToLobby,
  applyWithPassword,
  destinationInPath,
  joinResponse,
  ifMatch,
  homeShard,
  lobbyInPath,
  lobbyKeyInPath,
  peerId,
  lobbyResponse,
} from "./lobby-responses.ts";
import { nameOfKey, type LobbyResult } from "../../rpc.ts";

/** All lobbies of one host are in one hub, so that it can limit their number and replace one by another. */
export const createLobby: Handler = async (c) => {
  const body = await parseBody(c, newLobby);
  if (body instanceof Response) return body;
  const result = await hostLobby(c, body.value);
  return result instanceof Response ? result : joinResponse(c, result);
};

export async function hostLobby(c: Ctx, request: NewLobby, replayable = true): Promise<LobbyResult | Response> {
  const shard = homeShard(c);
  const event = hostEvent(peerId(c), request, shard);
  if (event === "data_limit") return problem(event);
  return applyWithPassword(c, { shard, cost: "create", target: null, replayable }, event, request.password);
}

/** The first peer creates the lobby and hosts it, later ones join. */
export const createOrJoinByKey: Handler = async (c) => {
  const key = lobbyKeyInPath(c);
  if (key instanceof Response) return key;
  const body = await parseBody(c, newLobby);
  if (body instanceof Response) return body;
  const places = placesOf(shardsOf(c.env), (shards) => shardOf("native", nameOfKey(key), shards));
  for (let tries = 0; tries < 2; tries++) {
    const ids = await Promise.all(
      places.map((place) => callHub(c.env, c.var.game, place, (hub) => hub.findLobbyId({ key }))),
    );
    const id = ids.find((one) => one !== null) ?? null;
    // A new lobby is made where the present number of shards puts it.
    const shard = id === null ? places[0]! : places[ids.indexOf(id)]!;
    const event =
      id === null ? hostEvent(peerId(c), body.value, shard, nameOfKey(key)) : joinEvent(peerId(c), body.value);
    if (event === "data_limit") return problem(event);
    const to = id === null ? ({ cost: "create", target: null } as const) : ({ cost: "join", target: { key } } as const);
    const result = await applyWithPassword(c, { shard, ...to }, event, body.value.password);
    if (!(result instanceof Response)) return joinResponse(c, result);
    // Another peer created it first, or it has just ended: try the other way once.
    const raced = id === null ? 409 : 404;
    if (result.status !== raced || tries > 0) return result;
  }
  return problem("hub_unavailable");
};

export const readLobby: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const view = await callForRequest(c, lobby.shard, "read", (hub, meta) => hub.getLobby(meta, lobby.id));
  return view instanceof Response ? view : lobbyResponse(c, view);
};

export const patchLobby: Handler = async (c) => {
  const body = await parseBody(c, lobbyPatch);
  if (body instanceof Response) return body;
  const to = destinationInPath(c, "patch");
  if (to === null) return problem("lobby_not_found");
  const event = { kind: "patch", by: peerId(c), changes: patchFrom(body.value), ...ifMatch(c) } as const;
  const result = await applyWithPassword(c, to, event, body.value.password);
  return result instanceof Response ? result : lobbyResponse(c, result.view!);
};

export const endLobby: Handler = async (c) => {
  const result = await applyToLobby(c, "patch", { kind: "close", by: peerId(c), ...ifMatch(c) });
  return result instanceof Response ? result : c.body(null, 204);
};
