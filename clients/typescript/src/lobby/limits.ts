/** Every number of the client of lobbies, with its unit and its reason. */

/** A request that was not answered by then is sent anew, on a new connection: the old one may lead to a network that this
 * machine has left. Each try is given twice the time of the one before. */
export const REQUEST_TIMEOUT_MS = 2_500;
/** How often a socket is pinged where the hub does not say. */
export const PING_MS = 10_000;
/** A request that got no answer is sent so often, this far apart and then twice as far: it is done once all the same. */
export const REQUESTS_MAX = 3;
export const RETRY_MS = 250;
/** Longest wait between two tries to watch again (docs/reference/events.md). */
export const RECONNECT_MS_MAX = 10_000;
/** Pings of which the shortest is believed, and the first ones, one right after the other. */
export const PINGS_KEPT = 8;
export const PINGS_FIRST = 3;
/** A ping that was not answered by then means that the socket leads nowhere, whatever it says. */
export const PONG_TIMEOUT_MS = 12_000;
/** The longest message that is taken: a snapshot of a lobby is smaller. */
export const MESSAGE_LENGTH_MAX = 1_000_000;
/** Who asks to be admitted is not kept waiting longer (docs/reference/http.md). */
export const ADMISSION_TIMEOUT_MS = 60_000;
