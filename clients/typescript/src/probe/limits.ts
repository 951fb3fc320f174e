/** Limits of observing reflexive endpoints, with units and reasons. */

/**
 * A request to a sidecar is as long as its longest response. The sidecar ignores shorter ones
 * (docs/reference/wires/native.md).
 */
export const REQUEST_BYTES_MIN = 160;
/** The round trip to a sidecar before the first response. */
export const PROBE_RTT_ASSUMED_MS = 55;
/** A request without a response is sent again after one and a half round trips, and then after half as long again. */
export const RETRANSMIT_RTTS = 1.5;
export const RETRANSMIT_GROWTH = 1.5;
export const RETRANSMIT_MS_MIN = 30;
/** The longest wait for responses: at least the first, at most the last. What is known by then is sent to the hub. */
export const GATHER_MS = 500;
export const GATHER_RTTS = 4;
export const GATHER_MS_MAX = 2_000;
/** After the first response the others get this many times its round trip, which covers a retransmission, and a margin. */
export const STRAGGLER_RTTS = 2;
export const STRAGGLER_MS = 60;
/** Once all of one family have answered, the other family gets this time (RFC 8305 section 5: resolution delay). */
export const OTHER_FAMILY_MS = 50;
/** How often the socket for the next connection is observed: NATs forget a mapping after 30 s or more. */
export const WARM_REFRESH_MS = 20_000;
/** Sidecars and ports of each that are probed. Two of each distinguish every kind of mapping. */
export const SIDECARS_PROBED_MAX = 2;
export const PORTS_PROBED_MAX = 2;
export const ADDRESSES_PROBED_MAX = 2;
/** New sockets, probed back to back: three show the step of a NAT that counts ports. */
export const FRESH_SOCKETS = 3;
/** Observations sent to the hub, and their lifetime: the hub accepts a receipt for a minute. */
export const OBSERVATIONS_MAX = 32;
export const OBSERVATION_LIFETIME_MS = 45_000;
/** Local addresses sent to the hub. */
export const HOSTS_MAX = 8;
/** How long a knock may take to arrive, beyond three round trips. */
export const KNOCK_MS = 150;
/** The filtering of the NAT is tested again after this time: the machine may be in another network. */
export const FILTERING_LIFETIME_MS = 600_000;
/** TTL of ordinary datagrams: the default of every system. */
export const HOPS = 64;
/** Nothing is sent to this port (RFC 863). */
export const DISCARD_PORT = 9;
