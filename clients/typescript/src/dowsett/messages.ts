/** Messages of the game: reliable (sent again until confirmed, delivered once, in any order) and unreliable. */
import { type Json, type JsonObject, own } from "../util/bounded-json.ts";
import type { ReliableMessage, UnreliableMessage } from "./events.ts";
import { MESSAGE_ID_MAX, PENDING_BYTES_MAX, PENDING_MESSAGES_PER_PEER_MAX } from "./limits.ts";
import type { Pending } from "./outbox.ts";
import type { Peer } from "./roster.ts";
import { type Active, toPeer, type World } from "./state.ts";

const RELIABLE = "reliable-peer-message";

export type Sending = { readonly message: Json; readonly isBroadcast: boolean; readonly ticket: number | null };

export function sendUnreliable(world: World, active: Active, peer: Peer, { message, isBroadcast }: Sending): void {
  const body = { "is-broadcast": isBroadcast, from: active.userName, to: peer.name, message };
  world.tell("unreliable-peer-message", body, toPeer(active, peer));
}

/** Settles the ticket with the message once it is confirmed, or with why it was not. */
export function sendReliable(world: World, active: Active, peer: Peer, sending: Sending): void {
  const { message, isBroadcast, ticket } = sending;
  if (peer.pending >= PENDING_MESSAGES_PER_PEER_MAX || world.outbox.bytes >= PENDING_BYTES_MAX) {
    const failure = `too many messages await confirmation by "${peer.name}"`;
    world.emit("error", failure);
    return world.settle(ticket, { failure });
  }
  const id = peer.takeId();
  const body = { "is-broadcast": isBroadcast, from: active.userName, to: peer.name, message, "message-id": id };
  peer.pending++;
  world.ask(RELIABLE, body, toPeer(active, peer), { id, ticket });
}

/** What a packet of the peer carries, or null where it is no message or not his own. */
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

/** Confirms in any case, since the confirmation before may have been lost; delivers once. */
export function takeReliable(world: World, active: Active, peer: Peer, message: ReliableMessage): void {
  const { from, to, isBroadcast, messageId } = message;
  const body = { "is-broadcast": isBroadcast, from, to, message: message.message, "message-id": messageId };
  world.tell("reliable-peer-message-response", body, toPeer(active, peer));
  if (peer.isNew(messageId)) world.emit("receivedReliableMessageFromPeer", message);
}

/** A peer confirmed a message of ours. What he says it was is not asked. */
export function messageConfirmed(world: World, peer: Peer, id: number): void {
  if (id > MESSAGE_ID_MAX) return;
  const pending = world.outbox.answer(RELIABLE, peer.name, id, world.now);
  if (pending === null) return;
  peer.pending--;
  const value = messageOf(pending);
  world.emit("peerConfirmedReliableMessageReceived", value);
  world.settle(pending.ticket, { value });
}

export function messageExpired(world: World, peer: Peer, pending: Pending): void {
  peer.pending--;
  world.emit("reliableMessageTimeout", messageOf(pending));
  world.settle(pending.ticket, { failure: `"${pending.peer}" did not confirm the message` });
}

/** Our own message, as we sent it. */
function messageOf({ says, peer, id }: Pending): ReliableMessage {
  const { message = null, "is-broadcast": isBroadcast, "__sender-name": from } = says;
  return {
    from: typeof from === "string" ? from : "",
    to: peer,
    message,
    isBroadcast: isBroadcast === true,
    messageId: id,
  };
}
