/**
 * Token buckets, one per source (IPv4 address, IPv6 /64) or other key, in a table of bounded size. When the table is full,
 * new keys share one bucket.
 */
import { sourceOf } from "../net/endpoint.ts";

export type Budget = { readonly per_s: number; readonly burst: number };

export type Bucket = { tokens: number; at: number };

export const fullBucket = (budget: Budget, now: number): Bucket => ({ tokens: budget.burst, at: now });

/** Refills a bucket up to now, and returns its tokens. */
export function refill(bucket: Bucket, { per_s, burst }: Budget, now: number): number {
  bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * per_s) / 1_000);
  bucket.at = now;
  return bucket.tokens;
}

/** Takes one token; false where none is left. */
export function consumeToken(bucket: Bucket, budget: Budget, now: number): boolean {
  if (refill(bucket, budget, now) < 1) return false;
  bucket.tokens -= 1;
  return true;
}

/** Buckets checked for removal when the table is full. */
const CHECKS_MAX = 64;

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

  /** Takes one token of the source; false where none is left. */
  consume(address: string, now: number): boolean {
    return consumeToken(this.#bucketOf(sourceOf(address), now), this.#budget, now);
  }

  /** Tokens of a source. Takes none, and adds no bucket. */
  remaining(address: string, now: number): number {
    const bucket = this.#buckets.get(sourceOf(address));
    if (bucket !== undefined) return refill(bucket, this.#budget, now);
    return this.#buckets.size < this.#sources_max ? this.#budget.burst : refill(this.#shared, this.#budget, now);
  }

  #bucketOf(source: string, now: number): Bucket {
    const existing = this.#buckets.get(source);
    if (existing !== undefined) return existing;
    if (this.#buckets.size >= this.#sources_max) this.#removeFull(now);
    if (this.#buckets.size >= this.#sources_max) return this.#shared;
    const bucket = fullBucket(this.#budget, now);
    this.#buckets.set(source, bucket);
    return bucket;
  }

  /**
   * Removes full buckets, which equal absent ones. Each call checks a few and continues where the last one ended, so that
   * busy sources do not shield idle ones.
   */
  #removeFull(now: number): void {
    for (let checks = Math.min(CHECKS_MAX, this.#buckets.size); checks > 0; checks--) {
      let next = this.#round.next();
      if (next.done === true) next = (this.#round = this.#buckets.entries()).next();
      if (next.done === true) return;
      const [source, bucket] = next.value;
      const idle_s = (now - bucket.at) / 1_000;
      if (bucket.tokens + idle_s * this.#budget.per_s >= this.#budget.burst) this.#buckets.delete(source);
    }
  }
}
