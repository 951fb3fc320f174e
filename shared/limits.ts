/**
 * Every number of the house: unit last in the name, with its reason.
 * Settings that an operator may change take their defaults from here.
 */

// --- Names and seats -------------------------------------------------------------------------------------------
/** A game is a path segment of the API and part of a Durable Object's name. */
export const GAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Longest lobby or peer name any wire may bring, in UTF-16 units (the API document gives 64 characters). */
export const NAME_LENGTH_MAX = 128;
/** Hard ceiling of one lobby, whatever a wire asks for. */
export const SEATS_MAX = 128;
/** Names and sources a lobby remembers as kicked; the oldest is forgotten first. */
export const BANNED_PER_LOBBY_MAX = 64;
/** What a wire may store with a member and get back after a restart (Dowsett's handshake password needs 10). */
export const MEMORY_LENGTH_MAX = 512;

/** Peers an HTTP lobby remembers as former hosts, to tell them that they are late; the oldest is forgotten first. */
export const FORMER_HOSTS_PER_LOBBY_MAX = 8;
/** Peers who wait for a host to admit them: more than he can read. */
export const APPLICANTS_PER_LOBBY_MAX = 32;

// --- Lobbies made over HTTP ------------------------------------------------------------------------------------
/** Names that people read: a line of a list. In UTF-16 units. */
export const DISPLAY_NAME_LENGTH_MAX = 64;
/** What a host says to whom he kicks: a sentence. In UTF-16 units. */
export const KICK_DETAIL_LENGTH_MAX = 200;
/** A lobby of one is a lobby that nobody can join. */
export const SEATS_MIN = 2;
/** Version of a game, as its developer writes it. */
export const VERSION_LENGTH_MAX = 64;
export const PASSWORD_LENGTH_MAX = 128;
/** PBKDF2-SHA-256 rounds: about 4 ms of a Worker, of which the free plan grants 10; the password lives for hours. */
export const PASSWORD_ROUNDS = 10_000;
/** Data of a lobby: keys, and bytes of keys and values together (Steam: 8192). */
export const DATA_KEYS_MAX = 32;
export const DATA_BYTES_MAX = 8_192;
/** One value, in UTF-16 units. */
export const VALUE_LENGTH_MAX = 1_024;
/** Keys that lists filter by, and the bytes of each: every one is looked at for every lobby of a list. */
export const INDEXED_KEYS_MAX = 10;
export const INDEXED_BYTES_MAX = 128;
/** Data of one member. */
export const MEMBER_DATA_BYTES_MAX = 4_096;
/** A chat line and a signal (an SDP offer with candidates takes 2 to 6 KiB), in UTF-16 units. */
export const CHAT_LENGTH_MAX = 4_096;
export const SIGNAL_LENGTH_MAX = 8_192;
/** A request body; the largest that is right, a lobby full of data, takes 12 KiB. */
export const BODY_BYTES_MAX = 16_384;
/** Objects and lists within each other in a body; the deepest that is right needs 4. */
export const BODY_DEPTH_MAX = 8;
/** Characters of a join code: 32^6 are a thousand million, and an address may be wrong ten times a minute. */
export const CODE_LENGTH = 6;
/** Lobbies one peer hosts, and seats one peer has, in one hub. */
export const LOBBIES_PER_PEER_MAX = 4;
export const SEATS_PER_PEER_MAX = 16;
/** A seat is kept this long for who has joined and not been heard since (Colyseus: 15 s). */
export const SEAT_HELD_MS = 15_000;
/** Silence after which a member without a source counts as away: the lobby of a silent host leaves the lists. */
export const SILENT_MS = 30_000;
/** Members a hub suspects of silence at once; a row holds them all, at 70 bytes each. Others are judged later. */
export const SUSPECTS_MAX = 10_000;
/** An away member without a source keeps his seat this long: 60 s since he was heard. */
export const SILENT_AWAY_MS = 30_000;
/** What clients are told to do: three heartbeats fit into the silence allowed. */
export const HEARTBEAT_S = 10;
/** How long a session ticket proves a place in a lobby to a sidecar; joining once more gives a new one. */
export const SESSION_TICKET_S = 3_600;
/** Quick join looks at this many lines, and tries this many of them: others join meanwhile. */
export const QUICK_JOIN_CANDIDATES = 50;
export const QUICK_JOIN_TRIES = 5;
/** A lobby whose host went waits this long for a member who claims it, then it ends. */
export const VACANT_MS = 60_000;
/** How long an applicant waits, or remembers that he was turned away. */
export const APPLICANT_MS = 60_000;

