/** Handles packets that expired: sent as often as allowed without a reply. */
import { check, endInquiry, fail, refuse } from "./lifecycle.ts";
import { dropPeer, handleUpdateExpired } from "./peer-list.ts";
import { handleMessageExpired } from "./messages.ts";
import type { PendingPacket } from "../outbox.ts";
import type { Peer } from "../roster.ts";
import type { ActiveSession, State } from "../state.ts";

export function handleExpired(state: State, pending: PendingPacket): void {
  const { type, ticket } = pending;
  const { active } = state;
  switch (type) {
    case "requesting-server-list":
      state.listing = null;
      return refuse(state, "failed to get list from server", ticket);
    case "registering-server":
    case "refreshing-server-registration":
    case "requesting-to-join-server":
      return fail(state, "unable to communicate with handshake server");
  }
  const peer = active?.peers.get(pending.peer);
  if (active !== null && peer !== undefined) handlePeerPacketExpired(state, active, peer, pending);
}

function handlePeerPacketExpired(state: State, active: ActiveSession, peer: Peer, pending: PendingPacket): void {
  switch (pending.type) {
    case "reliable-peer-message":
      return handleMessageExpired(state, peer, pending);
    case "update-peer-list":
      return handleUpdateExpired(state, active, peer);
    case "address-inquiry":
      endInquiry(state, peer);
      // The host connects the guests, so two guests that cannot reach each other do not end the session.
      return peer.addressKind === null
        ? dropOrFail(state, active, peer, `peer connection with ${peer.name} failed.`)
        : undefined;
    case "peer-check":
      if (active.role === "host")
        return dropOrFail(state, active, peer, `lost connection with client peer: ${peer.name}`);
      if (peer.name === active.serverName) return dropOrFail(state, active, peer, "lost connection with server peer");
      return check(state, active, peer);
  }
}

function dropOrFail(state: State, active: ActiveSession, peer: Peer, why: string): void {
  if (active.role === "guest") return fail(state, why);
  state.emit("error", why);
  dropPeer(state, active, peer, true);
}
