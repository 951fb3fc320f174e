/** Latching: when a datagram from a new endpoint may change a side's endpoint. The rules are listed in relay.ts. */
import { type Endpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import type { Side } from "./allocation.ts";

type LatchRefusal = "stranger" | "loop";

/** Why `from` cannot become the side's endpoint, or null if it can. `isSidecar` detects endpoints of sidecars. */
export function latchRefusal(
  side: Side,
  from: Endpoint,
  relatch_ms: number,
  isSidecar: (at: Endpoint) => boolean,
  now: number,
): LatchRefusal | null {
  if (side.endpoint !== null) {
    // The same endpoint in another spelling.
    if (sameEndpoint(from, side.endpoint)) return null;
    const isSilent = now - side.last_received_at >= relatch_ms;
    if (side.secret || side.observed === null) return "stranger";
    if (!isSilent && !sameEndpoint(from, side.observed)) return "stranger";
  }
  if (from.address !== side.observed?.address) return "stranger";
  return isSidecar(from) ? "loop" : null;
}
