/** When an allocation ends by itself. */
import { RELAY_UNUSED_MS } from "#shared/limits.ts";
import type { Allocation, RelayLimits } from "./allocation.ts";

/** Why the allocation ends now, or null. */
export function expiryOf(
  allocation: Allocation,
  { lifetime_ms, idle_ms, relatch_ms }: RelayLimits,
  now: number,
): "lifetime" | "idle" | "released" | null {
  const [a, b] = allocation.sides;
  const silent_ms = now - Math.max(allocation.requested_at, a.last_received_at, b.last_received_at);
  if (now - allocation.allocated_at >= lifetime_ms) return "lifetime";
  if (silent_ms >= idle_ms || (isUnused(allocation) && silent_ms >= RELAY_UNUSED_MS)) return "idle";
  return a.left && b.left && silent_ms >= relatch_ms ? "released" : null;
}

/** Neither peer has sent a datagram to the relay. Peers that enter with a secret may first try a direct path. */
const isUnused = ({ sides }: Allocation): boolean =>
  sides.every(({ endpoint, observed }) => endpoint === null && observed !== null);
