/** Limits of connections over real sockets, with units and reasons. */

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
/** The first observation of a new connection's socket is used for this time. */
export const WARM_USE_MS = 5_000;
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
/** How often the machine's own addresses are compared: a third of the longest silence that a change may cost. */
export const ADDRESS_CHECK_MS = 300;

/** The client enters a relay this often until it answers, then refreshes this often: the NAT may change the port. */
export const RELAY_ENTER_RETRY_MS = 100;
export const RELAY_REFRESH_MS = 10_000;
/** A relay that has not answered this many requests, half a second each, is not reachable over UDP ... */
export const RELAY_ENTER_FAILURES_MAX = 3;
/** ... and one that worked before is lost after this many: four datagrams. */
export const RELAY_LOST_FAILURES_MAX = 1;
/** A silent relay is reported again after this many further requests. */
export const RELAY_SILENT_REPEAT = 10;
/** Another relay replaces one that works only if the peer does not answer there within this time. */
export const RELAY_VERIFY_MS = 500;
/** The longest wait for a punch before the relay is entered. */
export const RELAY_AFTER_MS_MAX = 2_000;
/** A relay is given back once the direct path has worked for this time. */
export const RELAY_KEPT_MS = 2_000;
/** A refused relay is requested again after this time. */
export const RELAY_REQUEST_RETRY_MS = 1_000;

/** Introductions that follow a failed one at once, with new sockets. Later ones wait for the path selector. */
export const IMMEDIATE_RETRIES_MAX = 2;
/** The responder waits this long for the initiator to retry first. */
export const RESPONDER_WAIT_MS = 1_500;
/** An introduction without an outcome is given up after this time. */
export const INTRODUCTION_TIMEOUT_MS = 20_000;
/** `connect` fails if there is no path of any kind by then. */
export const CONNECT_TIMEOUT_MS = 30_000;
/** Datagrams kept until there is a key. The oldest are dropped. */
export const EARLY_DATAGRAMS_MAX = 32;
/**
 * Bytes that may wait in a tunnel's stream; further datagrams are dropped. A closed tunnel is opened again after this
 * time.
 */
export const TUNNEL_UNSENT_BYTES_MAX = 65_536;
export const TUNNEL_RECONNECT_MS = 2_000;
/** TTL of ordinary datagrams: the default of every system. */
export const HOPS = 64;
