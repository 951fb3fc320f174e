/**
 * Peer lists: the host tells everybody who is there, and everybody then speaks to everybody.
 *
 * A list is told as `add` and `remove`. The response names no update, so the host has one update at a time under way
 * to each peer, and works out the next from what that peer has confirmed and what is true by then. What expires is
 * told again as long as the peer is there. So all lists become right in the end, whatever was lost.
 */
import { isObject, type Json, type JsonObject, own } from "../util/bounded-json.ts";
import { readAddress } from "./address.ts";
import { addPeer, check, inquire, removePeer } from "./lifecycle.ts";
import { PEERS_MAX } from "./limits.ts";
import { isForeignName } from "./packet.ts";
import type { Peer, Update } from "./roster.ts";
import { type Active, confirmedPeers, toPeer, type World } from "./state.ts";

const UPDATE = "update-peer-list";

/** As host: begins whatever update each peer lacks. Whoever came last hears it first, as he waits for it. */
export function tellOfChanges(world: World, active: Active): void {
  for (const peer of confirmedPeers(active).toReversed()) {
    if (peer.update === null) begin(world, active, peer, 0);
  }
}

/** As host. Who is dropped on purpose is told, so that he need not find out by silence. */
export function dropPeer(world: World, active: Active, peer: Peer, tells: boolean): void {
  const confirmed = peer.via !== null;
  removePeer(world, active, peer);
  if (!confirmed) return;
  if (tells) world.tell("drop-me", { name: active.userName }, toPeer(active, peer));
  world.emit("peerDropped", peer.name);
  tellOfChanges(world, active);
}

/** As host: a peer confirmed an update. */
export function updateConfirmed(world: World, active: Active, peer: Peer): void {
  const { update } = peer;
  if (update === null || --update.responses_left > 0) return;
  const repetitions = Math.max(0, world.outbox.sends(UPDATE, peer.name) - 1);
  world.outbox.remove(UPDATE, peer.name);
  for (const other of update.peers) {
    if (update.action === "add") peer.told.set(other.name, other);
    else peer.told.delete(other.name);
  }
  begin(world, active, peer, repetitions);
}

/** As host: an update was not confirmed. The peer checks say whether the peer is there at all. */
export function updateExpired(world: World, active: Active, peer: Peer): void {
  begin(world, active, peer, 0);
}

/** As guest: what the host's list says. Entries that make no sense are passed over. */
export function takeList(world: World, active: Active, action: "add" | "remove", infos: JsonObject): void {
  for (const [name, info] of Object.entries(infos).slice(0, PEERS_MAX)) {
    if (action === "add") adopt(world, active, name, info);
    else forget(world, active, name);
  }
}

function begin(world: World, active: Active, peer: Peer, repetitions: number): void {
  const change = nextChange(active, peer);
  peer.update = change === null ? null : { ...change, responses_left: 1 + repetitions };
  if (change === null) return;
  const infos = Object.fromEntries(change.peers.map((other) => [other.name, infoOf(other)]));
  world.ask(UPDATE, { action: change.action, "peer-infos": infos }, toPeer(active, peer));
}

/** Removals first: a peer who left and came back is another one. */
function nextChange(active: Active, peer: Peer): Omit<Update, "responses_left"> | null {
  const present = confirmedPeers(active);
  const gone = [...peer.told.values()].filter((other) => active.peers.get(other.name) !== other);
  if (gone.length > 0) return { action: "remove", peers: gone };
  const fresh = present.filter((other) => peer.told.get(other.name) !== other);
  return fresh.length > 0 ? { action: "add", peers: fresh } : null;
}

const infoOf = (peer: Peer): JsonObject => ({
  "global-address": peer.global,
  "local-address": peer.local,
  "use-global": peer.via === "global",
});

/**
 * The host's word counts at once. But how the host reaches a peer need not be how we reach him, so we inquire at both
 * addresses, which also opens our own NAT for him.
 */
function adopt(world: World, active: Active, name: string, info: Json): void {
  if (!isForeignName(name) || name === active.userName || active.peers.has(name) || !isObject(info)) return;
  const global = readAddress(own(info, "global-address"));
  const local = readAddress(own(info, "local-address"));
  const usesGlobal = own(info, "use-global");
  if (global === null || local === null || typeof usesGlobal !== "boolean") return;
  const peer = addPeer(world, active, name, global, local);
  if (peer === null) return;
  peer.via = usesGlobal ? "global" : "local";
  peer.provisional = true;
  inquire(world, active, peer);
  check(world, active, peer);
  world.emit("peerJoined", name);
}

function forget(world: World, active: Active, name: string): void {
  const peer = active.peers.get(name);
  if (peer === undefined || name === active.serverName) return;
  removePeer(world, active, peer);
  world.emit("peerDropped", name);
}