// --- Link ------------------------------------------------------------------------------------------------------
/** A batch is one transaction in the hub: 100 rows are written 36 times faster together than one by one. */
export const BATCH_REPORTS_MAX = 100;
/** The longest frame either half decodes, in characters. */
export const LINK_FRAME_LENGTH_MAX = 1_048_576;
/** What a frame says besides its list, in characters, at the most. */
export const FRAME_HEAD_LENGTH_MAX = 256;
/** Items of a frame's list: a member with short names takes 200 characters. */
export const FRAME_ITEMS_MAX = 5_000;
/** Reports a sidecar holds for a hub it cannot reach, per link. */
export const OUTBOX_REPORTS_MAX = 10_000;
/** Reports that may wait before a question about a stranger finds no room; questions are also the first to go. */
export const OUTBOX_QUESTIONS_MAX = 1_000;
/** A request that waited this long is dropped: every client asks again within a second, or has given up. */
export const REPORT_STALE_MS = 1_000;
/** Batches on their way at once: one being stored, one behind it. */
export const BATCHES_IN_FLIGHT_MAX = 2;
/** Application ping of the link: shorter than the idle time-out of common proxies (60 s). */
export const LINK_PING_MS = 20_000;
/** Silence on a link after which either side calls it dead: three pings. */
export const LINK_SILENCE_MS = 60_000;
/** A batch that was not acknowledged for this long is sent again. */
export const LINK_RESEND_MS = 5_000;
/** PEM of a sidecar's certificate and those that vouch for it, in characters: a chain of four RSA-4096 takes 9,000. */
export const CERTIFICATE_LENGTH_MAX = 16_384;
/** A URL that clients are told. */
export const URL_LENGTH_MAX = 256;
/** Reconnect: full jitter between these two, doubling. */
export const BACKOFF_MIN_MS = 250;
export const BACKOFF_MAX_MS = 10_000;
/** Time a connection attempt may take before it is given up. */
export const LINK_OPEN_MS = 10_000;
/** A sidecar may be gone this long before its members count as away and leave the lists. */
export const SIDECAR_GRACE_MS = 10_000;
/** Members of a sidecar that stays away are dropped after this; every client gives up within 15 s. */
export const AWAY_MS = 60_000;

// --- Hub -------------------------------------------------------------------------------------------------------
/** Shards a game may be cut into; one hub holds about 5,000 concurrent players with ample headroom. */
export const SHARDS_MAX = 64;
/** Lobbies one hub holds; further ones are met with silence (20 bytes of index each, one row each). */
export const LOBBIES_PER_HUB_MAX = 50_000;
/** Sidecars one hub remembers; the one gone for longest makes room. */
export const SIDECARS_PER_HUB_MAX = 256;
/** The alarm is only moved when that brings it forward by more than this: each move is a row written. */
export const ALARM_SLACK_MS = 1_000;
/** Lobbies per page of a list: default and most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;
/** Keys of data are part of a URL where lists filter by them. A letter first: no name that JavaScript has plans with. */
export const DATA_KEY_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
/** What a list may be asked: predicates (each is looked at for every line), values of one, and what to be near to. */
export const PREDICATES_MAX = 8;
export const OPERANDS_MAX = 16;
export const OPERAND_LENGTH_MAX = 128;
export const NEAR_MAX = 2;
/** Facts a list is ordered by. */
export const ORDER_KEYS_MAX = 3;
/** A cursor holds the facts of one line: five texts of 128 units, each unit five characters at the most. */
export const CURSOR_LENGTH_MAX = 4_096;
/** Orders in which a hub keeps its lines: each costs a pointer per line and two searches per change. */
export const SORTED_INDEXES_MAX = 8;
/** A list may be this old in a cache between the hub and a browser. */
export const LIST_MAX_AGE_S = 2;
export const LIST_STALE_S = 8;
/** Sidecars come and go with deployments, numbers all the time; neither is worth a fresh question each time. */
export const SIDECARS_MAX_AGE_S = 30;
export const STATS_MAX_AGE_S = 10;
/** Rendered pages a hub keeps until its next change. */
export const PAGES_MEMOISED_MAX = 64;

