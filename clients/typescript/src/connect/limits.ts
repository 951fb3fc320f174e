/** Limits of connections over real sockets, with units and reasons. */

/** The first observation of a new connection's socket is used for this time. */
export const WARM_USE_MS = 5_000;
/** A standing reach is sent again if the hub may have slept since: it forgets after ten idle seconds. */
export const STANDING_REACH_KEPT_MS = 5_000;
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
/** A request that the peer did not answer in 10 s is repeated this often. */
export const REQUEST_REPEATS_MAX = 1;
/** An introduction that the peer requested is replaced by an own request if nothing was received for this time. */
export const UNHEARD_MS = 1_000;
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
