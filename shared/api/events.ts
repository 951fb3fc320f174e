/**
 * Messages of the events WebSocket, `GET /v1/games/{game}/events`, subprotocol `parley.v1`: one JSON text
 * `{ type, data, ... }` each. Both directions are decoded strictly. A message with a fault gets an `error`, and the socket
 * stays open, so that a newer client works with an older hub.
 *
 *     client                                    hub
 *     hello {token?}                         -> welcome {peer_id, heartbeat_s}      first, once
 *     subscribe {topic, lobby_id?, filter?, since?} -> snapshot {...} or resumed {}  then the topic's events
 *     unsubscribe {topic, lobby_id?}         -> ok {}
 *     chat {lobby_id, text}, signal {lobby_id, to, body} -> ok {}                    for members
 *     connect {lobby_id, peer_id, reach?, with_relay?, ticket?} -> ok {connection_id}
 *     accept {connection_id, reach?}, deny {connection_id}, withdraw {connection_id} -> ok {}
 *     reach {lobby_id, reach?}               -> ok {}                                a standing reach, for introductions
 *     "ping", as bare text                   -> "pong"                               answered without waking the hub
 *
 * A client may number its messages (`seq`); the reply repeats that number (`re`). Events of a topic carry the hub's
 * increasing `seq`. After a reconnect, `since` requests all later events.
 *
 *     topic lobbies     lobby.added {lobby} · lobby.updated {lobby} · lobby.removed {lobby_id, cause, removed_by}
 *     topic lobby       lobby.updated {lobby} · lobby.removed {lobby_id, cause, removed_by, message?}
 *                       lobby.host_changed {lobby_id, host, term, cause, snapshot_revision?}
 *                       member.joined|updated {lobby_id, member}
 *                       member.left {lobby_id, peer_id, name, cause, removed_by, message?}
 *                       chat {lobby_id, from, text} · signal {lobby_id, from, body}
 *                       member.applied {lobby_id, peer_id} · member.admitted|denied {lobby_id}
 *                       connect.requested|accepted|punch|relay|failed {lobby_id, connection_id, peer_id, ...}
 *     any time          going_away {}: the hub accepts no new lobbies; existing ones continue
 *                       announcement {announcement_id, text}: the operators' message to all players
 *                       error {problem, in_reply_to} · resync {} and close 4008 · close with a code of `EventsCloseCode`
 */
import { type LobbyView, type MemberView, chatMessage, signalMessage } from "./lobbies.ts";
import { acceptRequest, connectRequest, connectionId, standingReach } from "../connect/schema.ts";
import { type Decoder, integer, map, object, oneOf, optional, type Shape, text, union } from "../schema/decode.ts";
import { PREDICATES_MAX, OPERAND_LENGTH_MAX } from "../limits.ts";
import { lobbyId } from "../lobby/fields.ts";
import type { Summary } from "../listing/summary.ts";

export const SUBPROTOCOL = "parley.v1";

export const EventsCloseCode = {
  /** No JSON object, or too long. */
  malformed: 4400,
  /** The token is invalid. */
  unauthorized: 4401,
  /** Too many messages, or far too many signals. */
  flooding: 4429,
  /** No hello, or no ping for too long. */
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
  object({ topic, lobby_id: optional(lobbyId), filter: optional(filterParameters), since: seq }),
);
const unsubscribe = message("unsubscribe", object({ topic, lobby_id: optional(lobbyId) }));
const chat = message("chat", object({ lobby_id: lobbyId, ...chatMessage.fields }));
const signal = message("signal", object({ lobby_id: lobbyId, ...signalMessage.fields }));
const connect = message("connect", object({ lobby_id: lobbyId, ...connectRequest.fields }));
const accept = message("accept", object({ connection_id: connectionId, ...acceptRequest.fields }));
const reach = message("reach", object({ lobby_id: lobbyId, ...standingReach.fields }));
const deny = message("deny", object({ connection_id: connectionId }));
const withdraw = message("withdraw", object({ connection_id: connectionId }));

export type ClientMessage =
  | Shape<typeof hello>
  | Shape<typeof subscribe>
  | Shape<typeof unsubscribe>
  | Shape<typeof chat>
  | Shape<typeof signal>
  | Shape<typeof connect>
  | Shape<typeof accept>
  | Shape<typeof reach>
  | Shape<typeof deny>
  | Shape<typeof withdraw>;

export const clientMessage: Decoder<ClientMessage> = union<ClientMessage>("type", {
  hello,
  subscribe,
  unsubscribe,
  chat,
  signal,
  connect,
  accept,
  reach,
  deny,
  withdraw,
});

// --- to clients ------------------------------------------------------------------------------------------------

/**
 * Why a lobby or a member was removed. `kicked`, `banned`: by the host. `closed`: the host ended the lobby.
 * `closed_by_operator`: an operator ended it. `timed_out`: the host or the member was silent, or the lobby's lifetime is
 * over. `filtered`: the lobby still exists, but no longer matches the subscription.
 */
export type RemovalCause =
  | "left"
  | "kicked"
  | "banned"
  | "timed_out"
  | "closed"
  | "closed_by_operator"
  | "started"
  | "filtered";

/** What both kinds of removal say. */
type RemovedBy = {
  readonly cause: RemovalCause;
  /** The peer that caused it, or null: a timeout, an operator, or a peer without peer id. */
  readonly removed_by: string | null;
  /** The host's words for a kick or ban; for members and the removed peer. */
  readonly message?: string;
};

/** `left`: the host left, and the next member hosts. `transferred`: the host transferred its role. `vacant`: no host. */
export type HostCause = "left" | "transferred" | "claimed" | "vacant";

export type LobbyEvent =
  | { readonly type: "lobby.added" | "lobby.updated"; readonly data: { readonly lobby: Summary | LobbyView } }
  | { readonly type: "lobby.removed"; readonly data: { readonly lobby_id: string } & RemovedBy }
  | {
      readonly type: "lobby.host_changed";
      readonly data: {
        readonly lobby_id: string;
        readonly host: string | null;
        readonly term: number;
        readonly cause: HostCause;
        /** For members: the revision of the host's snapshot, or null if there is none. */
        readonly snapshot_revision?: number | null;
      };
    }
  | {
      readonly type: "member.joined" | "member.updated";
      readonly data: { readonly lobby_id: string; readonly member: MemberView };
    }
  | {
      readonly type: "member.left";
      /** `peer_id`: null on wires without peer ids. */
      readonly data: { readonly lobby_id: string; readonly peer_id: string | null; readonly name: string } & RemovedBy;
    }
  | {
      readonly type: "chat";
      readonly data: { readonly lobby_id: string; readonly from: string; readonly text: string };
    }
  | {
      readonly type: "signal";
      readonly data: { readonly lobby_id: string; readonly from: string; readonly body: string };
    }
  | { readonly type: "member.applied"; readonly data: { readonly lobby_id: string; readonly peer_id: string } }
  | { readonly type: "member.admitted" | "member.denied"; readonly data: { readonly lobby_id: string } };
