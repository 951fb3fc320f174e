/** A lobby as a resource: made, found by its key, read, changed, ended. */
import { LOBBY_KEY_PATTERN, lobbyPatch, type NewLobby, newLobby } from "#shared/api/lobbies.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { bodyOf } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { changesOf, entering, hosting } from "../lobby-events.ts";
import { shardsOf } from "../../env.ts";
import { type Entry, nameOfKey } from "../../hub/lobby-commands.ts";
import { askHub } from "../ask.ts";
import { through } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { act, actOn, entered, expectedBy, homeOf, lobbyOf, peerOf, shown } from "./lobby-responses.ts";

/** All lobbies of one host are in one hub, so that it can count them and replace one by another. */
export const createLobby: Handler = async (c) => {
  const body = await bodyOf(c, newLobby);
  if (body instanceof Response) return body;
  const entry = await host(c, body.value);
  return entry instanceof Response ? entry : entered(c, entry);
};

export async function host(c: Ctx, said: NewLobby, repeatable = true): Promise<Entry | Response> {
  const shard = homeOf(c);
  const event = await hosting(peerOf(c), said, shard);
  if (event === "data_limit") return problem(event);
  return through<Entry>(c, shard, "create", (hub, pass) => hub.open(pass, event, shardsOf(c.env)), repeatable);
}

/** Whoever comes first hosts it, whoever comes later joins. */
export const createOrJoin: Handler = async (c) => {
  const key = c.req.param("key") ?? "";
  if (!LOBBY_KEY_PATTERN.test(key)) return problem("invalid_request", `key: text like ${LOBBY_KEY_PATTERN} expected`);
  const body = await bodyOf(c, newLobby);
  if (body instanceof Response) return body;
  const shard = shardOf("native", nameOfKey(key), shardsOf(c.env));
  for (let tries = 0; tries < 2; tries++) {
    const id = await askHub(c.env, c.var.game, shard, (hub) => hub.find({ key }));
    const event =
      id === null
        ? await hosting(peerOf(c), body.value, shard, nameOfKey(key))
        : await entering(peerOf(c), body.value, id);
    if (event === "data_limit") return problem(event);
    const entry =
      event.kind === "host"
        ? await through<Entry>(c, shard, "create", (hub, pass) => hub.open(pass, event, shardsOf(c.env)))
        : await actOn(c, shard, "join", { key }, event);
    if (!(entry instanceof Response)) return entered(c, entry);
    // Somebody was faster, or the lobby has just ended: once more, the other way round.
    const raced = id === null ? 409 : 404;
    if (entry.status !== raced || tries > 0) return entry;
  }
  return problem("hub_unavailable");
};

export const readLobby: Handler = async (c) => {
  const lobby = lobbyOf(c);
  if (lobby === null) return problem("lobby_not_found");
  const view = await through(c, lobby.shard, "read", (hub, pass) => hub.lobby(pass, lobby.id));
  return view instanceof Response ? view : shown(c, view);
};

export const patchLobby: Handler = async (c) => {
  const body = await bodyOf(c, lobbyPatch);
  if (body instanceof Response) return body;
  const changes = await changesOf(body.value, c.req.param("id") ?? "");
  const entry = await act(c, "patch", { kind: "patch", by: peerOf(c), changes, ...expectedBy(c) });
  return entry instanceof Response ? entry : shown(c, entry.view!);
};

export const endLobby: Handler = async (c) => {
  const entry = await act(c, "patch", { kind: "close", by: peerOf(c), ...expectedBy(c) });
  return entry instanceof Response ? entry : c.body(null, 204);
};
