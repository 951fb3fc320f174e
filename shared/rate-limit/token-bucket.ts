/**
 * Budgets: how much work and how many answers one source may cause. A token bucket each, for addresses (IPv4 /32,
 * IPv6 /64) and for any other name; when the table is full, newcomers share one bucket.
 */
import { sourceOf } from "../net/endpoint.ts";

export type Budget = { readonly per_s: number; readonly burst: number };

export type Bucket = { tokens: number; at: number };

export const fullBucket = (budget: Budget, now: number): Bucket => ({ tokens: budget.burst, at: now });

/** Fills a bucket up to now, and says how many tokens are in it. */
export function refill(bucket: Bucket, { per_s, burst }: Budget, now: number): number {
  bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * per_s) / 1_000);
  bucket.at = now;
  return bucket.tokens;
}

/** Takes one token, or says that there is none. */
export function consumeToken(bucket: Bucket, budget: Budget, now: number): boolean {
  if (refill(bucket, budget, now) < 1) return false;
  bucket.tokens -= 1;
  return true;
}

/** Buckets looked at when room is needed. */
const LOOKS = 64;

export class BucketTable {
  readonly #budget: Budget;
  readonly #sources_max: number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #shared: Bucket;
  #round = this.#buckets.entries();

  constructor(budget: Budget, sources_max: number) {
    this.#budget = budget;
    this.#sources_max = sources_max;
    this.#shared = fullBucket(budget, 0);
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one token of the source; false where there is none left. */
  consume(address: string, now: number): boolean {
    return consumeToken(this.#bucketOf(sourceOf(address), now), this.#budget, now);
  }

  /** Tokens that a source has now; asking takes none, and no room. */
  remaining(address: string, now: number): number {
    const bucket = this.#buckets.get(sourceOf(address));
    if (bucket !== undefined) return refill(bucket, this.#budget, now);
    return this.#buckets.size < this.#sources_max ? this.#budget.burst : refill(this.#shared, this.#budget, now);
  }

  #bucketOf(source: string, now: number): Bucket {
    const known = this.#buckets.get(source);
    if (known !== undefined) return known;
    if (this.#buckets.size >= this.#sources_max) this.#forgetFull(now);
    if (this.#buckets.size >= this.#sources_max) return this.#shared;
    const bucket = fullBucket(this.#budget, now);
    this.#buckets.set(source, bucket);
    return bucket;
  }

  /**
   * A bucket that has filled up again says nothing: forgetting it changes no answer. A few are looked at each time,
   * going round, so that sources that never rest do not hide those that do.
   */
  #forgetFull(now: number): void {
    for (let looks = Math.min(LOOKS, this.#buckets.size); looks > 0; looks--) {
      let next = this.#round.next();
      if (next.done === true) next = (this.#round = this.#buckets.entries()).next();
      if (next.done === true) return;
      const [source, bucket] = next.value;
      const idle_s = (now - bucket.at) / 1_000;
      if (bucket.tokens + idle_s * this.#budget.per_s >= this.#budget.burst) this.#buckets.delete(source);
    }
  }
}
