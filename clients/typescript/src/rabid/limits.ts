/**
 * Limits of the Rabid peer, with units and reasons. "The plugin" is the original Godot client; "Parley" is this one.
 */

// --- names, as the original server accepts them ---------------------------------------------------------------

export const SESSION_NAME = /^[A-Za-z0-9]{1,10}$/;
export const PLAYER_NAME = /^[A-Za-z0-9]{1,12}$/;
export const PASSWORD = /^[A-Za-z0-9]{1,12}$/;
export const SEATS_MIN = 2;
export const SEATS_MAX = 12;

/** The default port of the original server and plugin. */
export const SERVER_PORT = 57_775;

// --- with the server -------------------------------------------------------------------------------------------

/** Interval of requests and pings, as in the plugin. The server removes a player after 5 s without a ping. */
export const REPEAT_MS = 500;
/** The session ends after this silence of the server, as in the plugin. */
export const SERVER_SILENCE_MS = 15_000;
/** Copies of a leave without an answer. The server removes a player that stops pinging anyway. */
export const LEAVES_MAX = 4;
/** Copies of a kick. A server that ignores as many is silent altogether. */
export const KICKS_MAX = 20;
/** Confirmed start lines. Parley's sidecar repeats one 11 times at most, the original server 8 times. */
export const CONFIRMS_MAX = 30;
/** The longest start line, of 12 players, stays under 420 bytes. */
export const SERVER_LINE_BYTES_MAX = 1_024;

// --- with the other players ------------------------------------------------------------------------------------

/** The longest `g:` has 26 bytes. The rest is room for later fields. */
export const PEER_MESSAGE_BYTES_MAX = 64;

/** Ports on either side of the listed one that get greetings too, as in the plugin: the NAT may have moved on. */
export const WINDOW_PORTS = 8;
/** The first greetings: the second or third passes if the first only opened the sender's own NAT. */
export const BURST_MS: readonly number[] = [0, 20, 40];
/** The interval of greetings to the listed port after those ... */
export const GREETING_MS = 50;
/** ... until this time (a Parley peer answers within a round trip) ... */
export const FAST_UNTIL_MS = 1_000;
/** ... and from then on. The plugin reads one datagram per frame: 11 senders at 4/s stay below its 60/s. */
export const SLOW_GREETING_MS = 250;
/** Rounds over the neighbouring ports. A Parley peer listens at once, the plugin from its second second on. */
export const WINDOW_ROUNDS_MS: readonly number[] = [60, 500, 1_500, 2_500, 4_500];
/** Time between two ports of a round, so that a router's table is not filled at once. */
export const WINDOW_STEP_MS = 10;

/** Interval of the steps of an acknowledgement (`r:`) ... */
export const STEP_MS = 50;
/** ... their number to a Parley peer (a loss of all at 30 % is 0.3^20) ... */
export const STEPS_MAX = 20;
/** ... and to a peer that does not answer with `r:`: a plugin, which ignores them. */
export const STEPS_TO_STRANGER_MAX = 10;
/** The shortest time between two answers to one player. */
export const ANSWER_GAP_MS = 5;
/** Datagrams to a player that has not answered. A plugin needs about 300 until its last `y:`. */
export const UNPROVEN_DATAGRAMS_MAX = 600;
/** Datagrams to one player in total. A handshake between Parley peers takes about ten. */
export const DATAGRAMS_MAX = 2_000;

/**
 * Interval of greetings to a plugin that has greeted; the second is between two guests, where nothing depends on it.
 */
export const PLUGIN_GREETING_MS = 250;
export const PLUGIN_GUEST_MS = 1_000;
/** A plugin accepts a confirmation 5.25 to 10.35 s after its own greeting, and ignores earlier ones. */
export const PLUGIN_CONFIRMS_AFTER_MS = 5_000;
/** A plugin waits 2 s for the host's confirmation: 20 copies. */
export const PLUGIN_CONFIRM_MS = 100;
/** Confirmations that a plugin must have been sent after its own, before the host stops. */
export const PLUGIN_CONFIRMS_MIN = 10;

/** Interval of the host's start and of its confirmation, as in the plugin. */
export const START_MS = 50;
/** Copies of a start to one guest without an answer (1.5 s, as in the plugin). */
export const STARTS_MAX = 30;
/** The delay that the plugin's host announces. */
export const PLUGIN_START_S = 3;
/** The longest delay accepted from a host. */
export const START_S_MAX = 10;
/**
 * After its start a guest waits this long for the other guests. Of 55 pairs that lose 30 % in each direction, the
 * slowest takes more than 3 s.
 */
export const GRACE_MS = 4_000;

/**
 * A player that was not received by now is given up. A plugin greets until 7.1 s and may have started 0.9 s later. If
 * all five greetings to the right port are lost (0.2 % at 30 % loss), a plugin is given up before it confirms.
 */
export const SILENT_MS = 8_000;
/** A host starts with the players it has. A plugin's last confirmation as a guest is due at 14.35 s. */
export const GATHER_MS = 16_000;
/** A guest gives up on a host that never confirmed; the plugin does at 14.35 s. */
export const HOST_CONFIRM_MS = 16_000;
/** A guest gives up on a host that never started: GATHER_MS, the starts, and a round trip. */
export const HOST_START_MS = 20_000;