// --- Identity --------------------------------------------------------------------------------------------------
/** A peer token lasts longer than any session; its owner makes a new one when it ends. */
export const PEER_TOKEN_S = 30 * 24 * 3_600;
/** A peer's proof towards sidecars. Short, because it crosses the network unencrypted where the wire is. */
export const UDP_TOKEN_S = 24 * 3_600;
/** The longest ticket: all its parts at their longest, and their dots, come to 190. */
export const TICKET_LENGTH_MAX = 256;
/** The longest receipt: an IPv6 endpoint takes 36. */
export const RECEIPT_LENGTH_MAX = 78;
/** Keys valid at once: one that signs, and the one before it while it is being replaced. */
export const TOKEN_KEYS_MAX = 2;
/** Tokens are public, so that a key could be guessed at leisure: a shorter one is refused. */
export const TOKEN_KEY_LENGTH_MIN = 32;

// --- Tolls of the API ------------------------------------------------------------------------------------------
/** What one peer may ask: refill per second, and what may come at once. RATE_LIMITS changes them. */
export const RATE_LIMIT_BUDGETS = {
  /** New identities: 64 behind one address, for a school class behind one NAT, and then one every ten seconds. */
  peers: { per_s: 0.1, burst: 64 },
  /** A page of the list; caches answer more often. */
  list: { per_s: 1, burst: 5 },
  /** One lobby, sidecars, statistics. */
  read: { per_s: 5, burst: 20 },
  create: { per_s: 1 / 3, burst: 2 },
  /** Joining, however the lobby was found. */
  join: { per_s: 1, burst: 3 },
  /** Changes: of the lobby, of a member, of the host. */
  patch: { per_s: 1, burst: 5 },
  chat: { per_s: 1, burst: 5 },
  /** An offer, an answer and their candidates to everybody in a lobby of eight, then a trickle. */
  signal: { per_s: 10, burst: 128 },
  /** Connections: everybody in a lobby of 64 asks or accepts, and says how it ended. */
  connect: { per_s: 4, burst: 128 },
  /** Heartbeats come every ten seconds. */
  beat: { per_s: 0.5, burst: 5 },
  /** Codes that were wrong: 10 a minute against 32^6. */
  code: { per_s: 1 / 6, burst: 10 },
} as const;
/** Who has guessed too often may guess again then: a token of `code` comes back in six seconds. */
export const CODE_RETRY_AFTER_S = 6;
/** Payers remembered for each toll; when full, newcomers share one budget. Three tables a toll, 100 bytes a payer. */
export const RATE_LIMIT_SUBJECTS_MAX = 8_192;
/** Peers of one household or school share an address: together they may ask as often as this many. */
export const SHARED_SOURCE_FACTOR = 16;

// --- Idempotency -----------------------------------------------------------------------------------------------
/** Answers to requests with an idempotency key are given again for this long. */
export const IDEMPOTENCY_KEPT_MS = 600_000;
/** Answers of one hub, and of one peer: a row each, at most 16 KiB. The oldest are forgotten first. */
export const IDEMPOTENT_RESPONSES_MAX = 10_000;
export const IDEMPOTENT_RESPONSES_PER_PEER_MAX = 64;

// --- Admin -----------------------------------------------------------------------------------------------------
/** Bans of one game; every hub holds all of them. */
export const BANS_MAX = 10_000;
/** What a moderator writes, in UTF-16 units. */
export const REASON_LENGTH_MAX = 256;
/** An IPv6 address behind a slash: `2001:db8:...:ffff/128`. */
export const PREFIX_LENGTH_MAX = 49;

