/** Limits of WebRTC connections, with units and reasons. */

/** The longest reliable message. */
export const MESSAGE_BYTES_MAX = 524_288;
/**
 * The longest frame: what every browser accepts without negotiation (RFC 8841 section 6). One byte is the header. A longer
 * one would also delay the messages of the other channel, because SCTP sends each frame whole.
 */
export const FRAME_BYTES_MAX = 65_536;
/** The greatest number of a channel. */
export const CHANNEL_MAX = 127;
/** Unsent bytes above which a reliable message is refused: browsers close a channel whose buffer is full (16 MiB). */
export const UNSENT_RELIABLE_BYTES_MAX = 4_194_304;
/** Unreliable messages must not queue: above this they are dropped. */
export const UNSENT_UNRELIABLE_BYTES_MAX = 65_536;
/**
 * An unreliable message is given up after this time. `maxRetransmits: 0` would give it up at once, but then the reliable
 * channel beside it can stall without end after a loss (Chromium 156: three of six runs of 20,000 messages).
 */
export const UNRELIABLE_LIFETIME_MS = 100;
/** `drain` is emitted once fewer reliable bytes than this are unsent. */
export const DRAIN_BYTES = 262_144;
/** Messages kept until the game has added its listeners. The oldest are dropped. */
export const EARLY_MESSAGES_MAX = 256;

/** Descriptions and candidates that arise within this time share a signal. */
export const SIGNAL_BATCH_MS = 25;
/** The longest body of a signal, in characters (docs/reference/events.md). */
export const SIGNAL_LENGTH_MAX = 8_192;
/** Candidates in one signal: they fit beside the longest description. */
export const CANDIDATES_MAX = 16;
/** Signals that arrive before the introduction. */
export const EARLY_SIGNALS_MAX = 16;
/** An offer without an answer is sent again after this time; the signal may have met a closed socket. */
export const OFFER_REPEAT_MS = 3_000;
/** A refused signal is sent again after this time, unless the hub says when. */
export const SIGNAL_RETRY_MS = 250;

/** Statistics without the selected pair of a connection that is open are requested again after this time. */
export const STATS_RETRY_MS = 50;
/** How long a path may be interrupted before ICE restarts: browsers report a short loss of Wi-Fi as well. */
export const RESTART_AFTER_MS = 1_000;
/** How long an ICE restart may take before a new introduction is requested. */
export const RESTART_TIMEOUT_MS = 8_000;
/** An introduction without a path is given up after this time. */
export const INTRODUCTION_TIMEOUT_MS = 20_000;
/** The side that did not request the last introduction waits this long for the other one to request the next. */
export const RESPONDER_WAIT_MS = 3_000;
/** A connection that lost its path is given up after this time. */
export const LOST_TIMEOUT_MS = 60_000;
/** Pause before the next introduction after a failed one. */
export const RETRY_MS = 2_000;
/** ICE servers are requested again this long before their credentials expire. */
export const ICE_SERVERS_MARGIN_MS = 600_000;
/** Timers of a page that sleeps do not run: a gap of this length means that the machine was suspended. */
export const SLEEP_GAP_MS = 10_000;
export const SLEEP_CHECK_MS = 1_000;
