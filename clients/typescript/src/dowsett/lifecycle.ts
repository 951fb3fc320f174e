/** How peers come and go, and how a session ends. */
import type { Address } from "./address.ts";
import { PEERS_MAX, PEERS_UNCONFIRMED_MAX } from "./limits.ts";
import { HS_SERVER_NAME } from "./packet.ts";
import { Peer } from "./roster.ts";
import { type Active, confirmedPeers, toPeer, toServer, type World } from "./state.ts";

/** Two inquiries, one to each address: whichever is answered first says where the peer is. */
export const INQUIRY_GLOBAL = 0;
export const INQUIRY_LOCAL = 1;

export function inquire(world: World, active: Active, peer: Peer): void {
  const to = (address: Address) => toPeer(active, peer, address);
  world.ask("address-inquiry", { "used-global": true }, to(peer.global), { id: INQUIRY_GLOBAL });
  world.ask("address-inquiry", { "used-global": false }, to(peer.local), { id: INQUIRY_LOCAL });
}

export function endInquiry(world: World, peer: Peer): void {
  world.outbox.remove("address-inquiry", peer.name, INQUIRY_GLOBAL);
  world.outbox.remove("address-inquiry", peer.name, INQUIRY_LOCAL);
}

export function check(world: World, active: Active, peer: Peer): void {
  world.ask("peer-check", {}, toPeer(active, peer), { period_ms: world.settings.peer_check_ms });
}

/** A new peer of whom only the addresses are known, or null where there is no room. */
export function addPeer(world: World, active: Active, name: string, global: Address, local: Address): Peer | null {
  const unconfirmed = active.peers.size - confirmedPeers(active).length;
  if (active.peers.size >= PEERS_MAX || unconfirmed >= PEERS_UNCONFIRMED_MAX) {
    world.emit("error", `no room for peer "${name}"`);
    return null;
  }
  const peer = new Peer(name, global, local, world.firstMessageId);
  active.peers.set(name, peer);
  return peer;
}

/** Forgets a peer, and all that awaited a reply of his. */
export function removePeer(world: World, active: Active, peer: Peer): void {
  active.peers.delete(peer.name);
  for (const { ticket } of world.outbox.removePeer(peer.name)) {
    world.settle(ticket, { failure: `peer "${peer.name}" is gone` });
  }
}

/** Says goodbye to the handshake server. From then on whatever it says is blocked. */
export function leaveServer(world: World, active: Active, why: string): void {
  const { handshake } = active;
  for (const { ticket } of world.outbox.removePeer(HS_SERVER_NAME)) world.settle(ticket, { failure: why });
  world.listing = null;
  active.handshake = null;
  if (handshake === null || handshake.self) return;
  world.tell("drop-me", { name: active.userName }, toServer(active.userName, handshake));
}

/** Ends the session, if there is one, and whatever else was under way. */
export function quit(world: World, why: string): void {
  const { active } = world;
  if (active !== null) {
    leaveServer(world, active, why);
    for (const peer of confirmedPeers(active)) {
      world.tell("drop-me", { name: active.userName }, toPeer(active, peer));
    }
  }
  world.active = null;
  world.listing = null;
  for (const { ticket } of world.outbox.clear()) world.settle(ticket, { failure: why });
  if (active === null) return;
  world.settle(active.ticket, { failure: why });
  world.emit("sessionTerminated");
}

/** Ends the session because of something that went wrong. */
export function fail(world: World, why: string): void {
  world.emit("error", why);
  quit(world, why);
}

/** Says that a command was not carried out, and why. */
export function refuse(world: World, failure: string, ticket: number | null): void {
  world.emit("error", failure);
  world.settle(ticket, { failure });
}
