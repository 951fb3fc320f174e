/**
 * The setting ADMIN_KEYS: keys of operators, each with what it allows.
 *
 *     KEY                        everything, in every game
 *     ROLE:KEY                   the role, in every game
 *     ROLE@GAME+GAME:KEY         the role, in these games
 */
import { weakness } from "../auth/keys.ts";
import { GAME_PATTERN } from "../limits.ts";

/** Each role includes those before it. `read`: lists; `moderate`: lobbies and bans; `own`: settings of the game. */
export const ROLES = ["read", "moderate", "own"] as const;
export type Role = (typeof ROLES)[number];

export type OperatorKey = {
  readonly key: string;
  readonly role: Role;
  /** Null: every game. */
  readonly games: ReadonlySet<string> | null;
};
export type OperatorKeys = { readonly keys: readonly OperatorKey[]; readonly faults: readonly string[] };

/** Entries with a fault do not count. A fault names the number of its entry and never the key. */
export function parseOperatorKeys(setting: string): OperatorKeys {
  const keys: OperatorKey[] = [];
  const faults: string[] = [];
  const entries = setting
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  for (const [at, entry] of entries.entries()) {
    const parsed = parseEntry(entry);
    const earlier = keys.findIndex(({ key }) => key === parsed.key);
    const found = [...parsed.faults, ...(earlier < 0 ? [] : ["another entry has the same key"])];
    faults.push(...found.map((fault) => `ADMIN_KEYS: entry ${at + 1}: ${fault}`));
    if (found.length === 0) keys.push({ key: parsed.key, role: parsed.role, games: parsed.games });
  }
  return { keys, faults };
}

function parseEntry(entry: string): OperatorKey & { readonly faults: readonly string[] } {
  const [, scope, key] = /^(?:([^:]*):)?(.*)$/.exec(entry) as unknown as [string, string | undefined, string];
  const weak = weakness("ADMIN_KEYS", key)?.replace(/^ADMIN_KEYS: /, "");
  if (scope === undefined) return { key, role: "own", games: null, faults: weak === undefined ? [] : [weak] };
  const [name = "", list] = scope.split("@", 2);
  const role = ROLES.find((one) => one === name);
  const games = list?.split("+") ?? null;
  const faults = [
    ...(role === undefined ? [`the role ${ROLES.join(", ")} expected before the colon`] : []),
    ...(games?.every((game) => GAME_PATTERN.test(game)) === false
      ? ["names of games joined by + expected after @"]
      : []),
    ...(weak === undefined ? [] : [weak]),
  ];
  return { key, role: role ?? "read", games: games === null ? null : new Set(games), faults };
}

/** Whether a key allows what needs this role in this game. */
export const allows = ({ role, games }: Omit<OperatorKey, "key">, needed: Role, game: string): boolean =>
  ROLES.indexOf(role) >= ROLES.indexOf(needed) && (games === null || games.has(game));
