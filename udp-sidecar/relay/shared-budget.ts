/**
 * Budgets that several holders share: the sides of one source, the allocations of one game. A budget is removed with
 * its last holder.
 */
import { type Bucket, type Budget, fullBucket } from "#shared/rate-limit/token-bucket.ts";

export type BudgetShare = { readonly key: string; slots: number; readonly bucket: Bucket };

export class SharedBudgets {
  readonly budget: Budget;
  readonly #shares = new Map<string, BudgetShare>();

  constructor(budget: Budget) {
    this.budget = budget;
  }

  get size(): number {
    return this.#shares.size;
  }

  slots(key: string): number {
    return this.#shares.get(key)?.slots ?? 0;
  }

  acquire(key: string, now: number): BudgetShare {
    let share = this.#shares.get(key);
    if (share === undefined) this.#shares.set(key, (share = { key, slots: 0, bucket: fullBucket(this.budget, now) }));
    share.slots++;
    return share;
  }

  release(share: BudgetShare): void {
    if (--share.slots === 0) this.#shares.delete(share.key);
  }
}
