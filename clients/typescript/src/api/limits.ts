/** Limits of requests to the hub, with units and reasons. */

/**
 * A request without a response after this time is retried on a new connection: the machine may have changed its
 * network. Each retry doubles the time.
 */
export const REQUEST_TIMEOUT_MS = 2_500;
/**
 * A request without a response is sent this often, first this far apart, then twice as far. An idempotency key makes
 * the hub carry it out once.
 */
export const REQUESTS_MAX = 3;
/** The next address of a host is tried after this time (RFC 8305 section 5). Longer than a round trip around the Earth. */
export const ATTEMPT_TIMEOUT_MS = 500;
export const RETRY_MS = 250;
/** The reply to an introduction's request is late after this many round trips, and at least this time. */
export const LATE_ROUND_TRIPS = 4;
export const LATE_MS_MIN = 150;
