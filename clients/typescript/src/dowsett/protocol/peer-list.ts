/**
 * Peer lists: the host sends each peer the list of the others, so that all peers connect to each other.
 *
 * A list is sent as `add` and `remove` updates. A response names no update, so the host has one update at a time in
 * progress per peer. It computes the next from what that peer has confirmed and from the current state. An expired
 * update is sent again while the peer is connected, so all lists converge whatever was lost.
 */
import { isObject, type Json, type JsonObject, own } from "../../util/bounded-json.ts";
import { readAddress } from "../wire/address.ts";
import { addPeer, check, inquire, removePeer } from "./lifecycle.ts";
import { PEERS_MAX } from "../limits.ts";
import { isForeignName } from "../wire/packet.ts";
import type { Peer, Update } from "../roster.ts";
import { type ActiveSession, confirmedPeers, toPeer, type State } from "../state.ts";

const UPDATE = "update-peer-list";

/** As host: begins the update that each peer lacks, the newest peer first, because it waits for its list. */
export function sendPeerListUpdates(state: State, active: ActiveSession): void {
  for (const peer of confirmedPeers(active).toReversed()) {
    if (peer.update === null) begin(state, active, peer, 0);
  }
}

/** As host. A peer that is dropped on purpose is notified, so that it need not wait for a timeout. */
export function dropPeer(state: State, active: ActiveSession, peer: Peer, tells: boolean): void {
  const confirmed = peer.addressKind !== null;
  removePeer(state, active, peer);
  if (!confirmed) return;
  if (tells) state.send("drop-me", { name: active.userName }, toPeer(active, peer));
  state.emit("peerDropped", peer.name);
  sendPeerListUpdates(state, active);
}

/** As host: a peer confirmed an update. */
export function handleUpdateConfirmed(state: State, active: ActiveSession, peer: Peer): void {
  const { update } = peer;
  if (update === null || --update.responses_left > 0) return;
  const repetitions = Math.max(0, state.outbox.sends(UPDATE, peer.name) - 1);
  state.outbox.remove(UPDATE, peer.name);
  for (const other of update.peers) {
    if (update.action === "add") peer.confirmedList.set(other.name, other);
    else peer.confirmedList.delete(other.name);
  }
  begin(state, active, peer, repetitions);
}

/** As host: an update expired. The peer checks decide whether the peer is still connected. */
export function handleUpdateExpired(state: State, active: ActiveSession, peer: Peer): void {
  begin(state, active, peer, 0);
}

/** As guest: applies the host's list. Invalid entries are skipped. */
export function applyPeerList(state: State, active: ActiveSession, action: "add" | "remove", infos: JsonObject): void {
  for (const [name, info] of Object.entries(infos).slice(0, PEERS_MAX)) {
    if (action === "add") addListedPeer(state, active, name, info);
    else removeListedPeer(state, active, name);
  }
}

function begin(state: State, active: ActiveSession, peer: Peer, repetitions: number): void {
  const change = nextChange(active, peer);
  peer.update = change === null ? null : { ...change, responses_left: 1 + repetitions };
  if (change === null) return;
  const infos = Object.fromEntries(change.peers.map((other) => [other.name, infoOf(other)]));
  state.request(UPDATE, { action: change.action, "peer-infos": infos }, toPeer(active, peer));
}

/** Removals first: a peer that left and came back is another peer. */
function nextChange(active: ActiveSession, peer: Peer): Omit<Update, "responses_left"> | null {
  const present = confirmedPeers(active);
  const gone = [...peer.confirmedList.values()].filter((other) => active.peers.get(other.name) !== other);
  if (gone.length > 0) return { action: "remove", peers: gone };
  const added = present.filter((other) => peer.confirmedList.get(other.name) !== other);
  return added.length > 0 ? { action: "add", peers: added } : null;
}

const infoOf = (peer: Peer): JsonObject => ({
  "global-address": peer.global,
  "local-address": peer.local,
  "use-global": peer.addressKind === "global",
});

/**
 * A listed peer counts as joined at once. The host's address for it may not work for this peer, so both addresses get
 * an inquiry. The inquiries also open this peer's NAT.
 */
function addListedPeer(state: State, active: ActiveSession, name: string, info: Json): void {
  if (!isForeignName(name) || name === active.userName || active.peers.has(name) || !isObject(info)) return;
  const global = readAddress(own(info, "global-address"));
  const local = readAddress(own(info, "local-address"));
  const usesGlobal = own(info, "use-global");
  if (global === null || local === null || typeof usesGlobal !== "boolean") return;
  const peer = addPeer(state, active, name, global, local);
  if (peer === null) return;
  peer.addressKind = usesGlobal ? "global" : "local";
  peer.provisional = true;
  inquire(state, active, peer);
  check(state, active, peer);
  state.emit("peerJoined", name);
}

function removeListedPeer(state: State, active: ActiveSession, name: string): void {
  const peer = active.peers.get(name);
  if (peer === undefined || name === active.serverName) return;
  removePeer(state, active, peer);
  state.emit("peerDropped", name);
}
