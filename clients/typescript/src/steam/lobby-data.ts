/** Steam's lobby data as the hub's data, the first keys with an index (docs/reference/http.md). */
import type { NewLobby } from "../api/types.ts";

export type DataValue = string | number | boolean;

/** Data keys that can be searched for (docs/reference/http.md). */
const INDEXED_MAX = 10;

/** The data with its rules: the first `INDEXED_MAX` keys can be searched for. */
export function searchableData(
  data: Readonly<Record<string, DataValue>>,
  indexed: number,
): { readonly data: Readonly<Record<string, DataValue>>; readonly data_rules: NonNullable<NewLobby["data_rules"]> } {
  const rules = Object.entries(data).map(([key, value], at) => {
    const index = indexed + at < INDEXED_MAX && String(value).length <= INDEXED_LENGTH_MAX;
    return [key, { visibility: "public" as const, index }] as const;
  });
  return { data, data_rules: Object.fromEntries(rules) };
}

/** The hub indexes values of up to 128 bytes, and a UTF-16 unit has up to three. */
const INDEXED_LENGTH_MAX = 42;
