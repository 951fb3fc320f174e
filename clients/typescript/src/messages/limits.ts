/** Limits of messages, with units and reasons. */

/** The longest message (k_cbMaxSteamNetworkingSocketsMessageSizeSend). */
export const MESSAGE_BYTES_MAX = 512 * 1_024;
/** Bytes queued for one peer, unacknowledged ones included: two of the longest messages. */
export const SEND_BUFFER_BYTES = 1_024 * 1_024;
/** Reliable bytes of one channel that the game has not read. More than the longest message, so that it can arrive. */
export const WINDOW_BYTES = 768 * 1_024;
/** The window is announced when it has grown by this much. */
export const WINDOW_STEP_BYTES = WINDOW_BYTES / 4;
/**
 * Channels are numbered like UDP ports. A session has this many in each direction, because their windows take memory.
 */
export const CHANNEL_MAX = 65_535;
export const CHANNELS_MAX = 32;
/** Out-of-order ranges of one channel: a window of full datagrams, and as many split ones. */
export const GAPS_MAX = 2_048;
/** Unreliable messages that the game has not read. The oldest are dropped. */
export const UNREAD_MAX = 1_024;
export const UNREAD_BYTES_MAX = 1_024 * 1_024;
/** Unreliable messages with missing fragments. The oldest are dropped. */
export const REASSEMBLY_MESSAGES_MAX = 32;
export const REASSEMBLY_BYTES_MAX = 1_024 * 1_024;
/** A fragment that is missing after this time is lost. */
export const REASSEMBLY_TIMEOUT_MS = 2_000;
/** Sessions, and requests that wait for the game: twice the largest lobby. */
export const SESSIONS_MAX = 512;

/** The time a small message waits for others (k_ESteamNetworkingConfig_NagleTime). */
export const NAGLE_MS = 5;
/** A NoDelay message that would wait longer is dropped (steamnetworkingtypes.h). */
export const NO_DELAY_MS = 200;
/** An unused session is removed after this time, without an event ("a few minutes"). */
export const IDLE_TIMEOUT_MS = 180_000;
/** The time from the first message to a connection (k_ESteamNetworkingConfig_TimeoutInitial). */
export const CONNECT_TIMEOUT_MS = 10_000;
/** The longest silence of a peer that owes an answer (k_ESteamNetworkingConfig_TimeoutConnected). */
export const SILENCE_TIMEOUT_MS = 10_000;
/** A connected peer that is silent for this time gets a ping. */
export const KEEPALIVE_MS = 3_000;
/** The first and the longest interval of hellos. */
export const HELLO_MS = 100;
export const HELLO_MS_MAX = 1_000;
/** How often a path is requested again, and a peer's request is emitted again. */
export const REQUEST_REPEAT_MS = 2_000;
/** The shortest time between byes to peers of unknown sessions. */
export const STRAY_BYE_MS = 1_000;
/** Bytes of a bye's text (k_cchSteamNetworkingMaxConnectionCloseReason). */
export const DEBUG_BYTES_MAX = 127;

/** The longest delay of an acknowledgement (RFC 9000 section 18.2 has 25) ... */
export const ACK_DELAY_MS = 20;
/** ... and the number of datagrams that force one (RFC 9000 section 13.2.2). */
export const ACK_EVERY = 2;
/** Ranges of received datagrams that are kept, and those that an acknowledgement carries. */
export const RANGES_MAX = 128;
export const ACK_RANGES_MAX = 32;

/** The round trip before the first measurement (RFC 9002 section 6.2.2 has 333), if the path has none. */
export const RTT_INITIAL_MS = 300;
/** The minimum round trip is over one to two of these spans: as long as BBR's. */
export const RTT_MIN_SPAN_MS = 10_000;
/** Clocks and timers are no finer (RFC 9002 section 6.1.2). */
export const GRANULARITY_MS = 1;
/**
 * A datagram is lost this many round trips after a later one was acknowledged. RFC 9002 has 9/8; game paths reorder
 * more.
 */
export const REORDERING = 1.25;
/** The longest interval of probes. */
export const PROBE_MS_MAX = 2_000;
/** Unanswered probes that reset the window (RFC 9002 section 7.6). */
export const PROBES_UNTIL_COLLAPSE = 3;

/** The initial (RFC 6928), smallest and largest window, in datagrams. */
export const CWND_INITIAL = 10;
export const CWND_MIN = 4;
export const CWND_MAX = 2_048;
/** Rounds over which the best delivery rate is kept. */
export const RATE_ROUNDS = 8;
/** The share of the window that a loss keeps at least: NewReno's. */
export const KEEP_MIN = 0.5;
/** Datagrams that may leave at once, because timers are coarse. */
export const BURST = 10;
/** Pacing is faster than the window by this factor (RFC 9002 section 7.7), and by the second in slow start. */
export const PACING_GAIN = 1.25;
export const PACING_GAIN_START = 2;
/** Slow start ends when the round trip grew by an eighth, within these bounds (RFC 9406). */
export const HYSTART_MS_MIN = 4;
export const HYSTART_MS_MAX = 16;

/** Shorter messages are not compressed. */
export const COMPRESS_FROM_BYTES = 96;
/** A message whose first bytes do not compress below this is sent uncompressed. */
export const COMPRESS_SAMPLE_BYTES = 2_048;
export const COMPRESS_SAMPLE_MAX = 1_843;
/** zlib's level: 1 is fastest, 9 smallest. */
export const COMPRESS_LEVEL = 3;

/** The smallest MTU of a path (RFC 791's 576 bytes, less headers and seals). */
export const MTU_MIN = 256;
/** The protocol version of sessions, see packets.ts. */
export const VERSION = 1;
/** The smallest fragment, so that a message has at most 4,096. */
export const FRAGMENT_BYTES_MIN = 128;
