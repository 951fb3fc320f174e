/** What the Worker is given: bindings and settings of wrangler.toml, read once per use and never trusted. */
import { SHARDS_MAX, TOKEN_KEY_LENGTH_MIN, RATE_LIMIT_BUDGETS } from "#shared/limits.ts";
import { type Budgets, parseBudgets } from "#shared/rate-limit/rate-limiter.ts";
import type { HubRpc } from "./rpc.ts";

export type Env = {
  readonly HUB: DurableObjectNamespace<HubRpc>;
  /** The page's files. Cloudflare answers from them before the Worker runs; plain workerd asks us. */
  readonly ASSETS?: Fetcher;
  readonly HUB_SHARDS?: string;
  readonly LOCATION_HINT?: string;
  /** One or two keys, comma-separated: two while they are being rotated. */
  readonly SIDECAR_KEYS?: string;
  /** One or two keys of operators, likewise; without one their door is shut. */
  readonly ADMIN_KEYS?: string;
  /** Budgets that differ from shared/limits.ts, or `off`. */
  readonly RATE_LIMITS?: string;
  /** The header in which a proxy that we trust names the client's address; without one nobody's is known. */
  readonly SOURCE_HEADER?: string;
  /** One or two keys, likewise: the first one signs tokens and tickets, both are believed. */
  readonly TOKEN_KEYS?: string;
};

const HINTS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;

/** Hubs per game. A value that is no number from 1 to 64 counts as 1 and is complained about. */
export function shardCount(env: Env): number {
  const shards = Number(env.HUB_SHARDS ?? "1");
  if (Number.isInteger(shards) && shards >= 1 && shards <= SHARDS_MAX) return shards;
  console.error({ message: `HUB_SHARDS must be a number from 1 to ${SHARDS_MAX}`, value: env.HUB_SHARDS });
  return 1;
}

/** The hub that holds one shard of a game. */
export function hubOf(env: Env, game: string, shard: number): DurableObjectStub<HubRpc> {
  const hint = HINTS.find((word) => word === env.LOCATION_HINT);
  const id = env.HUB.idFromName(`${game}/${shard}`);
  return env.HUB.get(id, hint === undefined ? {} : { locationHint: hint });
}

/** The keys of a comma-separated setting. */
export function parseKeys(setting: string | undefined): string[] {
  const keys = (setting ?? "").split(",").map((key) => key.trim());
  return keys.filter((key) => key !== "");
}

/** What requests cost; null where nothing does. A piece that is wrong counts as not said and is complained about. */
export function budgetsOf(env: Env): Budgets | null {
  const parsed = parseBudgets(env.RATE_LIMITS ?? "");
  if ("budgets" in parsed) return parsed.budgets;
  console.error({ message: "RATE_LIMITS must be `off` or like `list=1/5,chat=1/5`", invalid: parsed.invalid });
  return RATE_LIMIT_BUDGETS;
}

/** What no house can do without. */
export const hasKeys = (env: Env): boolean =>
  parseKeys(env.SIDECAR_KEYS).length > 0 && parseKeys(env.TOKEN_KEYS).some((key) => key.length >= TOKEN_KEY_LENGTH_MIN);
