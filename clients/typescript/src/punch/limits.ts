/**
 * Every number of punching and of keeping a path, with its unit and its reason. Plans come from the hub and stay within
 * these all the same: whatever it says, a player's machine is no weapon.
 */

// --- what a plan may ask for -----------------------------------------------------------------------------------

/** Endpoints of the other side sent to from the start. */
export const TARGETS_MAX = 16;
/** Sockets opened beside each other; a cheap router's table holds a thousand mappings. */
export const SOCKETS_MAX = 256;
/** Ports of one address tried; of 64,512 with 256 sockets behind them one in 450 such tries misses. */
export const PROBES_MAX = 1_536;
/** Datagrams a second of one kind. */
export const PER_S_MAX = 4_000;
/** A plan is over by then. */
export const GIVE_UP_MS_MAX = 20_000;
/** A start later than this is not waited for. */
export const START_IN_MS_MAX = 5_000;

// --- when what is sent -----------------------------------------------------------------------------------------

/** The first three to a target: the second or third opens the way where the first only opened one's own NAT. */
export const BURST_MS: readonly number[] = [0, 20, 40];
/** Then this often ... */
export const PROBE_MS = 50;
/** ... until here, for two round trips are over, ... */
export const PROBE_FAST_UNTIL_MS = 1_000;
/** ... and then sparsely. */
export const PROBE_SLOW_MS = 200;
/** Where the first three die on the way on purpose, ordinary ones follow from here. */
export const AFTER_SHORT_LIVED_MS = 300;
/** One target after the other: the first one is to take the first port of a counting NAT. */
export const TARGET_STEP_MS = 5;
/** Sockets and ports after their first round: what was lost is sent again, and nothing else changes. */
export const LATER_ROUNDS_PER_S = 200;
/** Datagrams of one kind at once after a pause of the process; the rest is late for good. */
export const CATCH_UP_MAX = 64;
/** While the other side was heard within this time, no further ports and sockets are tried. */
export const SEARCH_PAUSE_MS = 1_000;

// --- answers ---------------------------------------------------------------------------------------------------

/** Probes to whoever was heard, at the least: the receiver that stops at the first leaves the sender in the dark. */
export const CHECKS_MIN = 3;
/** Probes to a source that was heard and does not answer. */
export const CHECKS_UNANSWERED_MAX = 20;
/** Sources other than the told ones, and their addresses, that are answered. */
export const SOURCES_MAX = 64;
export const SOURCE_ADDRESSES_MAX = 8;

// --- bounds ----------------------------------------------------------------------------------------------------

/** Datagrams to one address before anything of the peer came from there. */
export const UNANSWERED_MAX = 2_048;
/** The same for a local address, which nobody but the peer vouches for. */
export const UNANSWERED_LOCAL_MAX = 24;
/** Ways (a socket and an endpoint) remembered; the plan's own bounds stay below it. */
export const CANDIDATE_PAIRS_MAX = 4_096;

// --- choosing --------------------------------------------------------------------------------------------------

/** A way this short is taken at once: no other can be better by anything a player feels. */
export const GOOD_ENOUGH_MS = 5;
/** Otherwise the others get this long after the first one answered. */
export const CHOOSE_AFTER_MS = 50;
/** Another way must be better by this share. */
export const BETTER_SHARE = 0.01;
/** IPv6 is taken when it is this much slower: it has no mapping that could expire. */
export const IPV6_BONUS = 0.1;
/** A choice the other side has not confirmed by then is made anew. */
export const CONFIRM_MS = 1_000;
