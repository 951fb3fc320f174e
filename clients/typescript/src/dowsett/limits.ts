/** Every number of the Dowsett peer, with its unit and its reason. */

/** Bytes of the largest UDP payload over IPv4: 65,535 less 20 of IP and 8 of UDP. */
export const DATAGRAM_BYTES_MAX = 65_507;

/** UTF-8 bytes of one message as JSON. The rest of a datagram is room for four names and the keys. */
export const MESSAGE_BYTES_MAX = 60_000;

/** Arrays and objects inside each other in one packet, itself included. No game state needs as many. */
export const NESTING_MAX = 64;
/** The same inside a message: the packet around it is the first. */
export const MESSAGE_NESTING_MAX = NESTING_MAX - 1;

/** Code points of a name. Parley's server ignores longer ones, so they are refused before anything is sent. */
export const NAME_POINTS_MAX = 64;
/** UTF-16 units of a foreign name: the same, were each a surrogate pair. */
export const NAME_UNITS_MAX = 2 * NAME_POINTS_MAX;
/** Code points of a session password. It never travels; the bound only keeps hashing cheap. */
export const PASSWORD_POINTS_MAX = 1_024;

/** Characters of the password made for a handshake server; the script makes as many. */
export const HANDSHAKE_PASSWORD_LENGTH = 10;

/** Peers of one session: a list of so many with the longest names still fits into one datagram. */
export const PEERS_MAX = 64;
/** Peers being inquired after at a time. Each costs ten datagrams to addresses that a stranger may have named. */
export const PEERS_UNCONFIRMED_MAX = 16;

/** Reliable messages awaiting confirmation by one peer: 200 a second for the 5 seconds that one lives. */
export const PENDING_MESSAGES_PER_PEER_MAX = 1_024;
/** Bytes of everything awaiting a reply. */
export const PENDING_BYTES_MAX = 16 * 1_024 * 1_024;

/** Message ids remembered of one peer to know a duplicate: four times what he may have in flight. */
export const RECEIVED_IDS_MAX = 4 * PENDING_MESSAGES_PER_PEER_MAX;

/** The last message id before they begin at 0 again: every JSON reader of every language holds 31 bits exactly. */
export const MESSAGE_ID_MAX = 2_147_483_647;

/** Servers taken from one list: more than fit into a datagram with names that a person would read. */
export const SERVERS_LISTED_MAX = 2_048;

/** Copies of an introduction, back to back: one lost copy would cost the joiner a second. */
export const INTRODUCTION_COPIES = 3;

/** How long after a repeated introduction (ms) an inquiry means that the peer began anew: twice a request's life. */
export const RESTART_WINDOW_MS = 10_000;
