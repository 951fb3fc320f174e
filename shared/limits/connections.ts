/** Limits of connections between members, their relays and the statistics of their outcomes. */
import { SEATS_MAX } from "./lobbies.ts";

/** Largest attempt number of one pair; later attempts are all alike. */
export const ATTEMPTS_MAX = 15;
/** Connections in one response: with every member of the largest lobby. */
export const CONNECTIONS_LISTED_MAX = SEATS_MAX;
/** Entries of a connection's timeline. */
export const TIMELINE_MAX = 16;
/** The longest duration in an outcome. */
export const OUTCOME_MS_MAX = 600_000;
/** Timeout of consent: by a person (`ask`), and by a client that only has to send its reach. */
export const CONSENT_PROMPT_MS = 30_000;
export const CONSENT_AUTOMATIC_MS = 10_000;
/** Once both agreed, both must send a fresh reach within this time. */
export const GATHER_MS = 10_000;
/** A reach older than this must be renewed: mappings expire, sequential NATs move on. */
export const REACH_FRESH_MS = 3_000;
/** A request that was sent before an introduction belongs to it if it arrives within this time after it. */
export const REQUEST_REPEATED_MS = 5_000;
/** Standing reaches that a hub remembers: 2 KiB each. The oldest is dropped, and then its member is asked. */
export const STANDING_REACHES_MAX = 4_096;
/** How long a receipt is valid at the hub. The clocks of sidecars and hub may differ by as much. */
export const RECEIPT_MS = 60_000;
/** A client without a WebSocket polls twice a second; its introduction starts later by this. */
export const POLL_START_MS = 1_000;
/** After a plan's timeout, how long the outcomes of both are awaited. */
export const OUTCOME_WAIT_MS = 10_000;
/** How long two browsers may take to find a path by ICE. */
export const ICE_MS = 30_000;
/** TURN credentials of a browser are valid for an evening. */
export const TURN_CREDENTIAL_S = 4 * 3_600;
/** Sidecars whose STUN a browser asks. More than four URLs slow ICE down. */
export const STUN_SIDECARS_MAX = 2;
/** Servers in a response, and URLs of one of them. */
export const ICE_SERVERS_MAX = 2;
export const ICE_URLS_MAX = 8;
/** How long an ended connection can still be read. */
export const CONNECTION_KEPT_MS = 60_000;
/** Connections of one hub: 12 KiB each while they hold both reaches, 1 KiB afterwards. */
export const CONNECTIONS_MAX = 4_096;
/** Open connections of one peer: with every member of the largest lobby. */
export const CONNECTIONS_PER_PEER_MAX = 128;
/** The punch's margin beyond one round trip before the relay is entered. */
export const RELAY_MARGIN_MS = 20;
/** After both peers reported a direct path, how long datagrams that are under way still pass the relay. */
export const RELAY_LINGER_MS = 1_000;
/** After a refusal for lack of room, how long no relay is allocated that may not be needed. */
export const RELAY_SPARE_PAUSE_MS = 10_000;
/** Timeout of an allocation; then the next sidecar is tried. */
export const RELAY_ANSWER_MS = 3_000;
/** Sidecars tried for one relay. */
export const RELAY_TRIES_MAX = 3;
/** Lifetime of a relay ticket. The relay needs it only for a new or moved side. */
export const RELAY_TICKET_S = 4 * 3_600;
/** Lifetime of an invitation: an evening. */
export const INVITATION_S = 4 * 3_600;
/** Outcomes are written together, this long after the first one. */
export const OUTCOMES_WRITE_DELAY_MS = 5_000;
/** Statistics of a NAT pair are published in steps of this many attempts, so that no single peer can be identified. */
export const STATS_SAMPLES_MIN = 20;
/** Attempts at which both counts of a pair are halved; a multiple of STATS_SAMPLES_MIN. */
export const OUTCOMES_MAX = 1_000;
/** One in this many attempts of a skipped pair is made anyway. */
export const OUTCOMES_RETRY_EVERY = 16;
/** Outcomes that one source contributes to statistics, and sources that are tracked. */
export const OUTCOMES_PER_SOURCE = { per_s: 1 / 600, burst: 4 };
export const OUTCOME_SOURCES_MAX = 8_192;
