/**
 * What arrives: every datagram is either one that this session has a use for, from whom it should come and with the
 * right hash, or it is blocked. A packet is read completely before it has any effect.
 */
import { isArray, isObject, type Json, own } from "../util/bounded-json.ts";
import { type Address, sameAddress } from "./address.ts";
import type { ServerEntry } from "./events.ts";
import { isHash } from "./hash.ts";
import { meetAgain, meetGuest, meetHost, readIntroduction, readRequest } from "./introduction.ts";
import { check, endInquiry, fail, INQUIRY_GLOBAL, removePeer } from "./lifecycle.ts";
import { NAME_UNITS_MAX, SERVERS_LISTED_MAX } from "./limits.ts";
import { dropPeer, takeList, tellOfChanges, updateConfirmed } from "./mesh.ts";
import { messageConfirmed, readMessage, readMessageId, takeReliable } from "./messages.ts";
import { decode, HS_SERVER_NAME, type Received } from "./packet.ts";
import type { Peer } from "./roster.ts";
import { type Active, toPeer, toServer, type World } from "./state.ts";

/** Takes one datagram. Never throws. */
export function receive(world: World, bytes: Uint8Array, from: Address): void {
  const received = decode(bytes);
  const effect = received === null ? null : understand(world, received, from);
  if (received === null || effect === null) return world.emit("packetBlocked", from);
  world.emit("packetReceived", received.says);
  effect();
}

/** What a packet does; null where it is blocked. */
type Effect = (() => void) | null;

function understand(world: World, received: Received, from: Address): Effect {
  const { active, listing } = world;
  if (received.sender === null && received.type === LISTED) {
    const asked = listing !== null && sameAddress(listing.address, from);
    if (asked) return isFromServer(received, active, listing.password) ? readList(world, received, from) : null;
  }
  if (active === null) return null;
  const { handshake } = active;
  if (handshake?.self === true && received.destination === HS_SERVER_NAME) {
    return readRequest(world, active, received, from);
  }
  if (received.sender === null) {
    if (handshake === null || handshake.self || !sameAddress(handshake.address, from)) return null;
    if (isFromServer(received, active, handshake.password)) return fromServer(world, active, received);
    return distrustServer(world, active);
  }
  const peer = active.peers.get(received.sender);
  if (received.destination !== active.userName || peer === undefined || !peer.isAt(from)) return null;
  if (!isHash(received.hash, received.says, active.password)) return distrust(world, active, peer);
  return PEER_PACKETS.get(received.type)?.({ world, active, peer, received, from }) ?? null;
}

/** A handshake server calls us what we called ourselves, whatever it writes. */
function isFromServer({ says, hash }: Received, active: Active | null, password: string): boolean {
  return isHash(hash, { ...says, "__destination-name": active?.userName ?? null }, password);
}

/** Who does not know the password yet is turned away. Once he is in, it is somebody else in his name. */
function distrust(world: World, active: Active, peer: Peer): null {
  if (peer.via !== null) return null;
  if (active.role === "guest") {
    fail(world, "packet has incorrect password (hash mismatch)");
    return null;
  }
  world.emit("error", `packet from ${peer.name} has incorrect password (hash mismatch)`);
  removePeer(world, active, peer);
  return null;
}

function distrustServer(world: World, active: Active): null {
  const why = "packet has incorrect password (hash mismatch)";
  if (active.role === "guest" && !active.confirmed) fail(world, why);
  else world.emit("error", why);
  return null;
}

// --- from the handshake server ---------------------------------------------------------------------------------

const LISTED = "providing-server-list";
const REGISTER = "registering-server";
const REFRESH = "refreshing-server-registration";
const JOIN = "requesting-to-join-server";
const nothing = (): void => {};

function fromServer(world: World, active: Active, { type, says, to }: Received): Effect {
  switch (type) {
    case "confirming-registration":
      return to === null ? null : () => registered(world, active, to);
    case "confirming-registration-refresh":
      return () => void world.outbox.answer(REFRESH, HS_SERVER_NAME, 0, world.now);
    case "providing-peer-handshake-info": {
      const introduction = readIntroduction(says);
      if (introduction === null) return null;
      if (active.role === "host") return () => meetGuest(world, active, introduction);
      if (world.outbox.answer(JOIN, HS_SERVER_NAME, 0, world.now) === null) return nothing;
      return () => meetHost(world, active, introduction);
    }
    case "server-error": {
      const message = own(says, "message");
      return typeof message === "string" ? () => fail(world, message) : null;
    }
    default:
      return null;
  }
}

function registered(world: World, active: Active, seenAs: Address): void {
  const { handshake, ticket } = active;
  if (handshake === null || world.outbox.answer(REGISTER, HS_SERVER_NAME, 0, world.now) === null) return;
  const body = { "seconds-before-expiry": world.settings.registration_s };
  world.ask(REFRESH, body, toServer(active.userName, handshake), { period_ms: world.settings.refresh_ms });
  active.serverAddress = seenAs;
  active.globalAddress = seenAs;
  active.confirmed = true;
  active.ticket = null;
  world.emit("confirmedAsServer", handshake.address);
  world.settle(ticket, { value: handshake.address });
}

