/** Every number of the Rabid peer, with its unit and its reason. */

// --- names, as the original server accepts them ---------------------------------------------------------------

export const SESSION_NAME = /^[A-Za-z0-9]{1,10}$/;
export const PLAYER_NAME = /^[A-Za-z0-9]{1,12}$/;
export const PASSWORD = /^[A-Za-z0-9]{1,12}$/;
export const SEATS_MIN = 2;
export const SEATS_MAX = 12;

/** The port the original server and plugin use unless told otherwise. */
export const SERVER_PORT = 57_775;

// --- with the server -------------------------------------------------------------------------------------------

/** Requests and pings are said this often: what the plugin does. The server drops after 5 s without a ping. */
export const REPEAT_MS = 500;
/** So much silence of the server ends the session: what the plugin bears. */
export const SERVER_SILENCE_MS = 15_000;
/** Times that a leave is said before it is taken for heard: the server forgets who stops pinging anyway. */
export const LEAVES_MAX = 4;
/** Times that a kick is said. A server that does not answer for so long is silent altogether. */
export const KICKS_MAX = 20;
/** Times that a start line is confirmed. Ours repeats it 11 times at most, the original 8 times. */
export const CONFIRMS_MAX = 30;
/** The longest start line, of 12 players, stays under 420 bytes. */
export const SERVER_LINE_BYTES_MAX = 1_024;

// --- with the other players ------------------------------------------------------------------------------------

/** `g:` with every field at its longest is 26 bytes; the rest is room for later fields. */
export const PEER_MESSAGE_BYTES_MAX = 64;

/** Ports on either side of the told one that are greeted too: a NAT may have moved on by a few. Same as the plugin. */
export const WINDOW_PORTS = 8;
/** The first greetings: the second or third opens the way where the first one only opened the sender's own NAT. */
export const BURST_MS: readonly number[] = [0, 20, 40];
/** The told port is then greeted this often ... */
export const GREETING_MS = 50;
/** ... until here, for one of ours answers in a round trip, ... */
export const FAST_UNTIL_MS = 1_000;
/** ... and then sparsely. The plugin reads one datagram a frame: 11 greeters at 4/s stay below its 60/s. */
export const SLOW_GREETING_MS = 250;
/** Between two rounds over the neighbouring ports: one of ours is there at once, the plugin from its 2nd second on. */
export const WINDOW_ROUNDS_MS: readonly number[] = [60, 500, 1_500, 2_500, 4_500];
/** A port of a round after the other, so that a home router's table is not filled in one go. */
export const WINDOW_STEP_MS = 10;

/** Steps of an acknowledgement (`r:`) are repeated this often, ... */
export const STEP_MS = 50;
/** ... so often to one of ours (0.3^20 is nothing), ... */
export const STEPS_MAX = 20;
/** ... and so often to somebody who does not answer in kind: he is a plugin, and cannot read it. */
export const STEPS_TO_STRANGER_MAX = 10;
/** Answers to one player are at least this far apart, however fast he asks. */
export const ANSWER_GAP_MS = 5;
/** Datagrams to one player before he has proved that he hears; a plugin needs about 300 up to its last `y:`. */
export const UNPROVEN_DATAGRAMS_MAX = 600;
/** Datagrams to one player altogether. A meeting of ours takes about ten. */
export const DATAGRAMS_MAX = 2_000;

/** Greetings to a plugin that has greeted; between two guests one a second, as nothing depends on it. */
export const PLUGIN_GREETING_MS = 250;
export const PLUGIN_GUEST_MS = 1_000;
/** A plugin confirms 5.25 to 10.35 s after a greeting of its own; earlier confirmations are lost on it. */
export const PLUGIN_CONFIRMS_AFTER_MS = 5_000;
/** A plugin waits 2 s for the host's confirmation: 20 chances. */
export const PLUGIN_CONFIRM_MS = 100;
/** Confirmations that a plugin must have been sent, once it confirms, before its host may stop. */
export const PLUGIN_CONFIRMS_MIN = 10;

/** The host's start, and its confirmation, are repeated this often: what the plugin does. */
export const START_MS = 50;
/** Starts said to one guest without an answer (1.5 s, as long as the plugin's host says it). */
export const STARTS_MAX = 30;
/** What the plugin's host tells its guests to wait. */
export const PLUGIN_START_S = 3;
/** The longest wait that a host's start is believed. */
export const START_S_MAX = 10;
/**
 * A guest told to start waits this long for the other guests that have not answered yet: of 55 pairs of guests who lose
 * three in ten datagrams at either end the slowest takes more than three seconds.
 */
export const GRACE_MS = 4_000;

/**
 * Who has not been heard by now is not coming: a plugin greets until 7.1 s, and may have been told 0.9 s later. The price:
 * a plugin whose five greetings to the right port are all lost (0.2 % at 30 % loss) is given up before it confirms.
 */
export const SILENT_MS = 8_000;
/** A host starts with whom he has: a plugin's last confirmation as a guest is due at 14.35 s. */
export const GATHER_MS = 16_000;
/** A guest gives up on a host that never confirmed: the plugin does at 14.35 s. */
export const HOST_CONFIRM_MS = 16_000;
/** A guest gives up on a host that confirmed but never started: GATHER_MS, the starts, and a round trip. */
export const HOST_START_MS = 20_000;
