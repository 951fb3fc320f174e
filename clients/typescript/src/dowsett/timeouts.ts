/** What becomes of whom when a packet was sent as often as allowed and nobody replied. */
import { check, endInquiry, fail, refuse } from "./lifecycle.ts";
import { dropPeer, updateExpired } from "./mesh.ts";
import { messageExpired } from "./messages.ts";
import type { Pending } from "./outbox.ts";
import type { Peer } from "./roster.ts";
import type { Active, World } from "./state.ts";

export function expired(world: World, pending: Pending): void {
  const { type, ticket } = pending;
  const { active } = world;
  switch (type) {
    case "requesting-server-list":
      world.listing = null;
      return refuse(world, "failed to get list from server", ticket);
    case "registering-server":
    case "refreshing-server-registration":
    case "requesting-to-join-server":
      return fail(world, "unable to communicate with handshake server");
  }
  const peer = active?.peers.get(pending.peer);
  if (active !== null && peer !== undefined) expiredToPeer(world, active, peer, pending);
}

function expiredToPeer(world: World, active: Active, peer: Peer, pending: Pending): void {
  switch (pending.type) {
    case "reliable-peer-message":
      return messageExpired(world, peer, pending);
    case "update-peer-list":
      return updateExpired(world, active, peer);
    case "address-inquiry":
      endInquiry(world, peer);
      // Guests know each other by the host's word: that two of them cannot meet ends nothing.
      return peer.via === null ? part(world, active, peer, `peer connection with ${peer.name} failed.`) : undefined;
    case "peer-check":
      if (active.role === "host") return part(world, active, peer, `lost connection with client peer: ${peer.name}`);
      if (peer.name === active.serverName) return part(world, active, peer, "lost connection with server peer");
      return check(world, active, peer);
  }
}

function part(world: World, active: Active, peer: Peer, why: string): void {
  if (active.role === "guest") return fail(world, why);
  world.emit("error", why);
  dropPeer(world, active, peer, true);
}
