/** Limits of one sidecar: contacts, answers, the native wire and noray. */

// --- Sidecar ---------------------------------------------------------------------------------------------------
/** UDP in batches: datagrams per system call ... */
export const UDP_BATCH_MAX = 64;
/** ... and in one turn of the event loop over all sockets, about 8 ms of work. Each socket gets 32 more from Node. */
export const UDP_TURN_MAX = 1_024;
/** The longest datagram (RFC 768 over IPv4), and the longest that is sent in a batch: longer ones are sent alone. */
export const UDP_DATAGRAM_BYTES_MAX = 65_507;
export const UDP_BATCHED_BYTES_MAX = 2_048;
/** Addresses whose bytes are remembered, 100 bytes each. When full, all are forgotten. */
export const UDP_ADDRESSES_REMEMBERED_MAX = 16_384;
/** Senders whose endpoints are remembered, for each family. A power of two. */
export const UDP_ENDPOINTS_REMEMBERED = 16_384;
/** Tickets of a game whose signature was verified, at most 300 bytes each. */
export const TICKETS_REMEMBERED_MAX = 8_192;
/** Keepalives whose meaning is remembered, at most 2 MB in each game. A power of two. */
export const RENEWALS_REMEMBERED = 4_096;
/** Contacts that one sidecar holds for one game. When full, new ones are ignored. */
export const CONTACTS_MAX = 65_536;
/**
 * The part of the contacts that may be without a renewal: 8,192 of 65,536 are 500 new hosts a second of a wire whose clients
 * renew after 15 s. When full, the oldest leaves. A smaller table keeps room for a few.
 */
export const UNRENEWED_CONTACTS_SHARE = 1 / 8;
export const UNRENEWED_CONTACTS_MIN = 64;
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
/** A client that asks again within this time gets the lobbies that did not fit its last list. Scripts ask every second. */
export const LIST_PAGE_MS = 10_000;
/** Clients whose page is remembered, 100 bytes each. Others get the newest lobbies. */
export const LIST_PAGES_MAX = 4_096;
/** STUN responses to one source: an ICE agent sends one to three requests with up to seven retransmissions. */
export const STUN_PER_S = 10;
export const STUN_BURST = 40;
/** STUN responses to all sources: limits a flood from forged senders to a tenth of a core and 160 KB/s. */
export const STUN_ALL_PER_S = 4_000;
export const STUN_ALL_BURST = 8_000;
/**
 * The fixed allowance of a source, beside what its datagrams earn: rosters and four to ten copies of the start line for a
 * Rabid player in a lobby of twelve. In 1,500 simulated meetings at a loss of 16 % every player met; with 1,280, two in
 * 300 failed.
 */
export const CREDIT_ALLOWANCE_BYTES = 2_048;
/** The part of it that only start lines use, so that rosters and errors leave it. */
export const CREDIT_START_BYTES = 1_280;
/** The allowances of all sources: about 500 new players a second, and a burst of 10,000 after a restart. */
export const CREDIT_ALL_PER_S = 65_536;
export const CREDIT_ALL_BURST_BYTES = 1_048_576;
/** The first bytes of a source earn more: a Dowsett script's registration and join get all their copies. */
export const CREDIT_EARLY_BYTES = 1_536;
/** Credit per received byte while the early bytes last (RFC 9000 section 8.1), and after that. */
export const CREDIT_EARLY_FACTOR = 3;
export const CREDIT_FACTOR = 1.5;
/** The allowances and the early bytes of a source are full again after this. */
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
/** Clock skew that is logged and reported to the hub: tokens and certificates depend on the clock. */
export const CLOCK_SKEW_MS = 30_000;
/** The largest clock skew that a sidecar can report, in seconds: the range of a Date (ECMA-262 section 21.4.1.1). */
export const CLOCK_SKEW_S_MAX = 8_640_000_000_000;
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

// --- nohub -----------------------------------------------------------------------------------------------------
/** A command; when more bytes wait for their end, they are discarded. */
export const NOHUB_COMMAND_BYTES_MAX = 8_192;
/** Sessions of all sources and of one, as the original has them. */
export const NOHUB_SESSIONS_MAX = 262_144;
export const NOHUB_SESSIONS_PER_SOURCE_MAX = 64;
/** Lobbies of this sidecar, lobbies of one session, and data entries of one lobby, as the original has them. */
export const NOHUB_LOBBIES_MAX = 32_768;
export const NOHUB_LOBBIES_PER_SESSION_MAX = 4;
export const NOHUB_ENTRIES_MAX = 128;
/** Commands of one source. Games poll the list once a second; each of 64 sessions may. */
export const NOHUB_COMMANDS_PER_S = 100;
export const NOHUB_COMMANDS_BURST = 400;
/** A list counts as one command for each so many lobbies: about 1 ms. */
export const NOHUB_LOBBIES_PER_COMMAND = 1_000;
/** Lobbies and changes of one source that the hub stores: 64 sessions with four lobbies each may return at once. */
export const NOHUB_CHANGES_PER_S = 20;
export const NOHUB_CHANGES_BURST = 256;
/** The longest list: 5,000 lobbies with a name and two numbers. Further ones are left out, the oldest first. */
export const NOHUB_LIST_BYTES_MAX = 524_288;
/** Unread bytes after which a connection is closed: two lists. */
export const NOHUB_UNREAD_BYTES_MAX = 1_048_576;
/** How long a lobby stays after its host's connection has closed: a phone that changes its network returns in 10 s. */
export const NOHUB_GRACE_MS = 30_000;

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
/** A connection that has registered no host by then is closed. Clients register at once. */
export const NORAY_REGISTER_MS = 15_000;
/** Host lookups of one source: enough for players, too few to guess codes. */
export const NORAY_LOOKUP_PER_S = 5;
export const NORAY_LOOKUP_BURST = 30;
/** How long a conclusion about a router is kept, and how many of each kind: a day, 100 bytes each. */
export const ROUTER_KNOWN_MS = 24 * 3_600_000;
export const ROUTERS_MAX = 16_384;
/** So many known routers of a /24, all per destination, tell of the unknown ones: a carrier's, not those of homes. */
export const ROUTERS_ALIKE = 3;
/** A relay that a pair requests within this time after its introduction means that the punch failed: three tries. */
export const PUNCH_FAILED_WITHIN_MS = 60_000;
/** A client waits so long for the measurement of its host's router: a round trip to a distant host, and a frame. */
export const NORAY_MEASURE_MS = 500;
/** A pid that arrives at two registrar ports within this time shows how its router maps. */
export const REGISTRARS_WITHIN_MS = 10_000;
/** Bytes that all connections of a TCP port may use in one turn of the event loop, about 5 ms of work ... */
export const TCP_TURN_BYTES_MAX = 16_384;
/** ... and those of one connection, so that a long input does not delay the others. */
export const TCP_PART_BYTES_MAX = 4_096;
/** TCP keepalive starts after this silence. */
export const TCP_KEEPALIVE_MS = 30_000;
/** A proxy sends its PROXY protocol header at once. */
export const PROXY_HEADER_MS = 5_000;
/** The addresses take 52 bytes; the rest is for the extensions of a TLS proxy, which are skipped. */
export const PROXY_HEADER_BYTES_MAX = 4_096;
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
