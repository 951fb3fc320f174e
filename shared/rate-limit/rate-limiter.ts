/**
 * Rate limits of the API. A request with a token counts for its peer and, in a larger bucket, for its source (IPv4 address,
 * IPv6 /64), which several peers may share. A request without a token counts for its source alone. Responses carry the
 * headers of draft-ietf-httpapi-ratelimit-headers-10.
 */
import { type Budget, BucketTable } from "./token-bucket.ts";
import { SHARED_SOURCE_FACTOR, RATE_LIMIT_BUDGETS, RATE_LIMIT_SUBJECTS_MAX } from "../limits.ts";

export type RateLimitClass = keyof typeof RATE_LIMIT_BUDGETS;
export type Budgets = Readonly<Record<RateLimitClass, Budget>>;

/** Who sends the request. `peer` is null without a token, `source` without a trusted address header. */
export type RateLimitSubject = { readonly peer: string | null; readonly source: string | null };

/** The state of the scarcest bucket after a request. */
export type RateLimitState = {
  readonly class: RateLimitClass;
  readonly allowed: boolean;
  readonly burst: number;
  /** Seconds in which an empty bucket fills. */
  readonly window_s: number;
  readonly remaining: number;
  /** Seconds until the bucket is full again. */
  readonly reset_s: number;
  /** Seconds until a request would be allowed; 0 where this one was. */
  readonly retry_after_s: number;
};

type Table = { readonly budget: Budget; readonly buckets: BucketTable };

export class RateLimiter {
  readonly #budgets: Budgets | null;
  readonly #tables = new Map<string, Table>();

  /** `budgets` null: no limits. */
  constructor(budgets: Budgets | null) {
    this.#budgets = budgets;
  }

  /** Takes one token from every bucket of the request, or from none. Null where no limit applies. */
  consume(rateClass: RateLimitClass, subject: RateLimitSubject, now: number): RateLimitState | null {
    const needed = this.#bucketsFor(rateClass, subject);
    const empty = needed.find(({ table, key }) => table.buckets.remaining(key, now) < 1);
    if (empty === undefined) for (const { table, key } of needed) table.buckets.consume(key, now);
    const scarce = empty ?? needed[0];
    if (scarce === undefined) return null;
    const { per_s, burst } = scarce.table.budget;
    const left = scarce.table.buckets.remaining(scarce.key, now);
    const seconds = (tokens: number): number => Math.ceil(Math.max(0, tokens) / per_s);
    return {
      class: rateClass,
      allowed: empty === undefined,
      burst,
      window_s: seconds(burst),
      remaining: Math.floor(left),
      reset_s: seconds(burst - left),
      retry_after_s: empty === undefined ? 0 : Math.max(1, seconds(1 - left)),
    };
  }

  /** Whether a request would be allowed, without taking tokens. */
  canConsume(rateClass: RateLimitClass, subject: RateLimitSubject, now: number): boolean {
    return this.#bucketsFor(rateClass, subject).every(({ table, key }) => table.buckets.remaining(key, now) >= 1);
  }

  /** The buckets of a request, the smallest first. */
  #bucketsFor(rateClass: RateLimitClass, { peer, source }: RateLimitSubject): { table: Table; key: string }[] {
    const budget = this.#budgets?.[rateClass];
    if (budget === undefined) return [];
    const needed: { table: Table; key: string }[] = [];
    if (peer !== null) needed.push({ table: this.#table(`${rateClass} peer`, budget), key: peer });
    if (source !== null) {
      const shared = { per_s: budget.per_s * SHARED_SOURCE_FACTOR, burst: budget.burst * SHARED_SOURCE_FACTOR };
      const table =
        peer === null ? this.#table(`${rateClass} source`, budget) : this.#table(`${rateClass} shared source`, shared);
      needed.push({ table, key: source });
    }
    return needed;
  }

  #table(name: string, budget: Budget): Table {
    const existing = this.#tables.get(name);
    if (existing !== undefined) return existing;
    const table = { budget, buckets: new BucketTable(budget, RATE_LIMIT_SUBJECTS_MAX) };
    this.#tables.set(name, table);
    return table;
  }
}

/** `RateLimit-Policy` and `RateLimit`. */
export const rateHeaders = (state: RateLimitState): Record<string, string> => ({
  "ratelimit-policy": `"${state.class}";q=${state.burst};w=${state.window_s}`,
  ratelimit: `"${state.class}";r=${state.remaining};t=${state.reset_s}`,
});

/**
 * The budgets of a setting like `list=2/10,chat=5/20` (per second / burst) over the defaults. Null for `off`; the first
 * invalid part where there is one.
 */
export function parseBudgets(setting: string): { readonly budgets: Budgets | null } | { readonly invalid: string } {
  if (setting.trim() === "off") return { budgets: null };
  const budgets: Record<RateLimitClass, Budget> = { ...RATE_LIMIT_BUDGETS };
  for (const piece of setting.split(",").map((part) => part.trim())) {
    if (piece === "") continue;
    const match = /^([a-z]{1,16})=([0-9]{1,7}(?:\.[0-9]{1,4})?)\/([1-9][0-9]{0,6})$/.exec(piece);
    const per_s = Number(match?.[2] ?? 0);
    if (match === null || per_s === 0 || !Object.hasOwn(budgets, match[1]!)) return { invalid: piece.slice(0, 64) };
    budgets[match[1] as RateLimitClass] = { per_s, burst: Number(match[3]) };
  }
  return { budgets };
}
