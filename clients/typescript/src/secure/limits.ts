/** Every number of the sealed datagram, with its unit and its reason. */

/** What the hub hands out for a pair. */
export const PAIR_KEY_BYTES = 32;
/** Begins every sealed datagram, see seal.ts. */
export const FIRST_BYTE = 0xd6;
/** First byte, epoch, route (2), counter (4). */
export const HEADER_BYTES = 8;
/** AES-GCM's tag, whole. */
export const TAG_BYTES = 16;
/** What sealing adds to a datagram. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;
/** Datagrams that may come later than newer ones: a second at the rate of the fastest games, over two paths at once. */
export const REPLAY_WINDOW = 1_024;
/** Datagrams one key may seal: never reached (8,900 years at 1,000 a second), and far below what the nonce holds. */
export const COUNTER_MAX = 2 ** 48;
/** A new key is sent with once the other side has shown that it holds it, or after this. */
export const EPOCH_SWITCH_MS = 3_000;
/** Datagrams of the old key are taken for so long after the first of the new one. */
export const EPOCH_GRACE_MS = 10_000;
