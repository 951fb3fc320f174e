/**
 * Messages of the events WebSocket, `GET /v1/games/{game}/events`, subprotocol `parley.v1`: one JSON text
 * `{ type, data, ... }` each. Both directions are decoded strictly.
 *
 *     client                                    hub
 *     hello {token?}                         -> welcome {peer_id, heartbeat_s}      first, once
 *     subscribe {topic, id?, filter?, since?} -> snapshot {...} or resumed {}        then the topic's events
 *     unsubscribe {topic, id?}               -> ok {}
 *     chat {lobby, text}, signal {lobby, to, body} -> ok {}                          for members
 *     connect {lobby, peer_id, reach?, relay?, ticket?} -> ok {connection_id}        to another member
 *     accept {connection_id, reach?}, deny {connection_id} -> ok {}                  of a connection
 *     "ping", as bare text                   -> "pong"                               answered without waking the hub
 *
 * A client may number its messages (`seq`); the reply repeats that number (`re`). Events of a topic carry the hub's
 * increasing `seq`. After a reconnect, `since` requests all later events.
 *
 *     topic lobbies     lobby.added {lobby} · lobby.updated {lobby} · lobby.removed {id, reason}
 *     topic lobby       lobby.updated {lobby} · lobby.removed {id, reason, detail?}
 *                       lobby.host_changed {id, host, term, cause, snapshot_revision?}
 *                       member.joined|updated {id, member} · member.left {id, peer_id, name, state, by, detail?}
 *                       chat {id, from, text} · signal {id, from, body}
 *                       member.applied {id, peer_id} · member.admitted {id} · member.denied {id}
 *     of connections    connect.requested|accepted|punch|relay|failed {connection_id, lobby_id, peer_id, ...}, unnumbered
 *     any time          going_away {}: the hub accepts no new lobbies; existing ones continue
 *                       error {problem} · resync {} and close 4008 · close with a code of `EventsCloseCode`
 */
import { type LobbyView, type MemberView, chatMessage, signalMessage } from "./lobbies.ts";
import { acceptRequest, connectRequest, connectionId } from "../connect/schema.ts";
import { type Decoder, integer, map, object, oneOf, optional, type Shape, text, union } from "../schema/decode.ts";
import { PREDICATES_MAX, OPERAND_LENGTH_MAX } from "../limits.ts";
import { lobbyId } from "../lobby/fields.ts";
import type { Summary } from "../listing/summary.ts";

export const SUBPROTOCOL = "parley.v1";

export const EventsCloseCode = {
  /** Not JSON, too long, or no message of this protocol. */
  malformed: 4400,
  /** The token is invalid. */
  unauthorized: 4401,
  /** Too many messages. */
  flooding: 4429,
  /** No ping for too long. */
  silent: 4408,
  /** The client reads too slowly: reconnect and subscribe to fewer lobbies. */
  slow: 4008,
} as const;

// --- from clients ----------------------------------------------------------------------------------------------

const seq = optional(integer(0, Number.MAX_SAFE_INTEGER));
const topic = oneOf("lobbies", "lobby");

/** Parameters of the list as text, as in a URL; each at most once. */
const filterParameters = map(
  /^[a-z_]{1,32}(\[[A-Za-z0-9_.-]{1,64}\]){0,2}$/,
  text(OPERAND_LENGTH_MAX),
  PREDICATES_MAX + 1,
);

const message = <const T extends string, D>(type: T, data: Decoder<D>) => object({ type: oneOf(type), seq, data });

const hello = message("hello", object({ token: optional(text(512)) }));
const subscribe = message(
  "subscribe",
  object({ topic, id: optional(lobbyId), filter: optional(filterParameters), since: seq }),
);
const unsubscribe = message("unsubscribe", object({ topic, id: optional(lobbyId) }));
const chat = message("chat", object({ lobby: lobbyId, ...chatMessage.fields }));
const signal = message("signal", object({ lobby: lobbyId, ...signalMessage.fields }));
const connect = message("connect", object({ lobby: lobbyId, ...connectRequest.fields }));
const accept = message("accept", object({ connection_id: connectionId, ...acceptRequest.fields }));
const deny = message("deny", object({ connection_id: connectionId }));

export type ClientMessage =
  | Shape<typeof hello>
  | Shape<typeof subscribe>
  | Shape<typeof unsubscribe>
  | Shape<typeof chat>
  | Shape<typeof signal>
  | Shape<typeof connect>
  | Shape<typeof accept>
  | Shape<typeof deny>;

export const clientMessage: Decoder<ClientMessage> = union<ClientMessage>("type", {
  hello,
  subscribe,
  unsubscribe,
  chat,
  signal,
  connect,
  accept,
  deny,
});

// --- to clients ------------------------------------------------------------------------------------------------

/** Why a lobby was removed from a topic. `filtered`: it still exists but no longer matches. */
export type LobbyRemovedReason = "closed" | "started" | "timed_out" | "banned" | "left" | "kicked" | "filtered";
export type LeftState = "left" | "disconnected" | "kicked" | "banned";
/** `left`: the host left, and the next member hosts. `handed`: the host transferred its role. `vacant`: no host. */
export type HostCause = "left" | "handed" | "claimed" | "vacant";

export type LobbyEvent =
  | { readonly type: "lobby.added" | "lobby.updated"; readonly data: { readonly lobby: Summary | LobbyView } }
  | {
      readonly type: "lobby.removed";
      /** `detail`: the host's reason, for the kicked member. */
      readonly data: { readonly id: string; readonly reason: LobbyRemovedReason; readonly detail?: string };
    }
  | {
      readonly type: "lobby.host_changed";
      readonly data: {
        readonly id: string;
        readonly host: string | null;
        readonly term: number;
        readonly cause: HostCause;
        /** For members: the revision of the host's snapshot, or null if there is none. */
        readonly snapshot_revision?: number | null;
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
        /** Null on wires without peer ids. */
        readonly peer_id: string | null;
        readonly name: string;
        readonly state: LeftState;
        /** The peer that caused it, or null for a timeout. */
        readonly by: string | null;
        /** The host's reason of a kick; for members. */
        readonly detail?: string;
      };
    }
  | { readonly type: "chat"; readonly data: { readonly id: string; readonly from: string; readonly text: string } }
  | { readonly type: "signal"; readonly data: { readonly id: string; readonly from: string; readonly body: string } }
  | { readonly type: "member.applied"; readonly data: { readonly id: string; readonly peer_id: string } }
  | { readonly type: "member.admitted" | "member.denied"; readonly data: { readonly id: string } };
