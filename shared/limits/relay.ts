/** Limits of relays and of the WebSocket tunnels to them. */

// --- Relay -----------------------------------------------------------------------------------------------------
/** IPv4 and UDP headers. They are counted, so that empty datagrams are not free. */
export const RELAY_OVERHEAD_BYTES = 28;
/** A side that was silent for this long may continue from another port: it missed six of ENet's pings, and ENet's
 * shortest timeout (5 s) has not passed. */
export const RELAY_RELATCH_MS = 3_000;
/** What a side gets beyond what it sends, while only its datagrams identify it: a second of a game's traffic. */
export const RELAY_UNPROVED_BYTES = 16_384;
/** Datagrams to a side that has not sent anything yet: in all, per second, and at once. A handshake takes 81 in 8 s. */
export const RELAY_WAKES_MAX = 256;
export const RELAY_WAKE_PER_S = 32;
export const RELAY_WAKE_BURST = 64;
/** A pair of whose peers none has sent a datagram is freed after this: clients of noray send at once. */
export const RELAY_UNUSED_MS = 5_000;
/** An unused allocation is freed after this (as noray). */
export const RELAY_IDLE_S = 30;
/** Default lifetime and byte budget of one allocation (as noray). */
export const RELAY_LIFETIME_S = 4 * 3_600;
export const RELAY_BYTES_MAX = 4 * 1_073_741_824;
/** A game with a daily volume gives a relay at most this part of what is left, and refuses relays below the minimum. */
export const RELAY_DAY_PART = 64;
export const RELAY_DAY_BYTES_MIN = 67_108_864;
/** The longest datagram with headers: a smaller bucket would never pass it. */
export const RELAY_BURST_BYTES_MIN = 65_536;
/** Rate of one side: noray's 128 kB/s with a burst of one second, so that loading a level passes. */
export const RELAY_SIDE_PER_S = 131_072;
/** Rate of one source: a host that sends to 16 players at the full rate. */
export const RELAY_SOURCE_PER_S = 2_097_152;
/** Rate of one game: about what one process carries in 64-byte datagrams, and 512 Mbit/s of long ones. */
export const RELAY_GAME_PER_S = 67_108_864;
/** Allocation sides of one source: a host with 64 players, a school with 32 pairs. */
export const RELAY_SLOTS_PER_SOURCE_MAX = 64;
/** Receive buffer of a relay port: a level sent in a burst while the process is busy for 100 ms. */
export const RELAY_RECEIVE_BUFFER_BYTES = 524_288;
/** Send queue of one relay port: four of the longest datagrams; more is dropped. */
export const RELAY_QUEUE_BYTES_MAX = 262_144;
/** Ports to try before an allocation is refused, because other programs may use some. */
export const RELAY_BIND_TRIES = 64;
/** How often a draining relay checks whether it is idle. */
export const RELAY_DRAIN_CHECK_MS = 50;

// --- Tunnels ---------------------------------------------------------------------------------------------------
/** WebSockets in all, and of one source: both ends of every tenth relay; a school. Each takes about 30 kB. */
export const TUNNELS_MAX = 1_024;
export const TUNNELS_PER_SOURCE_MAX = 32;
/** A tunnel that has not sent its relay ticket by then is closed. */
export const TUNNEL_OPEN_MS = 10_000;
/** A peer that has not answered a ping when the next one is due is closed. The ping also keeps proxies open. */
export const TUNNEL_PING_MS = 20_000;
/** The longest datagram of a relay. */
export const TUNNEL_MESSAGE_BYTES_MAX = 65_507;
/** Unsent bytes of one stream: half a second at a side's rate; more is dropped. */
export const TUNNEL_UNSENT_BYTES_MAX = 65_536;