function readList(world: World, { says }: Received, from: Address): Effect {
  const servers = own(says, "servers");
  if (!isArray(servers)) return null;
  return () => {
    const pending = world.outbox.answer("requesting-server-list", HS_SERVER_NAME, 0, world.now);
    world.listing = null;
    if (pending === null) return;
    const value = { servers: servers.slice(0, SERVERS_LISTED_MAX).flatMap(readServer), handshakeAddress: from };
    world.emit("receivedServerList", value.servers, from);
    world.settle(pending.ticket, { value });
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

type Scene = {
  readonly world: World;
  readonly active: Active;
  readonly peer: Peer;
  readonly received: Received;
  readonly from: Address;
};

/** What is said before we know where somebody is, we could not answer; he will say it again. */
const whenConfirmed =
  (read: (scene: Scene) => Effect) =>
  (scene: Scene): Effect =>
    scene.peer.via === null ? null : read(scene);

const PEER_PACKETS = new Map<string, (scene: Scene) => Effect>([
  ["address-inquiry", inquired],
  ["address-inquiry-response", inquiryAnswered],
  ["peer-check", whenConfirmed(checked)],
  ["peer-check-response", whenConfirmed(checkAnswered)],
  ["unreliable-peer-message", whenConfirmed(unreliable)],
  ["reliable-peer-message", whenConfirmed(reliable)],
  ["reliable-peer-message-response", whenConfirmed(confirmed)],
  ["update-peer-list", whenConfirmed(listUpdated)],
  ["update-peer-list-response", whenConfirmed(listConfirmed)],
  ["drop-me", droppedMe],
]);

/** Answered where it came from, with its own flag, so that whoever asked learns which address led here. */
function inquired({ world, active, peer, received, from }: Scene): Effect {
  const usedGlobal = own(received.says, "used-global");
  if (typeof usedGlobal !== "boolean") return null;
  return () => {
    world.tell("address-inquiry-response", { "used-global": usedGlobal }, toPeer(active, peer, from));
    if (active.role === "host" && peer.via !== null) meetAgain(world, active, peer);
  };
}

/**
 * The first answer decides which address is used from now on. What counts is where it came from, as that is where
 * everything else will come from; the flag only where both addresses are one.
 */
function inquiryAnswered({ world, active, peer, received, from }: Scene): Effect {
  const usedGlobal = own(received.says, "used-global");
  const asked = world.outbox.has("address-inquiry", peer.name, INQUIRY_GLOBAL);
  if (typeof usedGlobal !== "boolean") return null;
  if (!asked) return nothing;
  const same = sameAddress(peer.global, peer.local);
  const isGlobal = same ? usedGlobal : sameAddress(peer.global, from);
  return () => {
    endInquiry(world, peer);
    const isNew = peer.via === null;
    peer.via = isGlobal ? "global" : "local";
    peer.provisional = false;
    check(world, active, peer);
    if (isNew) arrived(world, active, peer, received.to);
  };
}

function arrived(world: World, active: Active, peer: Peer, seenAs: Address | null): void {
  const { address, name } = peer;
  if (active.role === "host") {
    world.emit("peerJoined", name);
    return tellOfChanges(world, active);
  }
  const { ticket } = active;
  active.serverAddress = address;
  active.globalAddress = seenAs;
  active.confirmed = true;
  active.ticket = null;
  world.emit("confirmedAsClient", address!);
  world.emit("peerJoined", name);
  world.settle(ticket, { value: address! });
}

function checked({ world, active, peer }: Scene): Effect {
  return () => world.tell("peer-check-response", {}, toPeer(active, peer));
}

function checkAnswered({ world, peer }: Scene): Effect {
  return () => void world.outbox.answer("peer-check", peer.name, 0, world.now);
}

function unreliable({ world, active, peer, received }: Scene): Effect {
  const message = readMessage(received.says, peer, active.userName);
  return message === null ? null : () => world.emit("receivedUnreliableMessageFromPeer", message);
}

function reliable({ world, active, peer, received }: Scene): Effect {
  const message = readMessage(received.says, peer, active.userName);
  const messageId = readMessageId(received.says);
  if (message === null || messageId === null) return null;
  return () => takeReliable(world, active, peer, { ...message, messageId });
}

function confirmed({ world, peer, received }: Scene): Effect {
  const id = readMessageId(received.says);
  return id === null ? null : () => messageConfirmed(world, peer, id);
}

/** Only the host's word counts. */
function listUpdated({ world, active, peer, received: { says } }: Scene): Effect {
  const action = own(says, "action");
  const infos = own(says, "peer-infos");
  if (active.role !== "guest" || peer.name !== active.serverName) return null;
  if ((action !== "add" && action !== "remove") || !isObject(infos)) return null;
  return () => {
    world.tell("update-peer-list-response", {}, toPeer(active, peer));
    takeList(world, active, action, infos);
  };
}

function listConfirmed({ world, active, peer }: Scene): Effect {
  return active.role === "host" ? () => updateConfirmed(world, active, peer) : null;
}

/** Nobody can say goodbye for somebody else. Among guests it is the host who says who has left. */
function droppedMe({ world, active, peer, received }: Scene): Effect {
  if (own(received.says, "name") !== peer.name) return null;
  if (active.role === "host") return () => dropPeer(world, active, peer, false);
  return peer.name === active.serverName ? () => fail(world, "server peer disconnected") : nothing;
}
