class_name ParleyMessageLimits
extends RefCounted
## Every number of the messages, with its unit. The TypeScript client has the same ones.

## The longest message (k_cbMaxSteamNetworkingSocketsMessageSizeSend).
const MESSAGE_BYTES_MAX := 512 * 1024
## What may wait for one peer, sent but not confirmed included.
const SEND_BUFFER_BYTES := 1024 * 1024
## Reliable bytes of one channel that the game has not read yet.
const WINDOW_BYTES := 768 * 1024
## The sender receives a new limit once this much of it was made.
const WINDOW_STEP_BYTES := WINDOW_BYTES / 4
const CHANNEL_MAX := 65_535
## Channels of one session, each way.
const CHANNELS_MAX := 32
## Pieces of one channel that wait for an earlier one.
const PIECES_MAX := 2_048
## Unreliable messages that the game has not read: of more the oldest are dropped.
const UNREAD_MAX := 1_024
const UNREAD_BYTES_MAX := 1024 * 1024
## Unreliable messages of which pieces are missing.
const PARTIAL_MAX := 32
const PARTIAL_BYTES_MAX := 1024 * 1024
const PARTIAL_MS := 2_000.0
## What a piece of an unreliable message holds at least, so that a message has no more than 4,096.
const PIECE_BYTES_MIN := 128
const SESSIONS_MAX := 512

## A small message waits so long for others (k_ESteamNetworkingConfig_NagleTime).
const NAGLE_MS := 5.0
## NoDelay: what would have to wait longer is dropped.
const NO_DELAY_MS := 200.0
## A session that is not used for so long is forgotten.
const IDLE_MS := 180_000.0
## To be connected, from the first message.
const CONNECT_MS := 10_000.0
## Silence of a peer that owes an answer.
const SILENT_MS := 10_000.0
## A connected peer that was silent for so long is asked for an answer.
const ASK_AFTER_MS := 3_000.0
## Hellos: first again after, and at most every.
const HELLO_MS := 100.0
const HELLO_MS_MAX := 1_000.0
## The game receives a request again while the peer goes on asking.
const REQUEST_AGAIN_MS := 2_000.0
## Goodbyes to peers that speak of a session that is over.
const STRAY_BYE_MS := 1_000.0
## Bytes of a goodbye's reason.
const DEBUG_BYTES_MAX := 127

## Confirmations wait so long for a datagram to go with, but not beyond every second datagram (RFC 9000 section 13.2.2).
const ACK_DELAY_MS := 20.0
const ACK_EVERY := 2
## Ranges of datagrams that are remembered, and of them those that are sent.
const RANGES_MAX := 128
const RANGES_TOLD_MAX := 32

## Round trip before the first measurement.
const RTT_INITIAL_MS := 300.0
## The shortest round trip counts for one to two of these.
const RTT_MIN_SPAN_MS := 10_000.0
const GRANULARITY_MS := 1.0
## Overtaken datagrams count as lost after this many round trips.
const REORDERING := 1.25
const PROBE_MS_MAX := 2_000.0
## So many probes unanswered, and the window begins again (RFC 9002 section 7.6).
const PROBES_UNTIL_COLLAPSE := 3

## Window at the beginning, at least and at most, in datagrams.
const CWND_INITIAL := 10
const CWND_MIN := 4
const CWND_MAX := 2_048
## Rounds over which the best delivery rate counts.
const RATE_ROUNDS := 8
## At a loss at least this share of the window is kept.
const KEEP_MIN := 0.5
## Datagrams that may leave at once, and milliseconds of the rate: frames are no finer.
const BURST := 10
const BURST_MS := 20.0
const PACING_GAIN := 1.25
const PACING_GAIN_START := 2.0
## Slow start ends where the round trip grew by an eighth, within these bounds (RFC 9406).
const HYSTART_MS_MIN := 4.0
const HYSTART_MS_MAX := 16.0

## Shorter messages are not deflated.
const COMPRESS_FROM_BYTES := 96
## Nor are longer ones: that would hold a frame.
const COMPRESS_BYTES_MAX := 65_536
## A message of which the first bytes do not become shorter than this is left as it is.
const COMPRESS_SAMPLE_BYTES := 2_048
const COMPRESS_SAMPLE_MAX := 1_843

## Bytes of one datagram.
const MTU := 1_207
const VERSION := 1
