/**
 * API schemas of connections between two members. Routes are under /v1/games/{game}:
 *
 *     POST   /lobbies/{id}/connections    connectRequest -> 202 connection    request a connection to a member
 *     GET    /lobbies/{id}/connections                   -> connectionList    the peer's connections
 *     POST   /lobbies/{id}/invitations                   -> invitation        a ticket for connecting to this peer
 *     POST   /lobbies/{id}/relays         relayRequest   -> relay             after the introduction
 *     GET    /connections/{cid}                          -> connection        state, timeline, instructions
 *     POST   /connections/{cid}/accept    acceptRequest  -> 202 connection    consent, and a fresh reach
 *     POST   /connections/{cid}/deny                     -> 204               the requested peer
 *     POST   /connections/{cid}/withdraw                 -> 204               the requesting peer; or either ends it
 *     PUT    /connections/{cid}/outcome   outcome        -> 204               the path that the peer has
 *
 * The events WebSocket sends the same steps as they happen: `ConnectionEvent`.
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
import { RELAY_POLICIES } from "../lobby/relay-policy.ts";
import { observation, plan } from "./punch-schema.ts";
import { count, lobbyId, peerId as peer, time } from "../lobby/fields.ts";

/** Contains its shard, like a lobby's id. */
export const connectionId = lobbyId;
const port = integer(1, 65_535);
const ticket = text(TICKET_LENGTH_MAX, /^[A-Za-z0-9._-]+$/);

// --- requests --------------------------------------------------------------------------------------------------

/** Where a peer can be reached, and what it knows of its router. Observed just before it is sent. */
export const reach = object({
  looks: list(observation, SAMPLES_MAX),
  /** The peer's local addresses, with the port of socket 0. */
  local_endpoints: list(anyEndpoint, HOST_CANDIDATES_MAX),
  /** The router's filtering and hairpinning, where tested. */
  filtering: optional(oneOf("independent", "address", "port")),
  hairpin: optional(flag),
  /** The router gives a socket another port for a destination that it received a datagram from first. */
  remaps: optional(flag),
  /** The peer's clock when this is sent; the same clock as in `looks`. */
  now_ms: number,
  /** Round trip to the hub, in ms. */
  rtt_ms: number,
  /** The path is to be WebRTC's, as with a browser: data channels instead of datagrams. */
  web: optional(flag),
  /** The peer agrees to several hundred sockets and several thousand datagrams if needed. */
  birthday: optional(flag),
  /** How many introductions to this peer have just failed. */
  attempt: optional(integer(0, ATTEMPTS_MAX)),
  /** Epoch of the newest key with this peer. */
  epoch: optional(integer(0, 255)),
});
export type Reach = Shape<typeof reach>;

export const connectRequest = object({
  peer_id: peer,
  reach: optional(reach),
  /** The requested peer's invitation, where it requires one. */
  ticket: optional(ticket),
  /** A relay is needed whatever the verdict is. */
  with_relay: optional(flag),
});
export type ConnectRequest = Shape<typeof connectRequest>;
export const acceptRequest = object({ reach: optional(reach) });
/** Where a member can be introduced without being asked; absent: it must be asked again. */
export const standingReach = object({ reach: optional(reach) });
export const relayRequest = object({
  connection_id: connectionId,
  /** The peer's end of the present relay, if that no longer answers: another relay replaces it. */
  lost: optional(anyEndpoint),
});
export const outcome = object({
  /** The path that the peer has. */
  path: oneOf("direct", "relay", "tunnel", "none"),
  /** From the start of the punch until the path worked, in ms. */
  elapsed_ms: optional(integer(0, OUTCOME_MS_MAX)),
  /** From the first introduction of the two until the first path of any kind, in ms. Sent once. */
  first_path_ms: optional(integer(0, OUTCOME_MS_MAX)),
  /** The address family of a direct path. */
  family: optional(oneOf("ipv4", "ipv6")),
  rtt_ms: optional(integer(0, OUTCOME_MS_MAX)),
  /** Free text for the timeline. */
  message: optional(text(64, /^[\x20-\x7e]+$/)),
});
export type OutcomeReport = Shape<typeof outcome>;

// --- responses -------------------------------------------------------------------------------------------------

