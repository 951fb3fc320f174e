/**
 * Custom data of lobbies and members: named values that the hub stores and filters by but does not interpret. A patch
 * returns new data, or null where a limit would be exceeded.
 */
import {
  DATA_BYTES_MAX,
  DATA_KEYS_MAX,
  INDEXED_BYTES_MAX,
  INDEXED_KEYS_MAX,
  MEMBER_DATA_BYTES_MAX,
} from "../limits.ts";

export type Value = string | number | boolean;
export type Data = Readonly<Record<string, Value>>;

export const DATA_VISIBILITIES = ["public", "member", "private"] as const;
/** Who can read an entry: every reader of the lobby, its members, or only the host. */
export type DataVisibility = (typeof DATA_VISIBILITIES)[number];

/** Lists filter by indexed entries. Only public entries can be indexed, because a filter reveals the value. */
export type Entry = { readonly value: Value; readonly visibility: DataVisibility; readonly index: boolean };
export type LobbyData = Readonly<Record<string, Entry>>;

/** Merge patches (RFC 7396): null removes a key, absent keys stay. */
export type DataPatch = Readonly<Record<string, Value | null>>;
export type LobbyDataPatch = Readonly<Record<string, Partial<Entry> | null>>;

/** The data after a patch, or null where it exceeds a limit or an entry has no value. */
export function patchLobbyData(data: LobbyData, patch: LobbyDataPatch): LobbyData | null {
  const next = new Map(Object.entries(data));
  for (const [key, part] of Object.entries(patch)) {
    if (part === null) next.delete(key);
    else {
      const { value, visibility, index } = { ...NEW_ENTRY, ...next.get(key), ...part };
      if (value === undefined) return null;
      next.set(key, { value, visibility, index });
    }
  }
  const entries = [...next];
  const indexed = entries.filter(([, entry]) => entry.index);
  const isValid =
    entries.length <= DATA_KEYS_MAX &&
    bytesOf(entries.map(([key, { value }]) => [key, value])) <= DATA_BYTES_MAX &&
    indexed.length <= INDEXED_KEYS_MAX &&
    indexed.every(([, { value, visibility }]) => visibility === "public" && bytes(value) <= INDEXED_BYTES_MAX);
  return isValid ? Object.fromEntries(entries) : null;
}

export function patchMemberData(data: Data, patch: DataPatch): Data | null {
  const next = new Map(Object.entries(data));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) next.delete(key);
    else next.set(key, value);
  }
  const entries = [...next];
  return entries.length <= DATA_KEYS_MAX && bytesOf(entries) <= MEMBER_DATA_BYTES_MAX
    ? Object.fromEntries(entries)
    : null;
}

const NEW_ENTRY: { value?: Value; visibility: DataVisibility; index: boolean } = { visibility: "public", index: false };

const bytesOf = (entries: readonly (readonly [string, Value])[]): number =>
  entries.reduce((sum, [key, value]) => sum + key.length + bytes(value), 0);

/** Length in UTF-8. `shared` has no TextEncoder, because it uses no platform API. */
function bytes(value: Value): number {
  let sum = 0;
  for (const character of String(value)) {
    const point = character.codePointAt(0)!;
    sum += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return sum;
}
