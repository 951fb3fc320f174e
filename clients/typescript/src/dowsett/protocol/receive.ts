/**
 * Handles received datagrams. Each must be useful to this session, come from the right address and have the right hash,
 * or it is blocked. A packet is read completely before it has any effect.
 */
import { isArray, isObject, type Json, own } from "../../util/bounded-json.ts";
import { type Address, sameAddress } from "../wire/address.ts";
import type { ServerEntry } from "../events.ts";
import { isHash } from "../wire/hash.ts";
import {
  handleGuestRestart,
  handleGuestIntroduction,
  handleHostIntroduction,
  readIntroduction,
  readRequest,
} from "./introduction.ts";
import { check, endInquiry, fail, INQUIRY_GLOBAL, removePeer } from "./lifecycle.ts";
import { NAME_UNITS_MAX, SERVERS_LISTED_MAX } from "../limits.ts";
import { dropPeer, applyPeerList, sendPeerListUpdates, handleUpdateConfirmed } from "./peer-list.ts";
import { handleMessageConfirmed, readMessage, readMessageId, receiveReliable } from "./messages.ts";
import { decode, HS_SERVER_NAME, type ReceivedPacket } from "../wire/packet.ts";
import type { Peer } from "../roster.ts";
import { type ActiveSession, toPeer, toServer, type State } from "../state.ts";

/** Handles one datagram. Never throws. */
export function receive(state: State, bytes: Uint8Array, from: Address): void {
  const received = decode(bytes);
  const effect = received === null ? null : effectOf(state, received, from);
  if (received === null || effect === null) return state.emit("packetBlocked", from);
  state.emit("packetReceived", received.says);
  effect();
}

/** What a packet does; null: it is blocked. */
type Effect = (() => void) | null;

function effectOf(state: State, received: ReceivedPacket, from: Address): Effect {
  const { active, listing } = state;
  if (received.sender === null && received.type === LISTED) {
    const asked = listing !== null && sameAddress(listing.address, from);
    if (asked) return isFromServer(received, active, listing.password) ? readList(state, received, from) : null;
  }
  if (active === null) return null;
  const { handshake } = active;
  if (handshake?.self === true && received.destination === HS_SERVER_NAME) {
    return readRequest(state, active, received, from);
  }
  if (received.sender === null) {
    if (handshake === null || handshake.self || !sameAddress(handshake.address, from)) return null;
    if (isFromServer(received, active, handshake.password)) return serverEffect(state, active, received);
    return rejectServerHash(state, active);
  }
  const peer = active.peers.get(received.sender);
  if (received.destination !== active.userName || peer === undefined || !peer.isAt(from)) return null;
  if (!isHash(received.hash, received.says, active.password)) return rejectPeerHash(state, active, peer);
  return PEER_PACKETS.get(received.type)?.({ state, active, peer, received, from }) ?? null;
}

/** A handshake server hashes with the name that this peer stated, whatever name it writes. */
function isFromServer({ says, hash }: ReceivedPacket, active: ActiveSession | null, password: string): boolean {
  return isHash(hash, { ...says, "__destination-name": active?.userName ?? null }, password);
}

/**
 * Before the connection, a wrong hash means a wrong password. Afterwards it means a forged packet, which is ignored.
 */
function rejectPeerHash(state: State, active: ActiveSession, peer: Peer): null {
  if (peer.addressKind !== null) return null;
  if (active.role === "guest") {
    fail(state, "packet has incorrect password (hash mismatch)");
    return null;
  }
  state.emit("error", `packet from ${peer.name} has incorrect password (hash mismatch)`);
  removePeer(state, active, peer);
  return null;
}

function rejectServerHash(state: State, active: ActiveSession): null {
  const why = "packet has incorrect password (hash mismatch)";
  if (active.role === "guest" && !active.confirmed) fail(state, why);
  else state.emit("error", why);
  return null;
}

// --- from the handshake server ---------------------------------------------------------------------------------

