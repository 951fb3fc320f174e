/** A lobby as a resource: made, found by its key, read, changed, ended. */
import { LOBBY_KEY_PATTERN, lobbyPatch, type NewLobby, newLobby } from "#shared/api/lobbies.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { patchFrom, joinEvent, hostEvent } from "../lobby-events.ts";
import { shardCount } from "../../env.ts";
import { callHub } from "../hub-client.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import {
  applyToLobby,
  applyEvent,
  joinResponse,
  ifMatch,
  homeShard,
  lobbyInPath,
  peerId,
  lobbyResponse,
} from "./lobby-responses.ts";
import { nameOfKey, type LobbyResult } from "../../rpc.ts";

/** All lobbies of one host are in one hub, so that it can count them and replace one by another. */
export const createLobby: Handler = async (c) => {
  const body = await parseBody(c, newLobby);
  if (body instanceof Response) return body;
  const entry = await hostLobby(c, body.value);
  return entry instanceof Response ? entry : joinResponse(c, entry);
};

export async function hostLobby(c: Ctx, said: NewLobby, repeatable = true): Promise<LobbyResult | Response> {
  const shard = homeShard(c);
  const event = await hostEvent(peerId(c), said, shard);
  if (event === "data_limit") return problem(event);
  return callForRequest<LobbyResult>(
    c,
    shard,
    "create",
    (hub, pass) => hub.createLobby(pass, event, shardCount(c.env)),
    repeatable,
  );
}

/** Whoever comes first hosts it, whoever comes later joins. */
export const createOrJoinByKey: Handler = async (c) => {
  const key = c.req.param("key") ?? "";
  if (!LOBBY_KEY_PATTERN.test(key)) return problem("invalid_request", `key: text like ${LOBBY_KEY_PATTERN} expected`);
  const body = await parseBody(c, newLobby);
  if (body instanceof Response) return body;
  const shard = shardOf("native", nameOfKey(key), shardCount(c.env));
  for (let tries = 0; tries < 2; tries++) {
    const id = await callHub(c.env, c.var.game, shard, (hub) => hub.findLobbyId({ key }));
    const event =
      id === null
        ? await hostEvent(peerId(c), body.value, shard, nameOfKey(key))
        : await joinEvent(peerId(c), body.value, id);
    if (event === "data_limit") return problem(event);
    const entry =
      event.kind === "host"
        ? await callForRequest<LobbyResult>(c, shard, "create", (hub, pass) =>
            hub.createLobby(pass, event, shardCount(c.env)),
          )
        : await applyEvent(c, shard, "join", { key }, event);
    if (!(entry instanceof Response)) return joinResponse(c, entry);
    // Somebody was faster, or the lobby has just ended: once more, the other way round.
    const raced = id === null ? 409 : 404;
    if (entry.status !== raced || tries > 0) return entry;
  }
  return problem("hub_unavailable");
};

export const readLobby: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const view = await callForRequest(c, lobby.shard, "read", (hub, pass) => hub.getLobby(pass, lobby.id));
  return view instanceof Response ? view : lobbyResponse(c, view);
};

export const patchLobby: Handler = async (c) => {
  const body = await parseBody(c, lobbyPatch);
  if (body instanceof Response) return body;
  const changes = await patchFrom(body.value, c.req.param("id") ?? "");
  const entry = await applyToLobby(c, "patch", { kind: "patch", by: peerId(c), changes, ...ifMatch(c) });
  return entry instanceof Response ? entry : lobbyResponse(c, entry.view!);
};

export const endLobby: Handler = async (c) => {
  const entry = await applyToLobby(c, "patch", { kind: "close", by: peerId(c), ...ifMatch(c) });
  return entry instanceof Response ? entry : c.body(null, 204);
};
