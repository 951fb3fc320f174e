/** Every number of keeping a path, with its unit and its reason. */

/** Consent is asked for this often, more or less (RFC 7675 section 5.1): it also keeps every NAT's mapping. */
export const CONSENT_MS = 5_000;
export const CONSENT_SPREAD = 0.2;
/** Without an answer for so long nothing more is sent there (RFC 7675 section 5.1). */
export const CONSENT_EXPIRES_MS = 30_000;
/** While the game sends, the path it sends on is asked this often. */
export const BUSY_PROBE_MS = 1_000;
/** The game counts as sending for so long after its last datagram. */
export const BUSY_MS = 5_000;
/** A path that was silent for this long is no longer trusted: three questions, while the game sends; ... */
export const BUSY_TRUST_MS = 3_000;
/** ... one and an answer, while it does not. What is sent then goes on the next path too. */
export const TRUST_MS = 6_500;
/** A direct path that was silent for this long is given up for another. */
export const DIRECT_LOST_MS = 10_000;
/** A lost direct path is tried again at once, then this long after each try that failed, doubling ... */
export const RETRY_FIRST_MS = 5_000;
/** ... up to this, which is also when it is tried where the hub knew of no way before. */
export const RETRY_LAST_MS = 60_000;
/** A new source of the peer's datagrams is asked so often, this far apart, before it is forgotten. */
export const ROAM_CHECKS_MAX = 5;
export const ROAM_CHECK_MS = 100;
/** New sources are looked at this often, so that two that take turns do not make us ask all the time. */
export const ROAM_PAUSE_MS = 1_000;
/** Datagrams to one address where the peer was heard, but has not answered; and such addresses in a channel's life. */
export const UNVALIDATED_MAX = 20;
export const UNVALIDATED_ADDRESSES_MAX = 64;
/** Numbers of paths in probes begin here, above those of a punch's ways. */
export const NUMBER_FIRST = 0xff00;
/** The longest payload: what passes every path in one piece (RFC 8200, 1,280 less headers, 1,232), less the seal and
 * the kind. */
export const PAYLOAD_BYTES_MAX = 1_207;
/** Words for the driver that wait to be fetched; of more the oldest go. */
export const EVENTS_MAX = 4_096;
/** Sockets that were not hit are kept for so long: the other side may choose anew while its choice is not confirmed. */
export const SWEEP_AFTER_MS = 2_000;
