/** Numbers of NAT classification and hole punching. */

/** Observations of one socket that form one round: enough for retransmissions, shorter than any mapping's lifetime. */
export const ROUND_MS = 1_000;
/** The ports that a NAT allocates from, unless samples show a smaller block. */
export const PORT_FIRST = 1_024;
export const PORT_LAST = 65_535;
/** Largest step within a sequence; three random ports are as close once in 30,000. */
export const SEQUENTIAL_STEP_MAX = 256;
/** A median step this small does not come from a carrier's port block. */
export const SEQUENTIAL_STEP_DENSE = 8;
/** Kendall's tau that a sequence needs: retransmissions lower it, chance reaches it once in a hundred. */
export const SEQUENTIAL_TREND_MIN = 0.75;
/** Steps needed before their common factor counts as the NAT's stride. */
export const STRIDE_STEPS_MIN = 4;
/** Cap on foreign mappings a second behind one NAT: above it no port can be predicted. */
export const FOREIGN_PER_S_MAX = 1_000;
/** Observations in one reach: four ports and four fresh sockets, for four rounds. */
export const SAMPLES_MAX = 32;
/** Ports within this span come from a block that a carrier assigned to one subscriber. */
export const CHUNK_PORTS_MAX = 2_048;
/** Host candidates of one peer, and observed candidates per address family that the other receives. */
export const HOST_CANDIDATES_MAX = 8;
export const OBSERVED_CANDIDATES_MAX = 2;
/** Margin between the later peer's instruction and the common start: timer delay of a busy process. */
export const START_MARGIN_MS = 20;
/** Cap on the compensated round trip: a peer's claim must not delay the other much. */
export const ROUND_TRIP_MS_MAX = 2_000;
/** Timeout of a direct punch, which takes two round trips, and of a birthday punch. */
export const PUNCH_GIVE_UP_MS = 4_000;
export const BIRTHDAY_GIVE_UP_MS = 6_000;
/** Predicted ports to try: 64 cover 100 foreign mappings a second for half a second. */
export const WINDOW_PORTS = 64;
export const WINDOW_PORTS_MAX = 256;
/** Error of the estimated foreign mappings, in mappings. */
export const WINDOW_SLACK = 8;
/** Send rate of a window: it must finish before the NAT moves on, and 64 small datagrams are no flood. */
export const WINDOW_PER_S = 1_000;
/** Two sequential NATs: many sockets on one side, many ports on the other. Faster than foreign mappings. */
export const CROSSING_SOCKETS = 96;
/** Where in the sequence they should meet: before the middle, because a sequence may begin late. */
export const CROSSING_AT = 40;
export const CROSSING_PER_S = 4_000;
/** Birthday: 256 sockets and 200 probes a second meet after 1.3 s (median) and fit cheap routers' tables. */
export const BIRTHDAY_SOCKETS = 256;
export const BIRTHDAY_PER_S = 200;
/** 256 sockets and 1,536 ports of 64,512 miss once in 450 times. */
export const BIRTHDAY_PROBES = 1_536;
/** A birthday uses one port in this many of a carrier's block, so that the subscriber's other programs keep theirs. */
export const BLOCK_SHARE = 16;
/** Delay of a birthday where filtering is unknown or both have IPv6, so that a direct punch is tried first. */
export const BIRTHDAY_AFTER_MS = 300;
/** Outcomes of a NAT pair before they count, and the success rate below which the pair is skipped. */
export const OUTCOMES_MIN = 50;
export const OUTCOMES_DIRECT_MIN = 0.02;
/** After a collision one side starts earlier by this: more than any one-way delay on Earth. */
export const FIRST_BY_MS = 250;
/** TTL of the first datagrams of a second attempt: beyond the home router, short of the peer's. */
export const SHORT_LIVED_HOPS = 2;
