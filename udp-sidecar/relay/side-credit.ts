/**
 * What a side gets that has not proved that it receives. Its wire identifies it by a datagram whose source can be forged.
 * So it gets no more than it sends itself, after a first allowance, and a little is lost with each datagram: otherwise two
 * relays that forward to each other would never stop.
 */
import { RELAY_OVERHEAD_BYTES, RELAY_UNPROVED_BYTES } from "#shared/limits.ts";
import type { Side } from "./allocation.ts";

/** Whether something that only the receiver knows showed that this side receives. */
const isProved = (side: Side): boolean => side.secret || side.proved;

/** The side sent a datagram of this length, headers included. */
export function earnCredit(side: Side, bytes: number): void {
  if (isProved(side)) return;
  side.credit_bytes = Math.min(RELAY_UNPROVED_BYTES, side.credit_bytes + bytes);
}

/** Takes the credit for a datagram to this side; false if there is too little. */
export function spendCredit(side: Side, bytes: number): boolean {
  if (isProved(side)) return true;
  const cost = bytes + RELAY_OVERHEAD_BYTES;
  if (side.credit_bytes < cost) return false;
  side.credit_bytes -= cost;
  return true;
}
