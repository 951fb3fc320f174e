/**
 * What clients and hub say on the events WebSocket, `GET /v1/games/{game}/events`, subprotocol `parley.v1`: JSON texts
 * `{ type, data, ... }`, one each. Both directions are decoded strictly.
 *
 *     client                                    hub
 *     hello {token?}                         -> welcome {peer_id, heartbeat_s}      first, once
 *     subscribe {topic, id?, filter?, since?} -> snapshot {...} or resumed {}        then the topic's events
 *     unsubscribe {topic, id?}               -> ok {}
 *     chat {lobby, text}, signal {lobby, to, body} -> ok {}                          for members
 *     accept {connection_id, reach?}, deny {connection_id} -> ok {}                  of a connection (api-connect.ts)
 *     "ping", as bare text                   -> "pong"                               answered without waking the hub
 *
 * A client may number what it says (`seq`); the answer names that number (`re`). What the hub tells of a topic carries
 * the hub's own `seq`, which rises, and after a drop `since` asks for everything behind it.
 *
 *     topic lobbies     lobby.added {lobby} · lobby.updated {lobby} · lobby.removed {id, reason}
 *     topic lobby       lobby.updated {lobby} · lobby.removed {id, reason, detail?}
 *                       lobby.host_changed {id, host, term, cause}
 *                       member.joined|updated {id, member} · member.left {id, peer_id, name, state, by, detail?}
 *                       chat {id, from, text} · signal {id, from, body}
 *                       member.applied {id, peer_id} · member.admitted {id} · member.denied {id}
 *     of connections    connect.requested|accepted|punch|relay|failed {connection_id, lobby_id, peer_id, ...}, unnumbered
 *     any time          going_away {}: no new lobbies are made here, those that are go on
 *                       error {problem} · resync {} and close 4008 · close with a code of `WatchClose`
 */
import { type LobbyView, type MemberView, chatMessage, signalMessage } from "./lobbies.ts";
import { acceptRequest, connectionId } from "../connect/schema.ts";
import { type Decoder, integer, map, object, oneOf, optional, text, union } from "../schema/decode.ts";
import { PREDICATES_MAX, OPERAND_LENGTH_MAX } from "../limits.ts";
import { lobbyId } from "../lobby/fields.ts";
import type { Summary } from "../listing/summary.ts";

export const SUBPROTOCOL = "parley.v1";

export const EventsCloseCode = {
  /** Not JSON text, too long, or no shape of a message at all. */
  malformed: 4400,
  /** The token is not good. */
  unauthorized: 4401,
  /** Said too much in too little time. */
  flooding: 4429,
  /** Has not pinged for too long. */
  silent: 4408,
  /** Takes in less than it is told: subscribe again, and fewer lobbies. */
  slow: 4008,
} as const;

// --- from clients ----------------------------------------------------------------------------------------------

const seq = optional(integer(0, Number.MAX_SAFE_INTEGER));
const topic = oneOf("lobbies", "lobby");

/** Parameters of the list as text, like in a URL; each may come once. */
export const filterParameters = map(
  /^[a-z_]{1,32}(\[[A-Za-z0-9_.-]{1,64}\]){0,2}$/,
  text(OPERAND_LENGTH_MAX),
  PREDICATES_MAX + 1,
);

const says = <const T extends string, D>(type: T, data: Decoder<D>) => object({ type: oneOf(type), seq, data });

const hello = says("hello", object({ token: optional(text(512)) }));
const subscribe = says(
  "subscribe",
  object({ topic, id: optional(lobbyId), filter: optional(filterParameters), since: seq }),
);
const unsubscribe = says("unsubscribe", object({ topic, id: optional(lobbyId) }));
const chat = says("chat", object({ lobby: lobbyId, ...chatMessage.fields }));
const signal = says("signal", object({ lobby: lobbyId, ...signalMessage.fields }));
const accept = says("accept", object({ connection_id: connectionId, ...acceptRequest.fields }));
const deny = says("deny", object({ connection_id: connectionId }));

type Said<D> = D extends Decoder<infer T> ? T : never;
export type ClientMessage =
  | Said<typeof hello>
  | Said<typeof subscribe>
  | Said<typeof unsubscribe>
  | Said<typeof chat>
  | Said<typeof signal>
  | Said<typeof accept>
  | Said<typeof deny>;

export const clientMessage: Decoder<ClientMessage> = union<ClientMessage>("type", {
  hello,
  subscribe,
  unsubscribe,
  chat,
  signal,
  accept,
  deny,
});

// --- to clients ------------------------------------------------------------------------------------------------

/** Why a lobby is gone from a topic. `filtered`: it lives, and is no longer what was asked for. */
export type LobbyRemovedReason = "closed" | "started" | "timed_out" | "banned" | "left" | "kicked" | "filtered";
export type LeftState = "left" | "disconnected" | "kicked" | "banned";
/** `left`: the host went, and the next one follows. `vacant`: nobody does, until a member claims it. */
export type HostCause = "left" | "handed" | "claimed" | "vacant";

export type LobbyEvent =
  | { readonly type: "lobby.added" | "lobby.updated"; readonly data: { readonly lobby: Summary | LobbyView } }
  | {
      readonly type: "lobby.removed";
      /** `detail`: what the host said to whom he kicked. */
      readonly data: { readonly id: string; readonly reason: LobbyRemovedReason; readonly detail?: string };
    }
  | {
      readonly type: "lobby.host_changed";
      readonly data: {
        readonly id: string;
        readonly host: string | null;
        readonly term: number;
        readonly cause: HostCause;
      };
    }
  | {
      readonly type: "member.joined" | "member.updated";
      readonly data: { readonly id: string; readonly member: MemberView };
    }
  | {
      readonly type: "member.left";
      readonly data: {
        readonly id: string;
        /** Null where the lobby's wire knows no peer ids. */
        readonly peer_id: string | null;
        readonly name: string;
        readonly state: LeftState;
        /** Whose doing it was, or null where nobody did anything. */
        readonly by: string | null;
        /** What the host said who kicked him; for members. */
        readonly detail?: string;
      };
    }
  | { readonly type: "chat"; readonly data: { readonly id: string; readonly from: string; readonly text: string } }
  | { readonly type: "signal"; readonly data: { readonly id: string; readonly from: string; readonly body: string } }
  | { readonly type: "member.applied"; readonly data: { readonly id: string; readonly peer_id: string } }
  | { readonly type: "member.admitted" | "member.denied"; readonly data: { readonly id: string } };
