/** Limits of lobbies, members and their data, as the API accepts them. */

// --- Names and seats -------------------------------------------------------------------------------------------
/** A game is a path segment of the API and part of a Durable Object's name. */
export const GAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Longest lobby or peer name on any wire, in UTF-16 units. The API allows 64 characters (DISPLAY_NAME_LENGTH_MAX). */
export const NAME_LENGTH_MAX = 128;
/** Members of one lobby on any wire. */
export const SEATS_MAX = 128;
/** Banned peers that a lobby stores; the oldest is dropped first. */
export const BANNED_PER_LOBBY_MAX = 64;
/** How long a ban also holds against the peer's network. */
export const BAN_NETWORK_MS = 3_600_000;
/** Characters a wire may store with a member across restarts. Dowsett's handshake password needs 10. */
export const MEMORY_LENGTH_MAX = 512;

/** Former hosts that a lobby stores to refuse them with `stale_term`; the oldest is dropped first. */
export const FORMER_HOSTS_PER_LOBBY_MAX = 8;
/** Applicants of one lobby: more than a host can read. */
export const APPLICANTS_PER_LOBBY_MAX = 32;

// --- Lobbies made over HTTP ------------------------------------------------------------------------------------
/** Names that people read: a line of a list. In UTF-16 units. */
export const DISPLAY_NAME_LENGTH_MAX = 64;
/** An address in the notation of a wire, like noray://192.0.2.7:8890/OID. */
export const JOIN_URI_LENGTH_MAX = 256;
/** The reason of a kick: one sentence. In UTF-16 units. */
export const REMOVAL_MESSAGE_LENGTH_MAX = 200;
/** No peer could join a lobby with one seat. */
export const SEATS_MIN = 2;
/** Version of a game, in the developer's notation. */
export const VERSION_LENGTH_MAX = 64;
export const PASSWORD_LENGTH_MAX = 128;
/** PBKDF2-SHA-256 rounds: about 4 ms of the 10 ms that a Worker's free plan grants. A password lives for hours. */
export const PASSWORD_ROUNDS = 10_000;
/** Data of a lobby: keys (nohub: 128 and its game), and bytes of keys and values together (Steam: 8192). */
export const DATA_KEYS_MAX = 129;
export const DATA_BYTES_MAX = 8_192;
/** One value, in UTF-16 units. */
export const VALUE_LENGTH_MAX = 1_024;
/** Indexed keys of a lobby, and bytes of each value: a list may compare all of them for every lobby. */
export const INDEXED_KEYS_MAX = 10;
export const INDEXED_BYTES_MAX = 128;
/** Data of one member. */
export const MEMBER_DATA_BYTES_MAX = 4_096;
/** A chat message and a signal, in UTF-16 units. An SDP offer with candidates takes 2 to 6 KiB. */
export const CHAT_LENGTH_MAX = 4_096;
export const SIGNAL_LENGTH_MAX = 8_192;
/** A request body. The largest valid one, a lobby with full data, takes 12 KiB. */
export const BODY_BYTES_MAX = 16_384;
/** Nesting depth of a request body. The deepest valid one needs 4. */
export const BODY_DEPTH_MAX = 8;
/** Characters of a join code: 32^6 codes are 1,000 million, and an address may try ten wrong ones a minute. */
export const CODE_LENGTH = 6;
/** Lobbies one peer hosts, and seats one peer has, in one hub. */
export const LOBBIES_PER_PEER_MAX = 4;
export const SEATS_PER_PEER_MAX = 16;
/** How long a seat is held for a peer that joined and sent no heartbeat yet (Colyseus: 15 s). */
export const SEAT_HELD_MS = 15_000;
/** An HTTP member without a heartbeat for this long is away. Lists omit a lobby whose host is away. */
export const SILENT_MS = 30_000;
/** Members that one presence check covers. One row holds them, 70 bytes each; the others are checked later. */
export const SUSPECTS_MAX = 10_000;
/** An away HTTP member keeps its seat this long: 60 s since its last heartbeat. */
export const SILENT_AWAY_MS = 30_000;
/** A member whose last WebSocket closed loses its seat, and a host its role, after this grace: default and range (s). */
export const GRACE_DEFAULT_S = 5;
export const GRACE_MIN_S = 2;
export const GRACE_MAX_S = 60;
/** Members of one hub in a grace, all in one row. Further ones are silent after SILENT_MS instead. */
export const GRACES_MAX = 10_000;
/** The heartbeat interval that clients receive: three fit into SILENT_MS. */
export const HEARTBEAT_S = 10;
/** Lifetime of a session ticket. A repeated join returns a new one. */
export const SESSION_TICKET_S = 3_600;
/** Lobbies that a quick join considers, and how many of them it tries, because other peers join meanwhile. */
export const QUICK_JOIN_CANDIDATES = 50;
export const QUICK_JOIN_TRIES = 5;
/** What a host stores for the next host. A save game is larger; a round's state is not. */
export const SNAPSHOT_BYTES_MAX = 65_536;
/** Members that a host may name as the next hosts. */
export const SUCCESSORS_MAX = 16;
/** A vacant lobby ends unless a member claims the host role within this time. */
export const VACANT_MS = 60_000;
/** How long an application waits, and how long a denial is stored. */
export const APPLICANT_MS = 60_000;