const endpoint = { address: text(45, /^[0-9a-f.:]+$/), port };

/** `key`: 32 secret bytes in base64url, known to both peers and the hub. */
const pairKey = object({ key: text(43, /^[A-Za-z0-9_-]{43}$/), epoch: integer(0, 255), role: oneOf("a", "b") });

const ids = { connection_id: connectionId, lobby_id: lobbyId, peer_id: peer };
const verdict = {
  verdict: oneOf("direct", "predict", "birthday", "relay"),
  /** One plain sentence for a player. */
  message: text(256),
  nat_pair: text(64),
};

/**
 * To be carried out `start_in_ms` after receipt. The relay that follows is entered `relay_after_ms` after receipt, unless
 * the other peer was received by then.
 */
const punching = object({
  ...verdict,
  pair_key: pairKey,
  start_in_ms: count,
  relay_after_ms: count,
  plan,
  /** The local port of the standing reach that the plan is for; absent: the peer sent a reach for this connection. */
  local_port: optional(port),
});
export type Punching = Shape<typeof punching>;

/** Two browsers exchange signed WebRTC signals over the lobby. `relay`: whether they may, must or must not use TURN. */
const webrtc = object({ ...verdict, pair_key: pairKey, relay: oneOf(...RELAY_POLICIES) });
export type WebrtcInstructions = Shape<typeof webrtc>;

/** The peer's end of a relay. The other peer's end is another port, which this peer does not receive. */
export const relay = object({
  ...endpoint,
  /** Authenticates the peer to the relay. */
  ticket,
  expires_at: time,
  /** Bytes that both peers together may send. */
  budget_bytes: count,
  /** A WebSocket to the same end, for networks that block UDP. */
  tunnel: optional(text(URL_LENGTH_MAX)),
});
export type RelayView = Shape<typeof relay>;
/** With verdict and key, where the peers have not received them before. */
const relayed = object({
  relay,
  verdict: optional(verdict.verdict),
  message: optional(verdict.message),
  nat_pair: optional(verdict.nat_pair),
  pair_key: optional(pairKey),
});

const FAILURE_REASONS = Object.keys(FAILURES) as FailureReason[];
export const STATES = ["waiting", "gathering", "introduced", "over"] as const;
/** Waiting for consent; for a fresh reach of both; for both outcomes; over. */
export type ConnectionState = (typeof STATES)[number];
const failure = object({
  reason: oneOf(...FAILURE_REASONS),
  /** Steam's classes: 3xxx the local side, 4xxx the remote side, 5xxx neither. */
  code: integer(3_000, 5_999),
  /** The state in which it failed. */
  state: oneOf(...STATES),
  /** One sentence for debugging. */
  message: text(256),
});

const consent = oneOf(...CONSENTS);
export const TIMELINE = ["asked", "accepted", "looked", "introduced", "relayed", "outcome", "failed"] as const;

export const connection = object({
  ...ids,
  /** Whether the reader requested the connection. */
  asked: flag,
  consent,
  state: oneOf(...STATES),
  /** The reader must send a fresh reach with `accept`. */
  wants_reach: flag,
  /** Until the connection times out; of one that is over, until it is deleted. */
  expires_in_ms: count,
  /** While the introduction is current. */
  punch: optional(punching),
  webrtc: optional(webrtc),
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

/** Connection events on the WebSocket, in the topic `lobby`. After a reconnect they are replayed in their current state. */
const event = <const T extends string, const F extends object>(type: T, fields: F) =>
  object({ type: constant(type), topic: constant("lobby"), seq: count, data: object({ ...ids, ...fields }) });
export const CONNECTION_EVENTS = {
  "connect.requested": event("connect.requested", { consent, expires_in_ms: count }),
  "connect.accepted": event("connect.accepted", {}),
  "connect.punch": event("connect.punch", punching.fields),
  "connect.webrtc": event("connect.webrtc", webrtc.fields),
  "connect.relay": event("connect.relay", relayed.fields),
  "connect.failed": event("connect.failed", failure.fields),
} as const;
type Messages = typeof CONNECTION_EVENTS;
/** Such a message without its envelope. */
export type ConnectionEvent = { [T in keyof Messages]: Pick<Shape<Messages[T]>, "type" | "data"> }[keyof Messages];
