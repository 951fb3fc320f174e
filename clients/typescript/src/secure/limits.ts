/** Limits of sealed datagrams, with units and reasons. */

/** The length of the key that the hub issues to a pair. */
export const PAIR_KEY_BYTES = 32;
/** The first byte of every sealed datagram, see seal.ts. */
export const FIRST_BYTE = 0xd6;
/** First byte, epoch, route (2), counter (4). */
export const HEADER_BYTES = 8;
/** The full tag of AES-GCM. */
export const TAG_BYTES = 16;
/** The overhead of a sealed datagram. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;
/** The replay window: one second at the rate of the fastest games, over two paths at once. */
export const REPLAY_WINDOW = 1_024;
/** Datagrams per key: never reached (8,900 years at 1,000 per second), and far below the nonce's space. */
export const COUNTER_MAX = 2 ** 48;
/** A new key is used once the peer has used it, or after this time. */
export const EPOCH_SWITCH_MS = 3_000;
/** Datagrams of the old key are accepted for this time after the first of the new one. */
export const EPOCH_GRACE_MS = 10_000;
