/** Budgets that several have in common: the sides of one source, the allocations of one game. Each goes with its last. */
import { type Bucket, type Budget, fullBucket } from "#shared/rate-limit/token-bucket.ts";

export type Share = { readonly key: string; places: number; readonly bucket: Bucket };

export class Pooled {
  readonly budget: Budget;
  readonly #shares = new Map<string, Share>();

  constructor(budget: Budget) {
    this.budget = budget;
  }

  get size(): number {
    return this.#shares.size;
  }

  places(key: string): number {
    return this.#shares.get(key)?.places ?? 0;
  }

  join(key: string, now: number): Share {
    let share = this.#shares.get(key);
    if (share === undefined) this.#shares.set(key, (share = { key, places: 0, bucket: fullBucket(this.budget, now) }));
    share.places++;
    return share;
  }

  leave(share: Share): void {
    if (--share.places === 0) this.#shares.delete(share.key);
  }
}
