/** Limits of the Dowsett peer, with units and reasons. */

/** The largest UDP payload over IPv4: 65,535 bytes less 20 of IP and 8 of UDP. */
export const DATAGRAM_BYTES_MAX = 65_507;

/** UTF-8 bytes of a message as JSON. The rest of a datagram holds four names and the keys. */
export const MESSAGE_BYTES_MAX = 60_000;

/** Nested arrays and objects of a packet, the packet included. No game state needs as many. */
export const NESTING_MAX = 64;
/** The same for a message, inside its packet. */
export const MESSAGE_NESTING_MAX = NESTING_MAX - 1;

/** Code points of a name. Parley's sidecar ignores longer ones, so they are refused before sending. */
export const NAME_POINTS_MAX = 64;
/** UTF-16 units of a received name: the same, if each is a surrogate pair. */
export const NAME_UNITS_MAX = 2 * NAME_POINTS_MAX;
/** Code points of a session password. It is never sent; the bound keeps hashing cheap. */
export const PASSWORD_POINTS_MAX = 1_024;

/** Characters of the password for a handshake server, as in the script. */
export const HANDSHAKE_PASSWORD_LENGTH = 10;

/** Peers of a session. A list of as many with the longest names fits into one datagram. */
export const PEERS_MAX = 64;
/** Peers with an inquiry in progress. Each costs ten datagrams to addresses that a third party may have named. */
export const PEERS_UNCONFIRMED_MAX = 16;

/** Unconfirmed reliable messages per peer: 200 a second for the 5 seconds that one lives. */
export const PENDING_MESSAGES_PER_PEER_MAX = 1_024;
/** Bytes of all packets that await a reply. */
export const PENDING_BYTES_MAX = 16 * 1_024 * 1_024;

/** Message ids kept per peer to detect duplicates: four times the messages in flight. */
export const RECEIVED_IDS_MAX = 4 * PENDING_MESSAGES_PER_PEER_MAX;

/** The last message id before 0 follows: every JSON reader holds 31 bits exactly. */
export const MESSAGE_ID_MAX = 2_147_483_647;

/** Servers read from one list: more than a datagram holds with readable names. */
export const SERVERS_LISTED_MAX = 2_048;

/** Copies of an introduction, sent back to back. Otherwise one loss costs the guest a second. */
export const INTRODUCTION_COPIES = 3;

/**
 * After a repeated introduction, an inquiry within this time (ms) means that the peer restarted: twice a request's
 * lifetime.
 */
export const RESTART_WINDOW_MS = 10_000;