// --- Events ----------------------------------------------------------------------------------------------------
/** What a watcher says in one message: a signal of 8 KiB, each character escaped at the worst. */
export const SUBSCRIBER_MESSAGE_LENGTH_MAX = 65_536;
/** Messages of one socket, refill per second and at once: subscribing to everything after a drop, and then a chat. */
export const SUBSCRIBER_MESSAGES_PER_S = 10;
export const SUBSCRIBER_MESSAGES_BURST = 40;
/** Sockets of one hub (the platform takes 32,768) and of one source: a school behind one address. With what each of
 * them may leave unread they fill half of the platform's 128 MB. */
export const SUBSCRIBERS_MAX = 16_384;
export const SUBSCRIBERS_PER_SOURCE_MAX = 128;
/** Lobbies that one socket watches: what travels with it through hibernation must stay below 16 KiB. */
export const TOPICS_PER_SUBSCRIBER_MAX = 16;
/** The filter of a list, as JSON text, for the same reason. */
export const FILTER_LENGTH_MAX = 2_048;
/** A lobby is told of once per this, at the most: the first change at once, further ones merged. */
export const COALESCE_MS = 1_000;
/** What a watched list begins with, in lines and in characters; the rest is paged through over HTTP. */
export const SNAPSHOT_LOBBIES_MAX = 500;
export const SNAPSHOT_LENGTH_MAX = 262_144;
/** Lines of other hubs that the first one holds while its list is watched: 15 MB of the platform's 128. */
export const SHARD_FEED_SUMMARIES_MAX = 50_000;
/** What is told of a topic that nobody watches any more is kept for those who come back so soon. */
export const REPLAY_KEPT_MS = 60_000;
/** Events kept for those who come back after a drop, and their weight in characters of JSON. */
export const REPLAY_ITEMS_MAX = 1_024;
export const REPLAY_LENGTH_MAX = 1_048_576;
/** Clients ping this often ... */
export const SUBSCRIBER_PING_S = 10;
/** ... and have gone when they did not for this long: three pings. Looked at as often, at a row each time. */
export const SUBSCRIBER_SILENCE_MS = 30_000;
/** Characters told to a socket of which its pings do not show that they have arrived; one message more is told. */
export const UNCONFIRMED_LENGTH_MAX = 524_288;

// --- Sidecar ---------------------------------------------------------------------------------------------------
/** Contacts one sidecar holds for one game. When full, newcomers meet silence. */
export const CONTACTS_MAX = 65_536;
/** Shares of one source (IPv4 /32, IPv6 /64): lobbies hosted, memberships held. */
export const LOBBIES_PER_SOURCE_MAX = 256;
export const MEMBERSHIPS_PER_SOURCE_MAX = 1_024;
/** Answers and questions for a source that holds no contact yet: refill per second, and what may come at once. */
export const UNKNOWN_SOURCE_PER_S = 256;
export const UNKNOWN_SOURCE_BURST = 1_024;
/** Answers to one contact: the Rabid plugin pings twice a second, documents ask for one. */
export const RENEWAL_PER_S = 10;
export const RENEWAL_BURST = 20;
/** Lists said over UDP to one source: each may be several times as long as the question. */
export const LIST_PER_S = 5;
export const LIST_BURST = 20;
/** The longest list said over UDP: what passes every path in one piece (RFC 8200, 1,280 less the headers). */
export const LIST_REPLY_BYTES_MAX = 1_232;
/** A list fetched from the hub serves everybody who asks within this time. */
export const LIST_KEPT_MS = 1_000;
/** A list that has not come by then is not waited for: the client asks again after a second. */
export const LIST_FETCH_MS = 900;
/** STUN answers to one source: an ICE agent asks one to three times, each with up to seven repetitions. */
export const STUN_PER_S = 10;
export const STUN_BURST = 40;
/** And to all together: forged senders, who may be many, cost a tenth of a core and 160 KB/s of what is not theirs. */
export const STUN_ALL_PER_S = 4_000;
export const STUN_ALL_BURST = 8_000;
/** The longest STUN message that is looked at: an ICE check with all its attributes takes 150 bytes. */
export const STUN_BYTES_MAX = 548;
/** Sources whose buckets are remembered; when full, newcomers share one bucket. */
export const SOURCES_MAX = 65_536;
/** UDP receive buffer asked of the kernel: about 25 ms of 100,000 small datagrams a second. */
export const RECEIVE_BUFFER_BYTES = 4_194_304;
/** How often leases are looked at. Each look costs one pass over the contacts that are due, not over all. */
export const LEASE_CHECK_MS = 100;
/** A clock that is further off than this is worth a word: tokens and certificates are judged by it. */
export const CLOCK_SKEW_MS = 30_000;
/** How long a sidecar that starts waits for what the hub says of itself. */
export const HUB_REQUEST_MS = 5_000;
/** A drain may take this long before the process ends anyway. */
export const DRAIN_MS = 2_000;
/** Scheduled repetitions (start lines, time-outs) waiting at once; further ones are not repeated. */
export const REPEATS_MAX = 100_000;

