/** The game's messages: reliable (resent until confirmed, delivered once, in any order) and unreliable. */
import { type Json, type JsonObject, own } from "../../util/bounded-json.ts";
import type { ReliableMessage, UnreliableMessage } from "../events.ts";
import { MESSAGE_ID_MAX, PENDING_BYTES_MAX, PENDING_MESSAGES_PER_PEER_MAX } from "../limits.ts";
import type { PendingPacket } from "../outbox.ts";
import type { Peer } from "../roster.ts";
import { type ActiveSession, toPeer, type State } from "../state.ts";

const RELIABLE = "reliable-peer-message";

export type OutgoingMessage = { readonly message: Json; readonly isBroadcast: boolean; readonly ticket: number | null };

export function sendUnreliable(
  state: State,
  active: ActiveSession,
  peer: Peer,
  { message, isBroadcast }: OutgoingMessage,
): void {
  const body = { "is-broadcast": isBroadcast, from: active.userName, to: peer.name, message };
  state.send("unreliable-peer-message", body, toPeer(active, peer));
}

/** Settles the ticket with the message once it is confirmed, or with the reason why not. */
export function sendReliable(state: State, active: ActiveSession, peer: Peer, sending: OutgoingMessage): void {
  const { message, isBroadcast, ticket } = sending;
  if (peer.pending >= PENDING_MESSAGES_PER_PEER_MAX || state.outbox.bytes >= PENDING_BYTES_MAX) {
    const failure = `too many messages await confirmation by "${peer.name}"`;
    state.emit("error", failure);
    return state.settle(ticket, { failure });
  }
  const id = peer.nextMessageId();
  const body = { "is-broadcast": isBroadcast, from: active.userName, to: peer.name, message, "message-id": id };
  peer.pending++;
  state.request(RELIABLE, body, toPeer(active, peer), { id, ticket });
}

/** Reads a message packet. Returns null if it is invalid or names another sender. */
export function readMessage(says: JsonObject, peer: Peer, userName: string): UnreliableMessage | null {
  const isBroadcast = own(says, "is-broadcast");
  const message = own(says, "message");
  if (own(says, "from") !== peer.name || own(says, "to") !== userName) return null;
  if (message === undefined || typeof isBroadcast !== "boolean") return null;
  return { from: peer.name, to: userName, message, isBroadcast };
}

export function readMessageId(says: JsonObject): number | null {
  const id = own(says, "message-id");
  return typeof id === "number" && Number.isSafeInteger(id) && id >= 0 ? id : null;
}

/** Confirms each copy, because the last confirmation may have been lost. Delivers once. */
export function receiveReliable(state: State, active: ActiveSession, peer: Peer, message: ReliableMessage): void {
  const { from, to, isBroadcast, messageId } = message;
  const body = { "is-broadcast": isBroadcast, from, to, message: message.message, "message-id": messageId };
  state.send("reliable-peer-message-response", body, toPeer(active, peer));
  if (peer.recordMessageId(messageId)) state.emit("receivedReliableMessageFromPeer", message);
}

/** A peer confirmed a message. The content in the confirmation is ignored. */
export function handleMessageConfirmed(state: State, peer: Peer, id: number): void {
  if (id > MESSAGE_ID_MAX) return;
  const pending = state.outbox.answer(RELIABLE, peer.name, id, state.now);
  if (pending === null) return;
  peer.pending--;
  const value = messageOf(pending);
  state.emit("peerConfirmedReliableMessageReceived", value);
  state.settle(pending.ticket, { value });
}

export function handleMessageExpired(state: State, peer: Peer, pending: PendingPacket): void {
  peer.pending--;
  state.emit("reliableMessageTimeout", messageOf(pending));
  state.settle(pending.ticket, { failure: `"${pending.peer}" did not confirm the message` });
}

/** The message as it was sent. */
function messageOf({ says, peer, id }: PendingPacket): ReliableMessage {
  const { message = null, "is-broadcast": isBroadcast, "__sender-name": from } = says;
  return {
    from: typeof from === "string" ? from : "",
    to: peer,
    message,
    isBroadcast: isBroadcast === true,
    messageId: id,
  };
}
