/** Steam's lobby data as the hub's data entries, the first keys with an index (docs/reference/http.md). */
import type { NewLobby } from "../api/types.ts";

export type DataValue = string | number | boolean;

/** Data keys that can be searched for (docs/reference/http.md). */
const INDEXED_MAX = 10;

/** The first `INDEXED_MAX` keys can be searched for. */
export function entriesOf(data: Readonly<Record<string, DataValue>>, indexed: number): NonNullable<NewLobby["data"]> {
  const entries = Object.entries(data).map(([key, value], at) => {
    const index = indexed + at < INDEXED_MAX && String(value).length <= INDEXED_LENGTH_MAX;
    return [key, { value, visibility: "public" as const, index }] as const;
  });
  return Object.fromEntries(entries);
}

/** The hub indexes values of up to 128 bytes, and a UTF-16 unit has up to three. */
const INDEXED_LENGTH_MAX = 42;
