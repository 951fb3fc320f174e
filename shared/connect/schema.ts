/**
 * The API's shapes for two members who connect to each other (docs/reference/connect.md tells the flow). Routes are under
 * /v1/games/{game}:
 *
 *     POST   /lobbies/{id}/connections    connecting -> 202 connection       ask a member
 *     GET    /lobbies/{id}/connections               -> connectionList       what goes on between you and others
 *     POST   /lobbies/{id}/invitations               -> 201 invitation       a ticket that lets its bearer connect to you
 *     POST   /lobbies/{id}/relays         relaying   -> relay                once the two were introduced
 *     GET    /connections/{cid}                      -> connection           its timeline, and your introduction
 *     POST   /connections/{cid}/accept    accepting  -> 202 connection       consent, and where you are seen now
 *     DELETE /connections/{cid}                      -> 204                  deny, or withdraw
 *     PUT    /connections/{cid}/outcome   outcome    -> 204                  how it ended for you
 *
 * Who watches the lobby over a WebSocket is told the same as it happens: `Meeting`.
 */
import {
  anyEndpoint,
  constant,
  flag,
  integer,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from "../schema/decode.ts";
import { FAILURES, type FailureReason } from "./failures.ts";
import {
  ATTEMPTS_MAX,
  CONNECTIONS_LISTED_MAX,
  HOST_CANDIDATES_MAX,
  OUTCOME_MS_MAX,
  SAMPLES_MAX,
  TICKET_LENGTH_MAX,
  TIMELINE_MAX,
  URL_LENGTH_MAX,
} from "../limits.ts";
import { CONSENTS } from "../lobby/lobby.ts";
import { observation, plan } from "./punch-schema.ts";
import { LOBBY_ID_PATTERN, PEER_PATTERN } from "../lobby/ids.ts";

const peer = text(40, PEER_PATTERN);
/** Its hub stands in it, as in a lobby's. */
export const connectionId = text(43, LOBBY_ID_PATTERN);
const lobbyId = text(43, LOBBY_ID_PATTERN);
const time = text(32, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const port = integer(1, 65_535);
const ticket = text(TICKET_LENGTH_MAX, /^[A-Za-z0-9._-]+$/);

// --- requests --------------------------------------------------------------------------------------------------

/** Where you are now, and what is known of your router. Looked at just before it is said. */
export const reach = object({
  looks: list(observation, SAMPLES_MAX),
  /** Your own addresses, with the port of socket 0. */
  hosts: list(anyEndpoint, HOST_CANDIDATES_MAX),
  /** Whom your router lets in, and whether it sends its own addresses back inside, where that was tested. */
  filtering: optional(oneOf("independent", "address", "port")),
  hairpin: optional(flag),
  /** By the clock of the looks, when this is sent. */
  now_ms: number,
  /** To the hub and back. */
  rtt_ms: number,
  /** You agree to some hundred sockets and some thousand datagrams, should they be needed. */
  birthday: optional(flag),
  /** How many introductions to this peer have failed just now. */
  attempt: optional(integer(0, ATTEMPTS_MAX)),
  /** Of the newest key that you have with this peer. */
  epoch: optional(integer(0, 255)),
});
export type Reach = Shape<typeof reach>;

export const connectRequest = object({
  peer_id: peer,
  reach: optional(reach),
  /** That he gave you, where he lets nobody in without one. */
  ticket: optional(ticket),
  /** A relay as well, at once: play begins on it, and goes on directly where there is a way. */
  relay: optional(flag),
});
export const acceptRequest = object({ reach: optional(reach) });
export const relayRequest = object({ connection_id: connectionId });
export const outcome = object({
  /** The way you have now. */
  path: oneOf("direct", "relay", "stream", "none"),
  /** From the start until you had it. */
  ms: optional(integer(0, OUTCOME_MS_MAX)),
  rtt_ms: optional(integer(0, OUTCOME_MS_MAX)),
  /** Any word of your own, for the timeline. */
  reason: optional(text(64, /^[\x20-\x7e]+$/)),
});
export type OutcomeReport = Shape<typeof outcome>;

// --- answers ---------------------------------------------------------------------------------------------------

const endpoint = { address: text(45, /^[0-9a-f.:]+$/), port };

/** 32 bytes that only the two and the hub know, in base64url; secret. */
const pairKey = object({ key: text(43, /^[A-Za-z0-9_-]{43}$/), epoch: integer(0, 255), role: oneOf("a", "b") });

const whose = { connection_id: connectionId, lobby_id: lobbyId, peer_id: peer };
const verdict = {
  verdict: oneOf("direct", "predict", "birthday", "relay"),
  /** One plain sentence for a player. */
  reason: text(256),
  nat_pair: text(64),
};

/** Carry it out `start_in_ms` from now. */
const punching = object({ ...verdict, pair_key: pairKey, start_in_ms: count, plan });
export type Punching = Shape<typeof punching>;

/** Your end of a relay. The other side's is another port, and yours alone is told to you. */
export const relay = object({
  ...endpoint,
  /** Shows the relay who you are. */
  ticket,
  expires_at: time,
  /** What the two may send over it. */
  budget_bytes: count,
  /** A WebSocket that is this end too, where UDP is blocked. */
  tunnel: optional(text(URL_LENGTH_MAX)),
});
export type RelayView = Shape<typeof relay>;
/** With the verdict and the key, where the two have not been told them before. */
const relayed = object({
  relay,
  verdict: optional(verdict.verdict),
  reason: optional(verdict.reason),
  nat_pair: optional(verdict.nat_pair),
  pair_key: optional(pairKey),
});
export type Relayed = Shape<typeof relayed>;

const FAILURE_REASONS = Object.keys(FAILURES) as FailureReason[];
export const STATES = ["waiting", "gathering", "introduced", "over"] as const;
/** Waiting for consent, for fresh looks of both, for their outcomes; over. */
export type ConnectionState = (typeof STATES)[number];
const failure = object({
  reason: oneOf(...FAILURE_REASONS),
  /** Steam's classes: 3xxx is yours, 4xxx the peer's, 5xxx neither's. */
  code: integer(3_000, 5_999),
  /** In which state it was. */
  state: oneOf(...STATES),
  /** A sentence for whoever looks for the fault. */
  debug: text(256),
});
export type FailureView = Shape<typeof failure>;

const consent = oneOf(...CONSENTS);
export const TIMELINE = ["asked", "accepted", "looked", "introduced", "relayed", "outcome", "failed"] as const;

export const connection = object({
  ...whose,
  /** You asked, or he did. */
  asked: flag,
  consent,
  state: oneOf(...STATES),
  /** A new reach of yours is needed: accept with it. */
  wants_reach: flag,
  /** Until it fails by itself; of one that is over, until it is forgotten. */
  expires_in_ms: count,
  /** While it is fresh. */
  punch: optional(punching),
  relay: optional(relayed),
  failure: optional(failure),
  timeline: list(
    object({ event: oneOf(...TIMELINE), at: time, by: nullable(peer), detail: optional(text(96)) }),
    TIMELINE_MAX,
  ),
});
export type ConnectionView = Shape<typeof connection>;
export const connectionList = object({ connections: list(connection, CONNECTIONS_LISTED_MAX) });
export const invitation = object({ ticket, expires_at: time });

// --- events ----------------------------------------------------------------------------------------------------

/** What the hub tells over the WebSocket of connections: `{ type, data }`. None of them is told again after a drop. */
const says = <const T extends string, const F extends object>(type: T, fields: F) =>
  object({ type: constant(type), data: object({ ...whose, ...fields }) });
export const CONNECTION_EVENTS = {
  "connect.requested": says("connect.requested", { consent, expires_in_ms: count }),
  "connect.accepted": says("connect.accepted", {}),
  "connect.punch": says("connect.punch", punching.fields),
  "connect.relay": says("connect.relay", relayed.fields),
  "connect.failed": says("connect.failed", failure.fields),
} as const;
export type ConnectionEvent = Shape<(typeof CONNECTION_EVENTS)[keyof typeof CONNECTION_EVENTS]>;