const LISTED = "providing-server-list";
const REGISTER = "registering-server";
const REFRESH = "refreshing-server-registration";
const JOIN = "requesting-to-join-server";
const nothing = (): void => {};

function serverEffect(state: State, active: ActiveSession, { type, says, to }: ReceivedPacket): Effect {
  switch (type) {
    case "confirming-registration":
      return to === null ? null : () => handleRegistered(state, active, to);
    case "confirming-registration-refresh":
      return () => void state.outbox.answer(REFRESH, HS_SERVER_NAME, 0, state.now);
    case "providing-peer-handshake-info": {
      const introduction = readIntroduction(says);
      if (introduction === null) return null;
      if (active.role === "host") return () => handleGuestIntroduction(state, active, introduction);
      if (state.outbox.answer(JOIN, HS_SERVER_NAME, 0, state.now) === null) return nothing;
      return () => handleHostIntroduction(state, active, introduction);
    }
    case "server-error": {
      const message = own(says, "message");
      return typeof message === "string" ? () => fail(state, message) : null;
    }
    default:
      return null;
  }
}

function handleRegistered(state: State, active: ActiveSession, seenAs: Address): void {
  const { handshake, ticket } = active;
  if (handshake === null || state.outbox.answer(REGISTER, HS_SERVER_NAME, 0, state.now) === null) return;
  const body = { "seconds-before-expiry": state.settings.registration_s };
  state.request(REFRESH, body, toServer(active.userName, handshake), { period_ms: state.settings.refresh_ms });
  active.serverAddress = seenAs;
  active.globalAddress = seenAs;
  active.confirmed = true;
  active.ticket = null;
  state.emit("confirmedAsServer", handshake.address);
  state.settle(ticket, { value: handshake.address });
}

function readList(state: State, { says }: ReceivedPacket, from: Address): Effect {
  const servers = own(says, "servers");
  if (!isArray(servers)) return null;
  return () => {
    const pending = state.outbox.answer("requesting-server-list", HS_SERVER_NAME, 0, state.now);
    state.listing = null;
    if (pending === null) return;
    const value = { servers: servers.slice(0, SERVERS_LISTED_MAX).flatMap(readServer), handshakeAddress: from };
    state.emit("receivedServerList", value.servers, from);
    state.settle(pending.ticket, { value });
  };
}

function readServer(entry: Json): ServerEntry[] {
  if (!isObject(entry)) return [];
  const name = own(entry, "name");
  const passwordIsRequired = own(entry, "password-required");
  if (typeof name !== "string" || name.length > NAME_UNITS_MAX || typeof passwordIsRequired !== "boolean") return [];
  return [{ name, passwordIsRequired }];
}

// --- from a peer -----------------------------------------------------------------------------------------------

type PeerPacket = {
  readonly state: State;
  readonly active: ActiveSession;
  readonly peer: Peer;
  readonly received: ReceivedPacket;
  readonly from: Address;
};

/** Until the peer's address is known, no answer could be sent. The peer repeats its packet. */
const whenConfirmed =
  (read: (scene: PeerPacket) => Effect) =>
  (scene: PeerPacket): Effect => {
    if (scene.peer.addressKind === null) return null;
    const effect = read(scene);
    if (effect === null) return null;
    return () => {
      scene.peer.settled = true;
      effect();
    };
  };

const PEER_PACKETS = new Map<string, (scene: PeerPacket) => Effect>([
  ["address-inquiry", handleInquiry],
  ["address-inquiry-response", handleInquiryResponse],
  ["peer-check", whenConfirmed(handleCheck)],
  ["peer-check-response", whenConfirmed(handleCheckResponse)],
  ["unreliable-peer-message", whenConfirmed(handleUnreliable)],
  ["reliable-peer-message", whenConfirmed(handleReliable)],
  ["reliable-peer-message-response", whenConfirmed(handleReliableResponse)],
  ["update-peer-list", whenConfirmed(handleListUpdate)],
  ["update-peer-list-response", whenConfirmed(handleListResponse)],
  ["drop-me", handleDropMe],
]);

