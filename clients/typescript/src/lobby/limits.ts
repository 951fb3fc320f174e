/** Limits of the lobby client, with units and reasons. */

/** Ping interval, if the hub gives none. */
export const PING_MS = 10_000;
/** The first and the longest back-off before a reconnect (docs/reference/events.md). */
export const RECONNECT_MS = 250;
export const RECONNECT_MS_MAX = 10_000;
/** The round trip is the shortest of this many pings. The first pings follow each other directly. */
export const PINGS_KEPT = 8;
export const PINGS_FIRST = 3;
/** A socket without a pong after this time is dropped. */
export const PONG_TIMEOUT_MS = 12_000;
/** The longest message accepted, in characters. A snapshot of a lobby is smaller. */
export const MESSAGE_LENGTH_MAX = 1_000_000;
/** An empty list of sidecars is requested again after this time, and then after twice the time, up to the longest. */
export const SIDECARS_RETRY_MS = 1_000;
export const SIDECARS_RETRY_MS_MAX = 30_000;
/** In lobbies of at most this size every member says in advance where it can be reached, when another one joins. */
export const EXPECTANT_MEMBERS_MAX = 8;
/** How often an application to join is repeated. */
export const ADMISSION_POLL_MS = 1_000;
/** The longest wait for the host's approval (docs/reference/http.md). */
export const ADMISSION_TIMEOUT_MS = 60_000;
/** The longest proof of a membership, in characters. */
export const PROOF_LENGTH_MAX = 1_024;
/** A proof with an unknown key causes a request for the hub's keys at most this often. */
export const KEYS_REFETCH_MS = 60_000;
