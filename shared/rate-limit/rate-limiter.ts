/**
 * What the API's requests cost, and who pays: a budget for each peer who shows his token, a wider one for the source
 * (IPv4 address, IPv6 /64) that he shares with his household, and for whoever shows no token the narrow one alone.
 * Answers say how much is left in the words of draft-ietf-httpapi-ratelimit-headers-10.
 */
import { type Budget, BucketTable } from "./token-bucket.ts";
import { SHARED_SOURCE_FACTOR, RATE_LIMIT_BUDGETS, RATE_LIMIT_SUBJECTS_MAX } from "../limits.ts";

export type RateLimitClass = keyof typeof RATE_LIMIT_BUDGETS;
export type Budgets = Readonly<Record<RateLimitClass, Budget>>;

/** Who asks, as far as the Worker knows: without a token no peer, without a trusted header no source. */
export type RateLimitSubject = { readonly peer: string | null; readonly source: string | null };

/** What a toll did to a budget. */
export type RateLimitState = {
  readonly class: RateLimitClass;
  readonly allowed: boolean;
  readonly burst: number;
  /** Seconds in which an empty budget fills. */
  readonly window_s: number;
  readonly remaining: number;
  /** Seconds until it is full again. */
  readonly reset_s: number;
  /** Seconds until the next request would be taken; 0 where this one was. */
  readonly retry_after_s: number;
};

type Table = { readonly budget: Budget; readonly guard: BucketTable };

export class RateLimiter {
  readonly #budgets: Budgets | null;
  readonly #tables = new Map<string, Table>();

  /** Without budgets everything is free. */
  constructor(budgets: Budgets | null) {
    this.#budgets = budgets;
  }

  /** Takes what the request costs from everybody it concerns, or from nobody. Null where nothing limits it. */
  consume(toll: RateLimitClass, payer: RateLimitSubject, now: number): RateLimitState | null {
    const due = this.#bucketsFor(toll, payer);
    const short = due.find(({ table, whose }) => table.guard.remaining(whose, now) < 1);
    if (short === undefined) for (const { table, whose } of due) table.guard.consume(whose, now);
    const scarce = short ?? due[0];
    if (scarce === undefined) return null;
    const { per_s, burst } = scarce.table.budget;
    const left = scarce.table.guard.remaining(scarce.whose, now);
    const seconds = (tokens: number): number => Math.ceil(Math.max(0, tokens) / per_s);
    return {
      class: toll,
      allowed: short === undefined,
      burst,
      window_s: seconds(burst),
      remaining: Math.floor(left),
      reset_s: seconds(burst - left),
      retry_after_s: short === undefined ? 0 : Math.max(1, seconds(1 - left)),
    };
  }

  /** Whether it could be paid; for what costs only where it fails. */
  canConsume(toll: RateLimitClass, payer: RateLimitSubject, now: number): boolean {
    return this.#bucketsFor(toll, payer).every(({ table, whose }) => table.guard.remaining(whose, now) >= 1);
  }

  /** Everybody who pays, the narrowest budget first. */
  #bucketsFor(toll: RateLimitClass, { peer, source }: RateLimitSubject): { table: Table; whose: string }[] {
    const budget = this.#budgets?.[toll];
    if (budget === undefined) return [];
    const due: { table: Table; whose: string }[] = [];
    if (peer !== null) due.push({ table: this.#table(`${toll} peer`, budget), whose: peer });
    if (source !== null) {
      const shared = { per_s: budget.per_s * SHARED_SOURCE_FACTOR, burst: budget.burst * SHARED_SOURCE_FACTOR };
      const table = peer === null ? this.#table(`${toll} source`, budget) : this.#table(`${toll} household`, shared);
      due.push({ table, whose: source });
    }
    return due;
  }

  #table(name: string, budget: Budget): Table {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = { budget, guard: new BucketTable(budget, RATE_LIMIT_SUBJECTS_MAX) };
    this.#tables.set(name, table);
    return table;
  }
}

/** `RateLimit-Policy` and `RateLimit`. */
export const rateHeaders = ({
  class: toll,
  burst,
  window_s,
  remaining: left,
  reset_s: full_s,
}: RateLimitState): Record<string, string> => ({
  "ratelimit-policy": `"${toll}";q=${burst};w=${window_s}`,
  ratelimit: `"${toll}";r=${left};t=${full_s}`,
});

/**
 * The budgets of a setting like `list=2/10,chat=5/20` (per second / at once) over the defaults; null where it says
 * `off`, and the piece that is wrong where one is.
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
