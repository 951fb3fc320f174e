/**
 * Waking: what a side gets that has not sent anything to its port yet. A game that only listens speaks when it hears
 * something, so it gets the other side's first datagrams at the endpoint that its wire observed: one for one, a limited
 * number, at a limited rate. A side that its wire has not proved has the limits of side-credit.ts besides.
 */
import { RELAY_WAKE_BURST, RELAY_WAKE_PER_S } from "#shared/limits.ts";
import { type Budget, refill } from "#shared/rate-limit/token-bucket.ts";
import type { Hop, Side } from "./allocation.ts";

export const WAKE_RATE: Budget = { per_s: RELAY_WAKE_PER_S, burst: RELAY_WAKE_BURST };

/** Where the next datagram for a side without an endpoint goes, or null if it is dropped. */
export function wakeHop(side: Side, now: number): Hop | null {
  if (side.observed === null || side.wakes_left === 0 || refill(side.wake_bucket, WAKE_RATE, now) < 1) return null;
  side.wake_bucket.tokens -= 1;
  side.wakes_left -= 1;
  return { port: side.port, endpoint: side.observed, stream: null };
}