/** Answered at the source, with the flag of the inquiry, so that the sender learns which address works. */
function handleInquiry({ state, active, peer, received, from }: PeerPacket): Effect {
  const usedGlobal = own(received.says, "used-global");
  if (typeof usedGlobal !== "boolean") return null;
  return () => {
    state.send("address-inquiry-response", { "used-global": usedGlobal }, toPeer(active, peer, from));
    if (active.role === "host" && peer.addressKind !== null) handleGuestRestart(state, active, peer);
  };
}

/**
 * The first answer decides which address is used from now on. Its source counts, because later packets come from there.
 * The flag counts only if both addresses are the same.
 */
function handleInquiryResponse({ state, active, peer, received, from }: PeerPacket): Effect {
  const usedGlobal = own(received.says, "used-global");
  const asked = state.outbox.has("address-inquiry", peer.name, INQUIRY_GLOBAL);
  if (typeof usedGlobal !== "boolean") return null;
  if (!asked) return nothing;
  const same = sameAddress(peer.global, peer.local);
  const isGlobal = same ? usedGlobal : sameAddress(peer.global, from);
  return () => {
    endInquiry(state, peer);
    const isNew = peer.addressKind === null;
    peer.addressKind = isGlobal ? "global" : "local";
    peer.provisional = false;
    check(state, active, peer);
    if (isNew) handlePeerConfirmed(state, active, peer, received.to);
  };
}

function handlePeerConfirmed(state: State, active: ActiveSession, peer: Peer, seenAs: Address | null): void {
  const { address, name } = peer;
  if (active.role === "host") {
    state.emit("peerJoined", name);
    return sendPeerListUpdates(state, active);
  }
  const { ticket } = active;
  active.serverAddress = address;
  active.globalAddress = seenAs;
  active.confirmed = true;
  active.ticket = null;
  state.emit("confirmedAsClient", address!);
  state.emit("peerJoined", name);
  state.settle(ticket, { value: address! });
}

function handleCheck({ state, active, peer }: PeerPacket): Effect {
  return () => state.send("peer-check-response", {}, toPeer(active, peer));
}

function handleCheckResponse({ state, peer }: PeerPacket): Effect {
  return () => void state.outbox.answer("peer-check", peer.name, 0, state.now);
}

function handleUnreliable({ state, active, peer, received }: PeerPacket): Effect {
  const message = readMessage(received.says, peer, active.userName);
  return message === null ? null : () => state.emit("receivedUnreliableMessageFromPeer", message);
}

function handleReliable({ state, active, peer, received }: PeerPacket): Effect {
  const message = readMessage(received.says, peer, active.userName);
  const messageId = readMessageId(received.says);
  if (message === null || messageId === null) return null;
  return () => receiveReliable(state, active, peer, { ...message, messageId });
}

function handleReliableResponse({ state, peer, received }: PeerPacket): Effect {
  const id = readMessageId(received.says);
  return id === null ? null : () => handleMessageConfirmed(state, peer, id);
}

/** Only the host sends lists. */
function handleListUpdate({ state, active, peer, received: { says } }: PeerPacket): Effect {
  const action = own(says, "action");
  const infos = own(says, "peer-infos");
  if (active.role !== "guest" || peer.name !== active.serverName) return null;
  if ((action !== "add" && action !== "remove") || !isObject(infos)) return null;
  return () => {
    state.send("update-peer-list-response", {}, toPeer(active, peer));
    applyPeerList(state, active, action, infos);
  };
}

function handleListResponse({ state, active, peer }: PeerPacket): Effect {
  return active.role === "host" ? () => handleUpdateConfirmed(state, active, peer) : null;
}

/** A peer can only drop itself. Guests are notified by the host. */
function handleDropMe({ state, active, peer, received }: PeerPacket): Effect {
  if (own(received.says, "name") !== peer.name) return null;
  if (active.role === "host") return () => dropPeer(state, active, peer, false);
  return peer.name === active.serverName ? () => fail(state, "server peer disconnected") : nothing;
}