// --- Native wire -----------------------------------------------------------------------------------------------
/** What a peer sends is at least as long as the longest answer: 5 of `seen `, 47 of an endpoint, 78 of a receipt, and a
 * word of 16 with its blanks are 148. */
export const NATIVE_REQUEST_BYTES_MIN = 160;
/** The longest that says something: `knock`, a ticket of 190 characters, a receipt, a word; the rest is blank. */
export const NATIVE_REQUEST_BYTES_MAX = 512;
/** A receipt shows where its peer receives for so long: well below any mapping's life (RFC 4787: 120 s). */
export const RECEIPT_FRESH_MS = 20_000;
/** How far a receipt may be ahead of our clock: another sidecar signed it. */
export const RECEIPT_SKEW_MS = 5_000;
/** A member who was silent for so long towards a sidecar is told of anew: a seat is given up after less. */
export const LIVENESS_REPORT_MS = 60_000;
/** Members whose signs one game's sidecar remembers; of more the hub hears more often. 150 bytes each. */
export const LIVENESS_REPORTS_MAX = 65_536;

// --- Relay -----------------------------------------------------------------------------------------------------
/** What IPv4 and UDP add to a datagram. Counted, so that empty datagrams are not free. */
export const RELAY_OVERHEAD_BYTES = 28;
/** A side that has been silent for so long may be heard from another port: six of ENet's pings were missing then, and
 * its shortest time-out (5 s) has not passed. */
export const RELAY_RELATCH_MS = 3_000;
/** An allocation that nobody uses is freed (noray's own time). */
export const RELAY_IDLE_S = 30;
/** How long one allocation may live, and what it may carry, unless set otherwise: as noray. */
export const RELAY_LIFETIME_S = 4 * 3_600;
export const RELAY_BYTES_MAX = 4 * 1_073_741_824;
/** The longest datagram with its headers: a bucket that holds less would never let it through. */
export const RELAY_BURST_BYTES_MIN = 65_536;
/** What a side may send: noray's 128 kB/s, all of a second's at once, so that a level that is loaded passes. */
export const RELAY_SIDE_PER_S = 131_072;
/** What one source may send: a host that sends to 16 players at the full rate. */
export const RELAY_SOURCE_PER_S = 2_097_152;
/** What one game may send: about what one process carries of 64-byte datagrams, and 512 Mbit/s of long ones. */
export const RELAY_GAME_PER_S = 67_108_864;
/** Sides of allocations that one source may hold: a host with 64 players, a school with 32 pairs. */
export const RELAY_SLOTS_PER_SOURCE_MAX = 64;
/** Receive buffer of a relay port: a level sent in a burst, while the process does something else for 100 ms. */
export const RELAY_RECEIVE_BUFFER_BYTES = 524_288;
/** What may wait for the network in one relay port; more is dropped. Four of the longest datagrams. */
export const RELAY_QUEUE_BYTES_MAX = 262_144;
/** Ports of the range that may turn out to be taken by other programs before an allocation is refused. */
export const RELAY_BIND_TRIES = 64;
/** How often a relay that is about to end looks whether it is idle. */
export const RELAY_DRAIN_CHECK_MS = 50;

