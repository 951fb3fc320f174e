/**
 * Limits of the punch, with units and reasons. The hub sends plans, but a client stays within these whatever a plan
 * says, so that no plan turns players' machines against a third party.
 */

// --- what a plan may request -----------------------------------------------------------------------------------

/** Remote endpoints that are sent to from the start. */
export const TARGETS_MAX = 16;
/** Sockets opened at once. A cheap router's table holds a thousand mappings. */
export const SOCKETS_MAX = 256;
/** Ports tried at one address. Of 64,512 ports with 256 sockets behind them, one try in 450 misses. */
export const PROBES_MAX = 1_536;
/** Datagrams per second of one schedule. */
export const PER_S_MAX = 4_000;
/** The longest duration of a plan. */
export const GIVE_UP_MS_MAX = 20_000;
/** The latest start of a plan. */
export const START_IN_MS_MAX = 5_000;

// --- the schedule of probes ------------------------------------------------------------------------------------

/** The first three probes to a target: the second or third passes if the first only opened the sender's own NAT. */
export const BURST_MS: readonly number[] = [0, 20, 40];
/** The interval after those ... */
export const PROBE_MS = 50;
/** ... until this time, when two round trips have passed, ... */
export const PROBE_FAST_UNTIL_MS = 1_000;
/** ... and the interval from then on. */
export const PROBE_SLOW_MS = 200;
/** If the first three probes have a short TTL, ordinary ones follow from this time. */
export const AFTER_SHORT_LIVED_MS = 300;
/** Time between two targets. The first target gets the first port of a NAT that counts. */
export const TARGET_STEP_MS = 5;
/** The rate after the first round over sockets or ports, when only lost datagrams are replaced. */
export const LATER_ROUNDS_PER_S = 200;
/** Datagrams that a schedule catches up on after a pause of the process. The rest is skipped. */
export const CATCH_UP_MAX = 64;
/** No further ports and sockets are tried while the peer was received within this time. */
export const SEARCH_PAUSE_MS = 1_000;

// --- answers ---------------------------------------------------------------------------------------------------

/** Minimum of probes to a source: if the receiver stops at the first datagram, the sender learns nothing. */
export const CHECKS_MIN = 3;
/** Maximum of probes to a source that does not answer. */
export const CHECKS_UNANSWERED_MAX = 20;
/** Sources that are not in the plan, and their addresses, that are answered. */
export const SOURCES_MAX = 64;
export const SOURCE_ADDRESSES_MAX = 8;

// --- bounds ----------------------------------------------------------------------------------------------------

/** Datagrams to one address before the peer answered from there. */
export const UNANSWERED_MAX = 2_048;
/** The same for a local address, which only the peer has stated. */
export const UNANSWERED_LOCAL_MAX = 24;
/** Candidate pairs kept. The plan's own bounds stay below it. */
export const CANDIDATE_PAIRS_MAX = 4_096;

// --- nomination ------------------------------------------------------------------------------------------------

/** A pair with a round trip this short is nominated at once: no other can be noticeably better. */
export const GOOD_ENOUGH_MS = 5;
/** Otherwise the other pairs get this long after the first validated one. */
export const CHOOSE_AFTER_MS = 50;
/** Another pair must be better by this share. */
export const BETTER_SHARE = 0.01;
/** IPv6 is preferred if it is slower by no more than this share: it has no mapping that can expire. */
export const IPV6_BONUS = 0.1;
/** A nomination that the peer has not confirmed after this time is repeated with another pair. */
export const CONFIRM_MS = 1_000;
