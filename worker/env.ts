/**
 * The Worker's bindings and settings, as wrangler.toml and its secrets give them. Every read validates its setting,
 * because an operator types them.
 */
import { type KeySetting, splitKeys, weakness } from "#shared/auth/keys.ts";
import { RATE_LIMIT_BUDGETS } from "#shared/limits.ts";
import { type Budgets, parseBudgets } from "#shared/rate-limit/rate-limiter.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import { parseDeniedNames } from "#shared/settings/denied-names.ts";
import { type Games, parseGames } from "#shared/settings/games.ts";
import { type OperatorKey, parseOperatorKeys } from "#shared/settings/operator-keys.ts";
import { hubsOf, parseShards, type Shards, SHARDS_EXPECTED } from "#shared/settings/shards.ts";
import type { GameRegistryRpc, HubRpc } from "./rpc.ts";

export type Env = {
  readonly HUB: DurableObjectNamespace<HubRpc>;
  readonly REGISTRY: DurableObjectNamespace<GameRegistryRpc>;
  /** The files of the lobby page. Cloudflare serves them before the Worker runs; with plain workerd the Worker does. */
  readonly ASSETS?: Fetcher;
  /** The games that are served, comma-separated, or `*` for any. */
  readonly GAMES?: string;
  /** The number of hubs per game; while it changes, the new and the former one. */
  readonly HUB_SHARDS?: string;
  readonly LOCATION_HINT?: string;
  /** `on`: anonymous reads are kept in the cache of the Cloudflare location. */
  readonly EDGE_CACHE?: string;
  /** One or two keys, comma-separated: two during a rotation. */
  readonly SIDECAR_KEYS?: string;
  /** Keys of operators, with their roles and games (shared/settings/operator-keys.ts). Without ADMIN_KEYS every admin route returns 401. */
  readonly ADMIN_KEYS?: string;
  /** Where reports of players are sent, and the key that signs them. Without them there are no reports. */
  readonly REPORTS_WEBHOOK?: string;
  readonly REPORTS_KEY?: string;
  /** Providers of identities per game (shared/settings/identity.ts), and the key that derives peer ids. */
  readonly IDENTITY?: string;
  readonly IDENTITY_KEY?: string;
  /** Words that no displayed name may contain, comma-separated. */
  readonly NAMES_DENIED?: string;
  /** Rate limits that differ from shared/limits.ts, or `off`. */
  readonly RATE_LIMITS?: string;
  /** The header in which a trusted proxy passes the client's address. Without it no client's address is known. */
  readonly SOURCE_HEADER?: string;
  /** URLs of the operator's TURN servers, comma-separated, and the secret that they share with the hub. */
  readonly TURN_URLS?: string;
  readonly TURN_SECRET?: string;
  /** One or two keys. The first signs tokens and tickets; both verify them. */
  readonly TOKEN_KEYS?: string;
};

const HINTS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;

/** Hubs per game. An invalid value is logged and counts as 1. */
export function shardsOf(env: Env): Shards {
  const shards = parseShards(env.HUB_SHARDS ?? "1");
  if (shards !== null) return shards;
  console.error({ message: SHARDS_EXPECTED, value: env.HUB_SHARDS });
  return { present: 1, former: null };
}

/** The number of hubs over which new lobbies are spread. */
export const shardCount = (env: Env): number => shardsOf(env).present;

/** The number of hubs that may hold lobbies. */
export const hubCount = (env: Env): number => hubsOf(shardsOf(env));

/** The shard of a lobby's or connection's id, or null if no such shard exists. */
export function shardHolding(env: Env, id: string): number | null {
  const shard = shardOfId(id);
  return shard === null || shard >= hubCount(env) ? null : shard;
}

/** The hub that holds one shard of a game. */
export function hubOf(env: Env, game: string, shard: number): DurableObjectStub<HubRpc> {
  const hint = HINTS.find((word) => word === env.LOCATION_HINT);
  const id = env.HUB.idFromName(`${game}/${shard}`);
  return env.HUB.get(id, hint === undefined ? {} : { locationHint: hint });
}

/** The keys of a setting. A weak key is logged by its setting's name and does not count. */
export function keysOf(name: Exclude<KeySetting, "ADMIN_KEYS">, env: Env): string[] {
  return splitKeys(env[name] ?? "").filter((key) => {
    const message = weakness(name, key);
    if (message !== null) console.error({ message });
    return message === null;
  });
}

/** Parses a setting once for many requests: a Worker's settings do not change while it runs. */
function parsedOnce<T>(parse: (setting: string) => T): (setting?: string) => T {
  let last: { readonly setting: string; readonly parsed: T } | null = null;
  return (setting = "") => {
    if (last?.setting !== setting) last = { setting, parsed: parse(setting) };
    return last.parsed;
  };
}

/** Logs the faults of a setting. */
function logged<T extends { readonly faults: readonly string[] }>(parsed: T): T {
  for (const message of parsed.faults) console.error({ message });
  return parsed;
}

const parsedOperatorKeys = parsedOnce((setting) => logged(parseOperatorKeys(setting)).keys);
const parsedGames = parsedOnce((setting) => logged(parseGames(setting)));
const parsedDeniedNames = parsedOnce(parseDeniedNames);

/** The keys of operators. Entries with a fault are logged once and do not count. */
export const operatorKeysOf = (env: Env): readonly OperatorKey[] => parsedOperatorKeys(env.ADMIN_KEYS);

/** The games of this deployment. Entries that are no names are logged once and not served. */
export const gamesOf = (env: Env): Games => parsedGames(env.GAMES);

/** The words that no displayed name may contain. */
export const deniedNamesOf = (env: Env): readonly string[] => parsedDeniedNames(env.NAMES_DENIED);

export const isServed = (env: Env, game: string): boolean => gamesOf(env).names?.has(game) ?? true;

/** The rate limits, or null if they are off. An invalid entry is logged and its default applies. */
export function budgetsOf(env: Env): Budgets | null {
  const parsed = parseBudgets(env.RATE_LIMITS ?? "");
  if ("budgets" in parsed) return parsed.budgets;
  console.error({ message: "RATE_LIMITS must be `off` or like `list=1/5,chat=1/5`", invalid: parsed.invalid });
  return RATE_LIMIT_BUDGETS;
}
