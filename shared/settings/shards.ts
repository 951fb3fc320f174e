/**
 * The setting HUB_SHARDS: how many hubs share the lobbies of one game. While the number changes it is the new and the
 * former one, `4,2`: new lobbies are placed by the new number, and those from before are found by the former one.
 */
import { SHARDS_MAX } from "../limits.ts";

export type Shards = {
  /** New lobbies are spread over the hubs below this number. */
  readonly present: number;
  /** Lobbies may have been spread over the hubs below this number; null: no change is under way. */
  readonly former: number | null;
};

export const SHARDS_EXPECTED = `HUB_SHARDS: a number from 1 to ${SHARDS_MAX} expected, or the new and the former one, like 4,2`;

/** Null if the setting is not valid. */
export function parseShards(setting: string): Shards | null {
  const numbers = setting.split(",").map((part) => (/^ *[0-9]{1,2} *$/.test(part) ? Number(part) : 0));
  if (numbers.length > 2 || numbers.some((number) => number < 1 || number > SHARDS_MAX)) return null;
  const [present, former = present] = numbers as [number, number?];
  return { present, former: former === present ? null : former };
}

/** How many hubs may hold lobbies. */
export const hubsOf = ({ present, former }: Shards): number => Math.max(present, former ?? 0);

/** The shards at which a lobby may be, that of new lobbies first. `at` computes it from a number of shards. */
export const placesOf = ({ present, former }: Shards, at: (shards: number) => number): readonly number[] => [
  ...new Set([at(present), ...(former === null ? [] : [at(former)])]),
];
