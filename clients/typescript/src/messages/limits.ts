/** Every number of the messages, with its unit and its reason. */

/** The longest message (k_cbMaxSteamNetworkingSocketsMessageSizeSend). */
export const MESSAGE_BYTES_MAX = 512 * 1_024;
/** What may wait for one peer, sent but not confirmed included: one of the longest behind another. */
export const SEND_BUFFER_BYTES = 1_024 * 1_024;
/** Reliable bytes of one channel that the game has not read yet: more than the longest message, or it could not arrive. */
export const WINDOW_BYTES = 768 * 1_024;
/** A sender is told of room once this much of it was made. */
export const WINDOW_STEP_BYTES = WINDOW_BYTES / 4;
/** Channels are numbered as UDP's ports, and one session has so many of them each way: their windows are its memory. */
export const CHANNEL_MAX = 65_535;
export const CHANNELS_MAX = 32;
/** Pieces of one channel that wait for an earlier one: a window of full datagrams, and as many split ones. */
export const GAPS_MAX = 2_048;
/** Unreliable messages that the game has not read: of more the oldest go. */
export const UNREAD_MAX = 1_024;
export const UNREAD_BYTES_MAX = 1_024 * 1_024;
/** Unreliable messages of which pieces are missing; the oldest makes room. */
export const REASSEMBLY_MESSAGES_MAX = 32;
export const REASSEMBLY_BYTES_MAX = 1_024 * 1_024;
/** A piece that was not there by then was lost. */
export const REASSEMBLY_TIMEOUT_MS = 2_000;
/** Sessions, and requests that wait for the game's word: the largest lobby, twice. */
export const SESSIONS_MAX = 512;

/** A small message waits so long for company (k_ESteamNetworkingConfig_NagleTime). */
export const NAGLE_MS = 5;
/** NoDelay: what would have to wait longer is dropped (steamnetworkingtypes.h). */
export const NO_DELAY_MS = 200;
/** A session that is not used for so long is forgotten without a word ("a few minutes"). */
export const IDLE_TIMEOUT_MS = 180_000;
/** To be connected, from the first message (k_ESteamNetworkingConfig_TimeoutInitial). */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Silence of a peer who should have answered (k_ESteamNetworkingConfig_TimeoutConnected). */
export const SILENCE_TIMEOUT_MS = 10_000;
/** A connected peer who said nothing for so long is asked whether he is there. */
export const KEEPALIVE_MS = 3_000;
/** Hellos: first again after, and at most every. */
export const HELLO_MS = 100;
export const HELLO_MS_MAX = 1_000;
/** A peer who goes on sending unanswered is asked for, and told of, again this often. */
export const REQUEST_REPEAT_MS = 2_000;
/** Goodbyes to who speaks of a session that is over. */
export const STRAY_BYE_MS = 1_000;
/** Bytes of a goodbye's reason (k_cchSteamNetworkingMaxConnectionCloseReason). */
export const DEBUG_BYTES_MAX = 127;

/** Confirmations wait so long for a datagram to go with (RFC 9000 section 18.2 has 25), ... */
export const ACK_DELAY_MS = 20;
/** ... but not beyond every second datagram (RFC 9000 section 13.2.2). */
export const ACK_EVERY = 2;
/** Ranges of datagrams that are remembered, and of them those that are told. */
export const RANGES_MAX = 128;
export const ACK_RANGES_MAX = 32;

/** Round trip before the first measurement (RFC 9002 section 6.2.2 has 333); a path often knows better. */
export const RTT_INITIAL_MS = 300;
/** The shortest round trip counts for one to two of these: as long as BBR's. */
export const RTT_MIN_SPAN_MS = 10_000;
/** Clocks and timers are no finer (RFC 9002 section 6.1.2). */
export const GRANULARITY_MS = 1;
/** Overtaken datagrams count as lost after this many round trips: more than RFC 9002's 9/8, as game paths reorder. */
export const REORDERING = 1.25;
/** Probes in a row without an answer become rarer up to this. */
export const PROBE_MS_MAX = 2_000;
/** So many of them unanswered, and the window is begun anew (RFC 9002 section 7.6). */
export const PROBES_UNTIL_COLLAPSE = 3;

/** Window at the beginning (RFC 6928), at least and at most, in datagrams. */
export const CWND_INITIAL = 10;
export const CWND_MIN = 4;
export const CWND_MAX = 2_048;
/** Rounds over which the best delivery rate counts. */
export const RATE_ROUNDS = 8;
/** At a loss at least this share of the window is kept: what NewReno would keep. */
export const KEEP_MIN = 0.5;
/** Datagrams that may leave at once: timers are too coarse for less. */
export const BURST = 10;
/** Datagrams leave this much faster than the window would spread them (RFC 9002 section 7.7), and while it doubles. */
export const PACING_GAIN = 1.25;
export const PACING_GAIN_START = 2;
/** Slow start ends where the round trip grew by an eighth, within these bounds (RFC 9406). */
export const HYSTART_MS_MIN = 4;
export const HYSTART_MS_MAX = 16;

/** Shorter messages are not worth the try. */
export const COMPRESS_FROM_BYTES = 96;
/** A message of which the first bytes do not become shorter than this is left as it is. */
export const COMPRESS_SAMPLE_BYTES = 2_048;
export const COMPRESS_SAMPLE_MAX = 1_843;
/** zlib's levels: 1 is fastest, 9 smallest. */
export const COMPRESS_LEVEL = 3;

/** The shortest datagram that a path must carry (RFC 791's 576 bytes, less headers and seals). */
export const MTU_MIN = 256;
/** Version of what is said between two ends, see packets.ts. */
export const VERSION = 1;
/** What a piece of an unreliable message holds at least, so that a message has no more than 4,096. */
export const FRAGMENT_BYTES_MIN = 128;
