/** Limits of path selection, with units and reasons. */

/** Interval and spread of consent checks (RFC 7675 section 5.1). They also keep the NATs' mappings. */
export const CONSENT_MS = 5_000;
export const CONSENT_SPREAD = 0.2;
/** Without an answer for this time, nothing more is sent on a path (RFC 7675 section 5.1). */
export const CONSENT_EXPIRES_MS = 30_000;
/** Interval of probes on a path in use, while the game sends. */
export const BUSY_PROBE_MS = 1_000;
/** The game counts as sending for this time after its last datagram. */
export const BUSY_MS = 5_000;
/** After this silence a path is doubted while the game sends: three probes. */
export const BUSY_TRUST_MS = 3_000;
/**
 * The same while the game does not send: one probe and its answer. A doubted path shares its datagrams with the next
 * path.
 */
export const TRUST_MS = 6_500;
/** After this silence a direct path is lost. */
export const DIRECT_LOST_MS = 10_000;
/** A lost direct path is tried again at once, then this long after each failure, doubling ... */
export const RETRY_FIRST_MS = 5_000;
/** ... up to this, which is also the delay if the hub has no plan. */
export const RETRY_LAST_MS = 60_000;
/** Probes to a new source of the peer's datagrams, and their interval. */
export const ROAM_CHECKS_MAX = 5;
export const ROAM_CHECK_MS = 100;
/** The shortest time between two new sources, so that two alternating ones do not cause probes all the time. */
export const ROAM_PAUSE_MS = 1_000;
/** Datagrams to an address where the peer was received but has not answered, and such addresses per channel. */
export const UNVALIDATED_MAX = 20;
export const UNVALIDATED_ADDRESSES_MAX = 64;
/** The first number of a path in probes, above the numbers of candidate pairs. */
export const NUMBER_FIRST = 0xff00;
/**
 * The longest payload: the largest datagram that passes every path (RFC 8200: 1,280 bytes less headers, 1,232), less
 * the seal and the message type.
 */
export const PAYLOAD_BYTES_MAX = 1_207;
/** Events kept for the caller. The oldest are dropped. */
export const EVENTS_MAX = 4_096;
/** Extra sockets are kept for this time: the peer may still nominate another pair. */
export const SWEEP_AFTER_MS = 2_000;
