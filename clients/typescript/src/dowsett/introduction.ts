/** Being introduced: by a handshake server, or as host being one for the own network (LAN mode). */
import { type JsonObject, own } from "../util/bounded-json.ts";
import { type Address, readAddress, sameAddress } from "./address.ts";
import { isHash } from "./hash.ts";
import { addPeer, fail, inquire } from "./lifecycle.ts";
import { INTRODUCTION_COPIES, PASSWORD_POINTS_MAX, RESTART_WINDOW_MS } from "./limits.ts";
import { dropPeer } from "./mesh.ts";
import { type Envelope, isForeignName, type Received } from "./packet.ts";
import type { Peer } from "./roster.ts";
import type { Active, World } from "./state.ts";

const JOIN = "requesting-to-join-server";
const LIST = "requesting-server-list";

export type Introduction = { readonly name: string; readonly global: Address; readonly local: Address };

export function readIntroduction(says: JsonObject): Introduction | null {
  const name = own(says, "peer-name");
  const global = readAddress(own(says, "global-address"));
  const local = readAddress(own(says, "local-address"));
  return isForeignName(name) && global !== null && local !== null ? { name, global, local } : null;
}

/** As guest: where the host is. Null where it is not the host that was asked for. */
export function meetHost(world: World, active: Active, { name, global, local }: Introduction): void {
  if (name !== active.serverName) return fail(world, invalidName(name));
  const peer = addPeer(world, active, name, global, local);
  if (peer !== null) inquire(world, active, peer);
}

/**
 * As host: a guest is coming. Copies of the same introduction change nothing. One of a peer whom we have, at his
 * address, is remembered: if he then inquires, he began anew.
 */
export function meetGuest(world: World, active: Active, introduction: Introduction): void {
  const { name, global, local } = introduction;
  const existing = active.peers.get(name);
  if (!canBe(active, introduction)) return world.emit("error", invalidName(name));
  if (existing !== undefined) {
    if (existing.via !== null) existing.introduced_again_at = world.now;
    return;
  }
  const peer = addPeer(world, active, name, global, local);
  if (peer !== null) inquire(world, active, peer);
}

/** Nobody bears the host's name, or the name of a peer who is connected from somewhere else. */
function canBe(active: Active, { name, global, local }: Introduction): boolean {
  const there = active.peers.get(name)?.address ?? null;
  return name !== active.userName && (there === null || sameAddress(there, global) || sameAddress(there, local));
}

/** As host: an inquiry of a peer who was introduced again. Everybody hears that he left and came. */
export function meetAgain(world: World, active: Active, peer: Peer): void {
  const { introduced_again_at: at, name, global, local } = peer;
  peer.introduced_again_at = null;
  if (at === null || at + RESTART_WINDOW_MS < world.now) return;
  dropPeer(world, active, peer, false);
  const anew = addPeer(world, active, name, global, local);
  if (anew !== null) inquire(world, active, anew);
}

/** As host and handshake server at once: what a request would do, or null where it is none or a bad one. */
export function readRequest(world: World, active: Active, received: Received, from: Address): (() => void) | null {
  const { says, sender, type } = received;
  const password = own(says, "password");
  if (typeof password !== "string" || password.length > PASSWORD_POINTS_MAX) return null;
  if (!isHash(received.hash, says, password)) return null;
  const envelope: Envelope = { sender: null, destination: sender, to: from, password };
  if (type === LIST) return () => list(world, active, envelope);
  const local = readAddress(own(says, "local-address"));
  const wanted = own(says, "server-name");
  if (type !== JOIN || local === null || typeof wanted !== "string" || !isForeignName(sender ?? undefined)) return null;
  const guest = { name: sender!, global: from, local };
  return () => join(world, active, guest, wanted, received.to ?? active.local, envelope);
}

function list(world: World, active: Active, envelope: Envelope): void {
  const entry = { name: active.userName, "password-required": active.password !== active.serverName };
  world.tell("providing-server-list", { servers: [entry] }, envelope);
}

/** A refusal ends the asker's session, so it is said only of what cannot change while he asks. */
function join(
  world: World,
  active: Active,
  guest: Introduction,
  wanted: string,
  calledAt: Address,
  envelope: Envelope,
): void {
  const refuse = (message: string): void => world.tell("server-error", { message }, envelope);
  if (wanted !== active.serverName) return refuse(`${wanted} not found`);
  if (guest.name === active.userName) return refuse(invalidName(guest.name));
  // The answer goes first, so that the guest knows whose inquiry it is that follows.
  const host = { "peer-name": active.userName, "global-address": calledAt, "local-address": active.local };
  for (let copy = 0; canBe(active, guest) && copy < INTRODUCTION_COPIES; copy++) {
    world.tell("providing-peer-handshake-info", host, envelope);
  }
  meetGuest(world, active, guest);
}

const invalidName = (name: string): string => `attempted connection with invalid peer name: "${name}"`;
