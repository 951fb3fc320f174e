/** Limits of path selection, with units and reasons. */

/** Interval and spread of consent checks (RFC 7675 section 5.1). They also keep the NATs' mappings. */
export const CONSENT_MS = 5_000;
export const CONSENT_SPREAD = 0.2;
/** Without an answer for this time, nothing more is sent on a path (RFC 7675 section 5.1). */
export const CONSENT_EXPIRES_MS = 30_000;
/**
 * The game is active while this many of its datagrams fit into this time: four a second. A game that sends less is not
 * probed more often for it.
 */
export const ACTIVE_DATAGRAMS = 4;
export const ACTIVE_WINDOW_MS = 1_000;
/** Interval of probes on a path in use while the game is active ... */
export const ACTIVE_PROBE_MS = 400;
/** ... and the shortest time after which an unanswered one is repeated; otherwise one and a half round trips. */
export const ACTIVE_RETRY_MS = 100;
export const RETRY_RTTS = 1.5;
/** The round trip of a path before the first answer. */
export const RTT_ASSUMED_MS = 80;
/**
 * After this silence a path is replaced while the game is active. A round trip above the second figure adds its excess
 * twice, because the probe that shows the silence takes longer.
 */
export const ACTIVE_TRUST_MS = 1_000;
export const ACTIVE_TRUST_RTT_MS = 150;
/** The silence of a path is reported again after this time: what was done against the first may have failed as well. */
export const SUSPECT_REPEAT_MS = 1_000;
/** Unanswered probes that are repeated early. Then the normal interval applies. */
export const RETRIES_MAX = 8;
/** The same while the game sends less: interval, shortest repetition, and the silence after which a path is doubted. */
export const BUSY_PROBE_MS = 1_000;
export const RETRY_MS = 500;
export const BUSY_TRUST_MS = 3_000;
/** The game counts as sending for this time after its last datagram. */
export const BUSY_MS = 5_000;
/**
 * The same while the game does not send: one probe and its answer. A doubted path shares its datagrams with the next
 * path.
 */
export const TRUST_MS = 6_500;
/**
 * Game data that arrives on another path, while the preferred one is silent for the first time, shows that the peer has
 * left it. Such a sign counts at most once in the second time, so that two duplicating peers do not keep each other at it.
 */
export const SECOND_WAY_SILENCE_MS = 150;
export const SECOND_WAY_PAUSE_MS = 2_000;
/** Endpoints of relays that are remembered, so that none is taken for the peer's own. */
export const RELAYS_REMEMBERED_MAX = 64;
/** After this silence a direct path is lost. */
export const DIRECT_LOST_MS = 10_000;
/**
 * A direct path is tried again this long after a failure in the first two minutes, then after twice the time of the last
 * try, up to the longest.
 */
export const UPGRADE_FIRST_MS = 2_000;
export const UPGRADE_OFTEN_MS = 120_000;
export const UPGRADE_LAST_MS = 600_000;
/** The first delay if the hub has no plan: the routers must change first. */
export const UPGRADE_UNAVAILABLE_MS = 60_000;
/** Probes to a new source of the peer's datagrams, and their interval. */
export const ROAM_CHECKS_MAX = 5;
export const ROAM_CHECK_MS = 100;
/** The shortest time between two new sources, so that two alternating ones do not cause probes all the time. */
export const ROAM_PAUSE_MS = 1_000;
/** Datagrams to an address where the peer was received but has not answered, and such addresses per channel. */
export const UNVALIDATED_MAX = 20;
export const UNVALIDATED_ADDRESSES_MAX = 64;
/** Probes by which the loss of a path is measured: at least, and at most (a quarter of a minute while the game is active). */
export const LOSS_PROBES_MIN = 10;
export const LOSS_PROBES_MAX = 40;
/** A change of the path reports the longest silence of this time. */
export const SILENCE_WINDOW_MS = 5_000;
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
