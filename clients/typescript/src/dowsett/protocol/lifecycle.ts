/** How peers join and leave, and how a session ends. */
import type { Address } from "../wire/address.ts";
import { PEERS_MAX, PEERS_UNCONFIRMED_MAX } from "../limits.ts";
import { HS_SERVER_NAME } from "../wire/packet.ts";
import { Peer } from "../roster.ts";
import { type ActiveSession, confirmedPeers, toPeer, toServer, type State } from "../state.ts";

/** Two inquiries, one to each address. The first answer decides which address is used. */
export const INQUIRY_GLOBAL = 0;
export const INQUIRY_LOCAL = 1;

export function inquire(state: State, active: ActiveSession, peer: Peer): void {
  const to = (address: Address) => toPeer(active, peer, address);
  state.request("address-inquiry", { "used-global": true }, to(peer.global), { id: INQUIRY_GLOBAL });
  state.request("address-inquiry", { "used-global": false }, to(peer.local), { id: INQUIRY_LOCAL });
}

export function endInquiry(state: State, peer: Peer): void {
  state.outbox.remove("address-inquiry", peer.name, INQUIRY_GLOBAL);
  state.outbox.remove("address-inquiry", peer.name, INQUIRY_LOCAL);
}

export function check(state: State, active: ActiveSession, peer: Peer): void {
  state.request("peer-check", {}, toPeer(active, peer), { period_ms: state.settings.peer_check_ms });
}

/** Adds a peer of which only the addresses are known. Returns null if there is no room. */
export function addPeer(
  state: State,
  active: ActiveSession,
  name: string,
  global: Address,
  local: Address,
): Peer | null {
  const unconfirmed = active.peers.size - confirmedPeers(active).length;
  if (active.peers.size >= PEERS_MAX || unconfirmed >= PEERS_UNCONFIRMED_MAX) {
    state.emit("error", `no room for peer "${name}"`);
    return null;
  }
  const peer = new Peer(name, global, local, state.firstMessageId);
  active.peers.set(name, peer);
  return peer;
}

/** Removes a peer and the packets that await its reply. */
export function removePeer(state: State, active: ActiveSession, peer: Peer): void {
  active.peers.delete(peer.name);
  for (const { ticket } of state.outbox.removePeer(peer.name)) {
    state.settle(ticket, { failure: `peer "${peer.name}" is gone` });
  }
}

/** Leaves the handshake server. From then on its packets are blocked. */
export function leaveServer(state: State, active: ActiveSession, why: string): void {
  const { handshake } = active;
  for (const { ticket } of state.outbox.removePeer(HS_SERVER_NAME)) state.settle(ticket, { failure: why });
  state.listing = null;
  active.handshake = null;
  if (handshake === null || handshake.self) return;
  state.send("drop-me", { name: active.userName }, toServer(active.userName, handshake));
}

/** Ends the session, if there is one, and rejects what is pending. */
export function quit(state: State, why: string): void {
  const { active } = state;
  if (active !== null) {
    leaveServer(state, active, why);
    for (const peer of confirmedPeers(active)) {
      state.send("drop-me", { name: active.userName }, toPeer(active, peer));
    }
  }
  state.active = null;
  state.listing = null;
  for (const { ticket } of state.outbox.clear()) state.settle(ticket, { failure: why });
  if (active === null) return;
  state.settle(active.ticket, { failure: why });
  state.emit("sessionTerminated");
}

/** Ends the session because of an error. */
export function fail(state: State, why: string): void {
  state.emit("error", why);
  quit(state, why);
}

/** Rejects a command with the reason. */
export function refuse(state: State, failure: string, ticket: number | null): void {
  state.emit("error", failure);
  state.settle(ticket, { failure });
}
