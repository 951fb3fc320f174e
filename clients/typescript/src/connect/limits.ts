/** Limits of connections over real sockets, with units and reasons. */

/**
 * A request to a sidecar is as long as its longest response. The sidecar ignores shorter ones
 * (docs/reference/wires/native.md).
 */
export const REQUEST_BYTES_MIN = 160;
/** A request without a response is sent again at these times. */
export const RETRANSMIT_MS: readonly number[] = [80, 200, 350];
/** The longest wait for responses. What is known by then is sent to the hub. */
export const GATHER_MS = 500;
/** After the first response the others get three times its round trip, and this time more. */
export const STRAGGLER_MS = 60;
/** Sidecars and ports of each that are probed. Two of each distinguish every kind of mapping. */
export const SIDECARS_PROBED_MAX = 2;
export const PORTS_PROBED_MAX = 2;
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
/** How often the machine's own addresses are compared. */
export const ADDRESS_CHECK_MS = 1_000;

/** The client enters a relay this often until it answers, then refreshes this often: the NAT may change the port. */
export const RELAY_ENTER_RETRY_MS = 100;
export const RELAY_REFRESH_MS = 10_000;
/** A relay that has not answered this many requests, half a second each, is not reachable over UDP. */
export const RELAY_ENTER_FAILURES_MAX = 5;
/**
 * If the game sends on a direct path that is silent for this long (probes are a second apart), a relay is requested. So
 * it is ready when the path is no longer trusted.
 */
export const SILENT_MS = 2_200;
/** A refused relay is requested again after this time. */
export const RELAY_REQUEST_RETRY_MS = 5_000;

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
