/**
 * Budgets that several holders share: the sides of one source, the allocations of one game. A budget is removed with
 * its last holder.
 */
import { SourceCounter } from "#shared/net/source-counter.ts";
import { type Bucket, type Budget, fullBucket } from "#shared/rate-limit/token-bucket.ts";

export type BudgetShare = { readonly key: string; slots: number; readonly bucket: Bucket };

export class SharedBudgets {
  readonly budget: Budget;
  readonly #holders = new SourceCounter();
  readonly #shares = new Map<string, BudgetShare>();

  constructor(budget: Budget) {
    this.budget = budget;
  }

  get size(): number {
    return this.#shares.size;
  }

  /** Whether this source, and the networks around it, may have another holder beside `waiting` ones. */
  hasRoom(key: string, per_source_max: number, waiting = 0): boolean {
    return this.#holders.hasRoom(addressIn(key), { size_max: Infinity, per_source_max }, waiting);
  }

  acquire(key: string, now: number): BudgetShare {
    let share = this.#shares.get(key);
    if (share === undefined) this.#shares.set(key, (share = { key, slots: 0, bucket: fullBucket(this.budget, now) }));
    share.slots++;
    this.#holders.add(addressIn(key), 1);
    return share;
  }

  release(share: BudgetShare): void {
    this.#holders.add(addressIn(share.key), -1);
    if (--share.slots === 0) this.#shares.delete(share.key);
  }
}

/** An address in the source that a key names. A key of a game or a peer counts as it is. */
const addressIn = (key: string): string => key.replace(/\/64$/, "");