// --- Tunnels ---------------------------------------------------------------------------------------------------
/** WebSockets at once, and of one source: two ends of every tenth relay; a school. Each takes about 30 kB. */
export const TUNNELS_MAX = 1_024;
export const TUNNELS_PER_SOURCE_MAX = 32;
/** Who has not said which relay he means by then has no business here. */
export const TUNNEL_OPEN_MS = 10_000;
/** A peer that has not answered a ping when the next one is due has gone. Also keeps proxies from closing. */
export const TUNNEL_PING_MS = 20_000;
/** The longest datagram that the relay carries. */
export const TUNNEL_MESSAGE_BYTES_MAX = 65_507;
/** What may wait in one stream; more is dropped. Half a second of what a side may send. */
export const TUNNEL_UNSENT_BYTES_MAX = 65_536;

// --- noray -----------------------------------------------------------------------------------------------------
/** The longest line read: commands take 150 bytes. Longer ones are left out, however long they are. */
export const NORAY_LINE_BYTES_MAX = 4_096;
/** Commands of one connection that may wait for the hub at once; clients ask for one host at a time. */
export const NORAY_PENDING_MAX = 16;
/** A command that the hub has not answered by then is answered with an error; clients' handshakes take as long. */
export const NORAY_ANSWER_MS = 8_000;
/** Connections of one source (a school behind one address), and of all: each takes about 10 kB. */
export const NORAY_CONNECTIONS_PER_SOURCE_MAX = 256;
export const NORAY_CONNECTIONS_MAX = 16_384;
/** Hosts that one source may ask for: nobody who plays needs more, and codes are not guessed in this way. */
export const NORAY_LOOKUP_PER_S = 5;
export const NORAY_LOOKUP_BURST = 30;
/** A connection that is silent for so long is asked whether it is still there. */
export const NORAY_KEEPALIVE_MS = 30_000;
/** What a client may leave unread before it is let go. */
export const NORAY_UNREAD_BYTES_MAX = 65_536;
/** noray's own lengths, of 64 letters: 126 and 768 bits. */
export const NORAY_OID_LENGTH = 21;
export const NORAY_PID_LENGTH = 128;
/** Longer ones say nothing more: an oid is a lobby's name, and a pid one datagram and one header. */
export const NORAY_OID_LENGTH_MAX = 64;
export const NORAY_PID_LENGTH_MAX = 256;
/** What ids have at the least. A pid grants everything; what an oid grants, and how it is guarded, is in the docs. */
export const NORAY_OID_BITS_MIN = 30;
export const NORAY_PID_BITS_MIN = 128;

// --- DTLS ------------------------------------------------------------------------------------------------------
/** RSA keys shorter than this are refused by OpenSSL's security level, and by clients. */
export const RSA_BITS_MIN = 2_048;
/** OpenSSL's own cookies have this length; with it the answer to a ClientHello is always shorter than that. */
export const DTLS_COOKIE_BYTES = 20;
/** A cookie is good for one to two of these: longer than any client waits between two ClientHellos. */
export const DTLS_COOKIE_MS = 60_000;
/** The longest datagram of a handshake: what passes every path in one piece (RFC 8200, 1,280 less the headers). */
export const DTLS_MTU_BYTES = 1_232;
/** Sessions at once, handshakes included: each takes 65 KB, all of them half a gigabyte. */
export const DTLS_SESSIONS_MAX = 8_192;
/** Handshakes under way at once. Each is of a client that proved its address. */
export const DTLS_HANDSHAKES_MAX = 1_024;
/** Sessions and handshakes of one source: a household, a school, players behind one carrier's address. */
export const DTLS_PER_SOURCE_MAX = 256;
/** Handshakes that one source may begin: each costs half a millisecond of a core. */
export const DTLS_HANDSHAKE_PER_S = 32;
export const DTLS_HANDSHAKE_BURST = 256;
/** A handshake that has not ended by then is given up; Godot's clients give up sooner. */
export const DTLS_HANDSHAKE_S = 10;
/**
 * Encrypted records that a handshake may be given before it is complete: OpenSSL keeps 17 KB for each until it can read
 * them. An honest client has one, and repeats it a few times.
 */
