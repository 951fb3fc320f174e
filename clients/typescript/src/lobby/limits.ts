/** Limits of the lobby client, with units and reasons. */

/**
 * A request without a response after this time is retried on a new connection: the machine may have changed its
 * network. Each retry doubles the time.
 */
export const REQUEST_TIMEOUT_MS = 2_500;
/** Ping interval, if the hub gives none. */
export const PING_MS = 10_000;
/**
 * A request without a response is sent this often, first this far apart, then twice as far. An idempotency key makes
 * the hub carry it out once.
 */
export const REQUESTS_MAX = 3;
export const RETRY_MS = 250;
/** The longest back-off before a reconnect (docs/reference/events.md). */
export const RECONNECT_MS_MAX = 10_000;
/** The round trip is the shortest of this many pings. The first pings follow each other directly. */
export const PINGS_KEPT = 8;
export const PINGS_FIRST = 3;
/** A socket without a pong after this time is dropped. */
export const PONG_TIMEOUT_MS = 12_000;
/** The longest message accepted, in characters. A snapshot of a lobby is smaller. */
export const MESSAGE_LENGTH_MAX = 1_000_000;
/** The longest wait for the host's approval (docs/reference/http.md). */
export const ADMISSION_TIMEOUT_MS = 60_000;
