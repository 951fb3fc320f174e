/** The data of nohub lobbies as the hub stores it, and the lobbies of the directory as nohub clients read them. */
import {
  DATA_KEY_PATTERN,
  DATA_BYTES_MAX,
  JOIN_URI_LENGTH_MAX,
  NOHUB_ENTRIES_MAX,
  SEATS_MAX,
  VALUE_LENGTH_MAX,
} from "#shared/limits.ts";
import { DISPLAY_NAME_LENGTH_MAX } from "#shared/limits.ts";
import { ADDRESS_KEY, type DirectoryEntry, GAME_KEY, publicName } from "#shared/listing/directory.ts";
import type { Value } from "#shared/lobby/data.ts";
import type { LobbyLine } from "../protocols/nohub.ts";
import { NohubError } from "../protocols/nohub.ts";
import type { ReportBody } from "../protocols/wire.ts";
import type { HostedLobby } from "./session.ts";

/** Throws the error that the client receives if the hub would not store this. */
export function checkData(data: ReadonlyMap<string, string>): void {
  if (data.size > NOHUB_ENTRIES_MAX) {
    throw new NohubError("LimitError", `Lobbies can't have more than ${NOHUB_ENTRIES_MAX} data entries!`);
  }
  let bytes = 0;
  for (const [key, value] of data) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    if (!DATA_KEY_PATTERN.test(key) || key === GAME_KEY) {
      throw new NohubError(
        "InvalidCommandError",
        "A key must begin with a letter and have only letters, digits, _ . or -",
      );
    }
    if (value.length > VALUE_LENGTH_MAX) {
      throw new NohubError("LimitError", `A value can't be longer than ${VALUE_LENGTH_MAX} characters!`);
    }
  }
  if (bytes > DATA_BYTES_MAX - GAME_BYTES_MAX) {
    throw new NohubError(
      "LimitError",
      `Lobbies can't have more than ${DATA_BYTES_MAX - GAME_BYTES_MAX} bytes of data!`,
    );
  }
}

/** The key and value under which the nohub game is stored. */
export const GAME_LENGTH_MAX = 128;
const GAME_BYTES_MAX = GAME_KEY.length + GAME_LENGTH_MAX;

export const isGame = (text: string): boolean => /^[!-~]+$/.test(text) && text.length <= GAME_LENGTH_MAX;
export const isUri = (text: string): boolean => /^[^\p{Cc}\p{Cs}]+$/u.test(text) && text.length <= JOIN_URI_LENGTH_MAX;

/** What the hub stores and lists of a lobby. */
export function publicationOf(lobby: HostedLobby): ReportBody {
  const { id, uri, game, locked, hidden, data, proof } = lobby;
  const values: [string, Value][] = Array.from(data, ([key, value]) => [key, valueOf(value)]);
  return {
    kind: "publish",
    name: id,
    peer: id,
    proof,
    join_uri: uri,
    display_name: displayName(data.get("name")),
    seats: seatsOf(data.get("player-capacity")),
    visibility: hidden ? "unlisted" : "public",
    joinable: !locked,
    data: Object.fromEntries(game === null ? values : [[GAME_KEY, game], ...values]),
  };
}

/** The lobby of a noray host, as it was before nohub listed it. */
export const withdrawalOf = ({ id, proof }: HostedLobby): ReportBody => ({
  kind: "publish",
  name: id,
  peer: id,
  proof,
  join_uri: null,
  display_name: null,
  seats: null,
  visibility: "unlisted",
  joinable: true,
  data: {},
});

/** Numbers are stored as numbers if that is exact, so that lists over HTTP can compare them. */
const valueOf = (text: string): Value =>
  text !== "" && String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : text;

const displayName = (name = ""): string | null =>
  /^(?!\s)[^\p{Cc}\p{Cs}]+(?<!\s)$/u.test(name) && name.length <= DISPLAY_NAME_LENGTH_MAX ? name : null;

function seatsOf(capacity = ""): number | null {
  const seats = /^[0-9]{1,3}$/.test(capacity) ? Number(capacity) : 0;
  return seats >= 1 && seats <= SEATS_MAX ? seats : null;
}

// --- lobbies as clients read them ------------------------------------------------------------------------------

/** A lobby that a session may see. */
export type VisibleLobby = LobbyLine & {
  readonly uri: string;
  readonly game: string | null;
  readonly created_at: number;
};

const visible = new WeakMap<DirectoryEntry, VisibleLobby | null>();

/** Null for a lobby without an address, or whose host is away. The same object for the same entry. */
export function visibleEntry(entry: DirectoryEntry): VisibleLobby | null {
  let lobby = visible.get(entry);
  if (lobby === undefined) visible.set(entry, (lobby = toVisible(entry)));
  return lobby;
}

function toVisible(entry: DirectoryEntry): VisibleLobby | null {
  const { join_uri, away, created_at_ms, listed, joinable, locked, data } = entry;
  if (join_uri === undefined || away) return null;
  return {
    id: publicName(entry),
    uri: join_uri,
    game: gameOf(entry),
    created_at: created_at_ms,
    locked: locked || !joinable,
    hidden: !listed,
    data: new Map([...defaultsOf(entry), ...dataOf(data)]),
  };
}

export const gameOf = ({ data }: DirectoryEntry): string | null =>
  Object.hasOwn(data, GAME_KEY) ? String(data[GAME_KEY]) : null;

/** The data without the keys that only the sidecar uses. */
export const dataOf = (data: Readonly<Record<string, Value>>): [string, string][] =>
  Object.entries(data)
    .filter(([key]) => key !== GAME_KEY && key !== ADDRESS_KEY)
    .map(([key, value]) => [key, String(value)]);

/** The keys that netfox's example shows, for lobbies that were not made over nohub. */
function defaultsOf({ wire, display_name, members, seats }: DirectoryEntry): [string, string][] {
  if (wire === "nohub") return [];
  const capacity: [string, string][] = seats === null ? [] : [["player-capacity", String(seats)]];
  return [["name", display_name], ["player-count", String(members)], ...capacity];
}
