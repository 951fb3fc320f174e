/** Creates the two sides of an allocation. */
import { type Budget, fullBucket } from "#shared/rate-limit/token-bucket.ts";
import { budgetKey, partyFamily, type PortPool, type RelayParty, type Side } from "./allocation.ts";
import { RELAY_UNPROVED_BYTES, RELAY_WAKES_MAX } from "#shared/limits.ts";
import type { BudgetShare, SharedBudgets } from "./shared-budget.ts";
import { WAKE_RATE } from "./waking.ts";

type NewSide = {
  readonly port: number;
  /** The budget it shares with others. */
  readonly source: BudgetShare;
  readonly budget: Budget;
  readonly wakes: boolean;
};

/** A side that has not authenticated yet. */
export function createSide(party: RelayParty, { port, source, budget, wakes }: NewSide, now: number): Side {
  return {
    peer: party.peer,
    port,
    family: partyFamily(party),
    observed: party.observed,
    source,
    endpoint: null,
    proved: party.observed !== null && party.proved === true,
    credit_bytes: RELAY_UNPROVED_BYTES,
    wakes_left: wakes ? RELAY_WAKES_MAX : 0,
    wake_bucket: fullBucket(WAKE_RATE, now),
    stream: null,
    secret: false,
    left: false,
    last_received_at: now,
    bucket: fullBucket(budget, now),
  };
}

/** One open port for each party, or null if there are not two. */
export function acquirePorts(pool: PortPool, parties: readonly [RelayParty, RelayParty]): [number, number] | null {
  const first = pool.acquire(partyFamily(parties[0]));
  if (first === null) return null;
  const second = pool.acquire(partyFamily(parties[1]));
  if (second !== null) return [first, second];
  pool.release(first);
  return null;
}

/** Whether the sources of these parties may hold so many more sides. */
export function hasSlots(budgets: SharedBudgets, parties: readonly RelayParty[], slots_max: number): boolean {
  const sources = parties.map(budgetKey);
  return sources.every((source) => {
    const requested = sources.filter((other) => other === source).length;
    return budgets.hasRoom(source, slots_max, requested - 1);
  });
}