export const DTLS_EARLY_RECORDS_MAX = 8;
/** Longest certificate chain taken from a client, in bytes: none is asked for, and room is kept for what is announced. */
export const DTLS_CLIENT_CHAIN_BYTES_MAX = 1_024;
/** A session in which nothing was said for so long is over: eight keepalives of a careful client. */
export const DTLS_IDLE_S = 120;
/** A certificate that expires sooner is warned of: two weeks are enough to renew one. */
export const CERTIFICATE_WARNING_MS = 14 * 24 * 3_600_000;
/** How often handshakes are looked at for something to be sent again; OpenSSL first does after a second. */
export const DTLS_RETRANSMIT_CHECK_MS = 200;
/** A claim for a game's own socket is good for so long: time to be sent a few times. */
export const DTLS_CLAIM_MS = 30_000;
/** Bytes of a claim, from the system's generator. */
export const DTLS_CLAIM_BYTES = 16;
/** An endpoint can be claimed from a session that was silent for this long: three pings of a careful client. */
export const DTLS_CLAIM_QUIET_MS = 30_000;

// --- Punching --------------------------------------------------------------------------------------------------
/** Looks at one socket that belong together: with everything asked again, and less than any mapping lives unused. */
export const ROUND_MS = 1_000;
/** Ports a NAT picks from where nothing more is known (below 1,024 only for sockets that are bound there). */
export const PORT_FIRST = 1_024;
export const PORT_LAST = 65_535;
/** Steps from one port to the next up to this count as a sequence; three random ones are as close once in 30,000. */
export const SEQUENTIAL_STEP_MAX = 256;
/** Steps as small as this in the middle come from no block of a carrier's. */
export const SEQUENTIAL_STEP_DENSE = 8;
/** How much in order a row must be (Kendall's tau): repeated questions disturb it, chance reaches it once in a hundred. */
export const SEQUENTIAL_TREND_MIN = 0.75;
/** Steps that must have been seen before a factor common to them is believed to be the NAT's own. */
export const STRIDE_STEPS_MIN = 4;
/** Mappings a second of others behind one NAT that are believed: where there are more, nothing can be foretold. */
export const FOREIGN_PER_S_MAX = 1_000;
/** Looks one peer may tell of: four ports and four fresh sockets, for four rounds. */
export const SAMPLES_MAX = 32;
/** Ports that lie this close together come from a block that a carrier gave to one subscriber. */
export const CHUNK_PORTS_MAX = 2_048;
/** Candidates one peer may name, and observed ones that are handed on of one family: more are a mistake or a lie. */
export const HOST_CANDIDATES_MAX = 8;
export const OBSERVED_CANDIDATES_MAX = 2;
/** Between telling the later of two peers and the common start: a timer of a busy process. */
export const START_MARGIN_MS = 20;
/** A round trip longer than this is not compensated: what a peer claims must not delay the other much. */
export const ROUND_TRIP_MS_MAX = 2_000;
/** A punch that needs no luck is done in two round trips; one that counts on luck goes on for longer. */
export const PUNCH_GIVE_UP_MS = 4_000;
export const BIRTHDAY_GIVE_UP_MS = 9_000;
/** Ports tried beyond the newest one seen: 64 pass over what 100 foreign mappings a second do in half a second. */
export const WINDOW_PORTS = 64;
export const WINDOW_PORTS_MAX = 256;
/** Mappings by which an estimate of what others did meanwhile may be wrong though nothing is known of them. */
export const WINDOW_SLACK = 8;
/** A window leaves this fast: it must be over before the NAT has moved on, and 64 small datagrams are no flood. */
export const WINDOW_PER_S = 1_000;
/** Two sequences meet at one port: sockets on one side, ports on the other. They leave faster than others' mappings. */
export const CROSSING_SOCKETS = 96;
/** Where in the row they should meet: behind the middle nothing is left of a row that began late. */
export const CROSSING_AT = 40;
export const CROSSING_PER_S = 4_000;
/** Birthday: 256 sockets and 200 probes a second meet in 1.3 s in the middle, and spare cheap routers' tables. */
export const BIRTHDAY_SOCKETS = 256;
export const BIRTHDAY_PER_S = 200;
/** 256 sockets and 1,536 ports of 64,512 miss once in 450 times. */
export const BIRTHDAY_PROBES = 1_536;
/** Of a carrier's block a birthday takes one port in so many, so that the subscriber's other programs keep theirs. */
export const BLOCK_SHARE = 16;
/** Where filtering is not known, plain punching gets this long before a birthday is begun. */
export const BIRTHDAY_AFTER_MS = 300;
/** Outcomes of a pair of NATs before they are believed, and the share below which a pair is not tried again. */
export const OUTCOMES_MIN = 50;
export const OUTCOMES_DIRECT_MIN = 0.02;
/** After a collision one side goes first by this much: more than any one-way delay on Earth's surface. */
export const FIRST_BY_MS = 250;
/** The first datagrams of a repeated try die after this many hops: beyond the home router, before the peer's. */
export const SHORT_LIVED_HOPS = 2;

