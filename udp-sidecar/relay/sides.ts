/** Creates the two sides of an allocation. */
import { type Budget, fullBucket } from "#shared/rate-limit/token-bucket.ts";
import { partyFamily, type PortPool, type RelayParty, type Side } from "./allocation.ts";
import type { BudgetShare } from "./shared-budget.ts";

/** A side that has not authenticated yet. `source` is the budget it shares with others. */
export function createSide(party: RelayParty, port: number, source: BudgetShare, budget: Budget, now: number): Side {
  return {
    peer: party.peer,
    port,
    family: partyFamily(party),
    observed: party.observed,
    source,
    endpoint: null,
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
