/** Every number of connecting over real sockets, with its unit and its reason. */

/** Questions to a sidecar are as long as its longest answer, or it stays silent (docs/reference/wires/native.md). */
export const REQUEST_BYTES_MIN = 160;
/** A question without an answer is asked again at these times ... */
export const RETRANSMIT_MS: readonly number[] = [80, 200, 350];
/** ... and nobody waits longer for the rest: what is known by then is told. */
export const GATHER_MS = 500;
/** Once one has been answered, the others are waited for so long beyond three times its time. */
export const STRAGGLER_MS = 60;
/** Sidecars and ports of each that are asked: two of each tell every kind of mapping apart. */
export const SIDECARS_PROBED_MAX = 2;
export const PORTS_PROBED_MAX = 2;
/** Fresh sockets, back to back: a counting router's step shows in three. */
export const FRESH_SOCKETS = 3;
/** Looks that are told, and how old they may be: the hub believes a receipt for a minute. */
export const OBSERVATIONS_MAX = 32;
export const OBSERVATION_LIFETIME_MS = 45_000;
/** Own addresses that are told. */
export const HOSTS_MAX = 8;
/** How long a knock may take to come through, beyond three round trips. */
export const KNOCK_MS = 150;
/** What a router lets in is tested again after this: the machine may be in another network. */
export const FILTERING_LIFETIME_MS = 600_000;
/** The machine's own addresses are looked at this often. */
export const ADDRESS_CHECK_MS = 1_000;

/** A relay is told who one is until it answers, and then this often: the router may give another port any time. */
export const RELAY_ENTER_RETRY_MS = 100;
export const RELAY_REFRESH_MS = 10_000;
/** A relay that has not answered so many questions, half a second each, is not reached: UDP does not get there. */
export const RELAY_ENTER_FAILURES_MAX = 5;
/** A direct path on which the game sends and nothing comes for so long (its questions are a second apart) may be lost: a
 * relay is asked for, so that it is there when the path is no longer trusted. */
export const SILENT_MS = 2_200;
/** A relay that was refused is asked for again after this. */
export const RELAY_REQUEST_RETRY_MS = 5_000;

/** Introductions that follow a failed one at once, with new sockets; later ones wait as path keeping says. */
export const IMMEDIATE_RETRIES_MAX = 2;
/** Who was asked leaves it to who asked to ask again, for so long. */
export const RESPONDER_WAIT_MS = 1_500;
/** An introduction that has led nowhere by then is forgotten. */
export const INTRODUCTION_TIMEOUT_MS = 20_000;
/** `connect` fails when there is no path of any kind by then. */
export const CONNECT_TIMEOUT_MS = 30_000;
/** Datagrams that are heard before there is a key; of more the oldest go. */
export const EARLY_DATAGRAMS_MAX = 32;
/** What may wait in a tunnel's stream; what is sent meanwhile is lost. A tunnel that ended is opened again after this. */
export const TUNNEL_UNSENT_BYTES_MAX = 65_536;
export const TUNNEL_RECONNECT_MS = 2_000;
/** Hops that ordinary datagrams may take: what every system gives them. */
export const HOPS = 64;
