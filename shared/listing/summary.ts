/** The summary of a lobby: its schema, and what it contains of a lobby. Lists and events consist of summaries. */
import { flag, integer, map, nullable, object, oneOf, optional, type Shape, text } from "../schema/decode.ts";
import { DATA_KEY_PATTERN, DATA_KEYS_MAX, NAME_LENGTH_MAX, SEATS_MAX } from "../limits.ts";
import type { Data, DataVisibility } from "../lobby/data.ts";
import { count, dataValue, gameVersion, time } from "../lobby/fields.ts";
import { type Lobby, WIRES } from "../lobby/lobby.ts";

export const summary = object({
  id: text(64),
  name: text(NAME_LENGTH_MAX),
  wire: oneOf(...WIRES),
  state: oneOf("open", "in_game"),
  /** Members, including held seats. */
  members: count,
  /** Null where the wire has no limit. */
  seats: nullable(integer(1, SEATS_MAX)),
  /** A password is needed to join. */
  locked: flag,
  joinable: flag,
  approval: flag,
  /** Version of the game, or null for any. */
  version: nullable(gameVersion),
  /** Public data; in lists only indexed entries. */
  data: map(DATA_KEY_PATTERN, dataValue, DATA_KEYS_MAX),
  /** The address of a published host in its wire's notation: noray://192.0.2.7:8890/OID. */
  join_uri: optional(text(256)),
  created_at: time,
  updated_at: time,
  /** Increases with every change of the lobby; its ETag. */
  revision: count,
});
export type Summary = Shape<typeof summary>;

export const toSummary = (lobby: Lobby): Summary => ({
  id: lobby.id,
  name: lobby.display_name ?? lobby.name,
  wire: lobby.wire,
  state: lobby.in_game || lobby.state === "started" ? "in_game" : "open",
  members: lobby.members.length,
  seats: lobby.seats,
  locked: lobby.password_digest !== null,
  joinable: lobby.joinable,
  approval: lobby.approval,
  version: lobby.version,
  data: valuesOf(lobby, ["public"]),
  ...(lobby.join_uri !== undefined && { join_uri: lobby.join_uri }),
  created_at: new Date(lobby.created_at).toISOString(),
  updated_at: new Date(lobby.updated_at).toISOString(),
  revision: lobby.revision,
});

/** The values of the entries with one of these visibilities. */
export function valuesOf(lobby: Lobby, readable: readonly DataVisibility[]): Data {
  const entries = Object.entries(lobby.data).filter(([, { visibility }]) => readable.includes(visibility));
  return Object.fromEntries(entries.map(([key, { value }]) => [key, value]));
}
