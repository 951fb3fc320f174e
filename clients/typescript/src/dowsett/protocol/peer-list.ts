/**
 * Peer lists: the host tells everybody who is there, and everybody then speaks to everybody.
 *
 * A list is told as `add` and `remove`. The response names no update, so the host has one update at a time under way
 * to each peer, and works out the next from what that peer has confirmed and what is true by then. What expires is
 * told again as long as the peer is there. So all lists become right in the end, whatever was lost.
 */
import { isObject, type Json, type JsonObject, own } from "../../util/bounded-json.ts";
import { readAddress } from "../wire/address.ts";
import { addPeer, check, inquire, removePeer } from "./lifecycle.ts";
import { PEERS_MAX } from "../limits.ts";
import { isForeignName } from "../wire/packet.ts";
import type { Peer, Update } from "../roster.ts";
import { type ActiveSession, confirmedPeers, toPeer, type State } from "../state.ts";

const UPDATE = "update-peer-list";

/** As host: begins whatever update each peer lacks. Whoever came last hears it first, as he waits for it. */
export function sendPeerListUpdates(state: State, active: ActiveSession): void {
  for (const peer of confirmedPeers(active).toReversed()) {
    if (peer.update === null) begin(state, active, peer, 0);
  }
}

/** As host. Who is dropped on purpose is told, so that he need not find out by silence. */
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

/** As host: an update was not confirmed. The peer checks say whether the peer is there at all. */
export function handleUpdateExpired(state: State, active: ActiveSession, peer: Peer): void {
  begin(state, active, peer, 0);
}

/** As guest: what the host's list says. Entries that make no sense are passed over. */
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

/** Removals first: a peer who left and came back is another one. */
function nextChange(active: ActiveSession, peer: Peer): Omit<Update, "responses_left"> | null {
  const present = confirmedPeers(active);
  const gone = [...peer.confirmedList.values()].filter((other) => active.peers.get(other.name) !== other);
  if (gone.length > 0) return { action: "remove", peers: gone };
  const fresh = present.filter((other) => peer.confirmedList.get(other.name) !== other);
  return fresh.length > 0 ? { action: "add", peers: fresh } : null;
}

const infoOf = (peer: Peer): JsonObject => ({
  "global-address": peer.global,
  "local-address": peer.local,
  "use-global": peer.addressKind === "global",
});

/**
 * The host's word counts at once. But how the host reaches a peer need not be how we reach him, so we inquire at both
 * addresses, which also opens our own NAT for him.
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
