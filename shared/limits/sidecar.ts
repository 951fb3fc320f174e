/** Limits of one sidecar: contacts, answers, the native wire and noray. */

// --- Sidecar ---------------------------------------------------------------------------------------------------
/** Contacts that one sidecar holds for one game. When full, new ones are ignored. */
export const CONTACTS_MAX = 65_536;
/** Quota of one source (IPv4 /32, IPv6 /64): lobbies and memberships. */
export const LOBBIES_PER_SOURCE_MAX = 256;
export const MEMBERSHIPS_PER_SOURCE_MAX = 1_024;
/** Replies and hub queries for a source without a contact: refill per second, and burst. */
export const UNKNOWN_SOURCE_PER_S = 256;
export const UNKNOWN_SOURCE_BURST = 1_024;
/** Replies to one contact. The Rabid plugin pings twice a second, its documentation asks for one. */
export const RENEWAL_PER_S = 10;
export const RENEWAL_BURST = 20;
/** Lists sent over UDP to one source: each may be several times as long as the request. */
export const LIST_PER_S = 5;
export const LIST_BURST = 20;
/** The longest list over UDP: every path carries it unfragmented (RFC 8200: 1,280 minus headers). */
export const LIST_REPLY_BYTES_MAX = 1_232;
/** How long a list that was fetched from the hub is cached. */
export const LIST_KEPT_MS = 1_000;
/** Timeout of a list fetch: the client retries after a second. */
export const LIST_FETCH_MS = 900;
/** STUN responses to one source: an ICE agent sends one to three requests with up to seven retransmissions. */
export const STUN_PER_S = 10;
export const STUN_BURST = 40;
/** STUN responses to all sources: limits a flood from forged senders to a tenth of a core and 160 KB/s. */
export const STUN_ALL_PER_S = 4_000;
export const STUN_ALL_BURST = 8_000;
/**
 * Bytes that a source gets before its datagrams earn credit: eleven copies of the start line for three Rabid players, one
 * of which has just joined.
 */
export const CREDIT_ALLOWANCE_BYTES = 768;
/** The first bytes of a source earn more: a Dowsett script's registration and join get all their copies. */
export const CREDIT_EARLY_BYTES = 1_536;
/** Credit per received byte while the early bytes last (RFC 9000 section 8.1), and after that. */
export const CREDIT_EARLY_FACTOR = 3;
export const CREDIT_FACTOR = 1.5;
/** The allowance and the early bytes of a source are full again after this. */
export const CREDIT_REFILL_S = 600;
/** Credit that an endpoint can save: the start lines of a lobby of twelve. */
export const CREDIT_SAVED_BYTES_MAX = 8_192;
/** The longest STUN message that is parsed: an ICE check with all its attributes takes 150 bytes. */
export const STUN_BYTES_MAX = 548;
/** Sources with a bucket each; when full, new ones share one bucket. */
export const SOURCES_MAX = 65_536;
/** Requested UDP receive buffer: about 25 ms of 100,000 small datagrams a second. */
export const RECEIVE_BUFFER_BYTES = 4_194_304;
/** How often leases are checked. A check visits only contacts that are due. */
export const LEASE_CHECK_MS = 100;
/** How often the hub's clock is measured. */
export const CLOCK_CHECK_MS = 30_000;
/** The same after a step of this machine's clock, until the hub answers. */
export const CLOCK_RETRY_MS = 1_000;
/** The wall clock stepped if it moved by more against the monotonic one. */
export const CLOCK_DRIFT_MS = 1_000;
/** A longer gap between two readings of the clock is a stall of the process: several lease checks are late. */
export const STALL_MS = 500;
/** Clock skew that is logged as a warning: tokens and certificates depend on the clock. */
export const CLOCK_SKEW_MS = 30_000;
/** How long a starting sidecar waits for the hub's health response. */
export const HUB_REQUEST_MS = 5_000;
/** The process ends after this time even if its drain is not complete. */
export const DRAIN_MS = 2_000;
/** Scheduled retransmissions; further ones are not repeated. */
export const REPEATS_MAX = 100_000;

// --- Native wire -----------------------------------------------------------------------------------------------
/** A request is at least as long as the longest reply, so that replies do not amplify: `seen ` 5, endpoint 47, receipt
 * 78, nonce 16 and separators are 148. */
export const NATIVE_REQUEST_BYTES_MIN = 160;
/** The longest request: `knock`, a ticket of 190 characters, a receipt, a nonce, and padding. */
export const NATIVE_REQUEST_BYTES_MAX = 512;
/** How long a receipt proves an endpoint to a sidecar: well below the lifetime of a mapping (RFC 4787: 120 s). */
export const RECEIPT_FRESH_MS = 20_000;
/** How far a receipt may be ahead of the local clock: another sidecar signed it. */
export const RECEIPT_SKEW_MS = 5_000;
/** A sidecar reports the liveness of an HTTP member again after this long. */
export const LIVENESS_REPORT_MS = 60_000;
/** Members whose liveness reports one game's sidecar deduplicates, 150 bytes each. Further ones are reported more often. */
export const LIVENESS_REPORTS_MAX = 65_536;

// --- noray -----------------------------------------------------------------------------------------------------
/** The longest line that is parsed; commands take 150 bytes. Longer lines are skipped. */
export const NORAY_LINE_BYTES_MAX = 4_096;
/** Commands of one connection that wait for the hub. Clients send one at a time. */
export const NORAY_PENDING_MAX = 16;
/** A command gets an error if the hub has not answered by then. Clients' handshakes take as long. */
export const NORAY_ANSWER_MS = 8_000;
/** Connections of one source (a school behind one address), and of all: each takes about 10 kB. */
export const NORAY_CONNECTIONS_PER_SOURCE_MAX = 256;
export const NORAY_CONNECTIONS_MAX = 16_384;
/** Host lookups of one source: enough for players, too few to guess codes. */
export const NORAY_LOOKUP_PER_S = 5;
export const NORAY_LOOKUP_BURST = 30;
/** TCP keepalive starts after this silence. */
export const NORAY_KEEPALIVE_MS = 30_000;
/** Unread bytes after which a connection is closed. */
export const NORAY_UNREAD_BYTES_MAX = 65_536;
/** noray's default id lengths, from an alphabet of 64: 126 and 768 bits. */
export const NORAY_OID_LENGTH = 21;
export const NORAY_PID_LENGTH = 128;
/** An oid is a lobby's name; a pid must fit one datagram and one HTTP header. */
export const NORAY_OID_LENGTH_MAX = 64;
export const NORAY_PID_LENGTH_MAX = 256;
/** Minimum entropy of the ids. A pid authenticates its host; docs/reference/wires/noray.md describes what an oid grants. */
export const NORAY_OID_BITS_MIN = 30;
export const NORAY_PID_BITS_MIN = 128;
