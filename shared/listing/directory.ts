/**
 * The directory: the lobbies that clients of wires can list or open by name, as the hub sends them to sidecars. Each
 * sidecar has a copy, so that it answers lists at once and without the hub.
 */
import {
  anyOf,
  constant,
  flag,
  integer,
  map,
  nullable,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from "../schema/decode.ts";
import { DATA_KEY_PATTERN, DATA_KEYS_MAX, JOIN_URI_LENGTH_MAX, NAME_LENGTH_MAX, SEATS_MAX } from "../limits.ts";
import { count, dataValue } from "../lobby/fields.ts";
import { hostOf } from "../lobby/transitions.ts";
import { type Lobby, WIRES } from "../lobby/lobby.ts";
import { valuesOf } from "./summary.ts";

export const joinUri = text(JOIN_URI_LENGTH_MAX, /^[^\p{Cc}\p{Cs}]+$/u);

/** A public data entry of a lobby made over HTTP: the address that nohub clients get. */
export const ADDRESS_KEY = "nohub_address";
/** A public data entry: the nohub game of the lobby. Without it, the lobby belongs to sessions without a game. */
export const GAME_KEY = "nohub_game";

const directoryEntry = object({
  id: text(64),
  wire: oneOf(...WIRES),
  name: text(NAME_LENGTH_MAX),
  display_name: text(NAME_LENGTH_MAX),
  created_at_ms: count,
  /** Its host is away: it cannot be joined now. */
  away: flag,
  /** Lists show it. Otherwise clients find it only by its name. */
  listed: flag,
  joinable: flag,
  /** A password is needed to join. */
  locked: flag,
  members: count,
  seats: nullable(integer(1, SEATS_MAX)),
  /** How to join, in the notation of its wire. */
  join_uri: optional(joinUri),
  data: map(DATA_KEY_PATTERN, dataValue, DATA_KEYS_MAX),
});
export type DirectoryEntry = Shape<typeof directoryEntry>;

const directoryRemoval = object({ id: text(64), ended: constant("ended") });

/** A lobby as it is now, or the id of one that left the directory. */
export type DirectoryChange = DirectoryEntry | Shape<typeof directoryRemoval>;
export const directoryChange = anyOf("a directory entry", directoryRemoval, directoryEntry);

/** Null for a lobby that no client of a wire can list or open. */
export function directoryEntryOf(lobby: Lobby | null): DirectoryEntry | null {
  if (lobby === null || !lobby.policy.listed || lobby.visibility === "private") return null;
  const host = hostOf(lobby);
  const away = host?.away_since !== null;
  // A sidecar that restarted needs the lobbies of the clients it had, who return to them.
  if (lobby.in_game || lobby.state === "started" || (away && lobby.wire !== "nohub")) return null;
  const listed = lobby.visibility === "public";
  const join_uri = joinUriOf(lobby);
  if (join_uri === undefined && (lobby.wire !== "dowsett" || !listed)) return null;
  return {
    id: lobby.id,
    wire: lobby.wire,
    name: lobby.name,
    display_name: lobby.display_name ?? lobby.name,
    created_at_ms: lobby.created_at,
    away,
    listed,
    joinable: lobby.joinable,
    locked: lobby.password_digest !== null,
    members: lobby.members.length,
    seats: lobby.seats,
    ...(join_uri !== undefined && { join_uri }),
    data: valuesOf(lobby, ["public"]),
  };
}

/** How clients of wires name a lobby: native ones have no name but their id. */
export const publicName = ({ wire, id, name }: DirectoryEntry): string => (wire === "native" ? id : name);

/** The changes of the directory that a change of a lobby causes. */
export function directoryChangeOf(old: Lobby | null, next: Lobby | null): DirectoryChange | null {
  const before = directoryEntryOf(old);
  const after = directoryEntryOf(next);
  if (before === null && after === null) return null;
  if (after === null) return { id: before!.id, ended: "ended" };
  return before !== null && JSON.stringify(before) === JSON.stringify(after) ? null : after;
}

function joinUriOf({ wire, join_uri, data }: Lobby): string | undefined {
  if (wire !== "native") return join_uri;
  const entry = Object.hasOwn(data, ADDRESS_KEY) ? data[ADDRESS_KEY] : undefined;
  if (entry?.visibility !== "public" || typeof entry.value !== "string") return undefined;
  const isAddress = entry.value.length <= JOIN_URI_LENGTH_MAX && /^[^\p{Cc}\p{Cs}]+$/u.test(entry.value);
  return isAddress ? entry.value : undefined;
}