// --- Connecting ------------------------------------------------------------------------------------------------
/** Introductions of one pair after each other; the later ones are all alike. */
export const ATTEMPTS_MAX = 15;
/** Connections of one peer that he is shown: with everybody in the largest lobby. */
export const CONNECTIONS_LISTED_MAX = SEATS_MAX;
/** What is remembered of a connection's course. */
export const TIMELINE_MAX = 16;
/** The longest time that a client tells of. */
export const OUTCOME_MS_MAX = 600_000;
/** Who was asked has this long: a person, and a client that only has to look where it is. */
export const CONSENT_PROMPT_MS = 30_000;
export const CONSENT_AUTOMATIC_MS = 10_000;
/** Once both agree, both must have looked again within this time. */
export const GATHER_MS = 10_000;
/** A reach older than this is looked at again: mappings expire, counting NATs move on. */
export const REACH_FRESH_MS = 3_000;
/** A receipt is good for so long; the clocks of sidecars and hub may differ by as much. */
export const RECEIPT_MS = 60_000;
/** Who polls does so twice a second; his introduction waits for him. */
export const POLL_START_MS = 1_000;
/** Beyond a plan's patience, until both have said how it ended. */
export const OUTCOME_WAIT_MS = 10_000;
/** How long a connection that is over is remembered, for whoever asks what became of it. */
export const CONNECTION_KEPT_MS = 60_000;
/** Connections of one hub: 12 KiB each while both say where they are, 1 KiB after that. */
export const CONNECTIONS_MAX = 4_096;
/** Of one peer, begun and not yet over: with everybody in the largest lobby. */
export const CONNECTIONS_PER_PEER_MAX = 128;
/** A sidecar that has not answered by then gives no relay; the next one is asked. */
export const RELAY_ANSWER_MS = 3_000;
/** Sidecars asked for one relay. */
export const RELAY_TRIES_MAX = 3;
/** How long a relay's ticket proves who one is; the relay asks for it only where somebody is new or has moved. */
export const RELAY_TICKET_S = 4 * 3_600;
/** How long an invitation is good: an evening. */
export const INVITATION_S = 4 * 3_600;
/** Outcomes are written together, this long after the first of them. */
export const OUTCOMES_WRITE_DELAY_MS = 5_000;
/** Tries that a pair of NATs is shown by, and by which its numbers rise: whoever is among 20 is not found. */
export const STATS_SAMPLES_MIN = 20;
/** Tries at which both numbers of a pair are halved; a multiple of the steps they are shown in. */
export const OUTCOMES_MAX = 1_000;
/** Of those that are skipped as doomed, one in so many is tried. */
export const OUTCOMES_RETRY_EVERY = 16;
/** What one address contributes to statistics, and the addresses that are remembered for it. */
export const OUTCOMES_PER_SOURCE = { per_s: 1 / 600, burst: 4 };
export const OUTCOME_SOURCES_MAX = 8_192;
