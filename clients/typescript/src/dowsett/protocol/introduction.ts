/** Introductions of guest and host: by a handshake server, or by the host itself as handshake server (LAN mode). */
import { type JsonObject, own } from "../../util/bounded-json.ts";
import { type Address, readAddress, sameAddress } from "../wire/address.ts";
import { isHash } from "../wire/hash.ts";
import { addPeer, fail, inquire } from "./lifecycle.ts";
import { INTRODUCTION_COPIES, PASSWORD_POINTS_MAX, RESTART_WINDOW_MS } from "../limits.ts";
import { dropPeer } from "./peer-list.ts";
import { type Envelope, isForeignName, type ReceivedPacket } from "../wire/packet.ts";
import type { Peer } from "../roster.ts";
import type { ActiveSession, State } from "../state.ts";

const JOIN = "requesting-to-join-server";
const LIST = "requesting-server-list";

export type Introduction = { readonly name: string; readonly global: Address; readonly local: Address };

export function readIntroduction(says: JsonObject): Introduction | null {
  const name = own(says, "peer-name");
  const global = readAddress(own(says, "global-address"));
  const local = readAddress(own(says, "local-address"));
  return isForeignName(name) && global !== null && local !== null ? { name, global, local } : null;
}

/** As guest: the host's addresses. Ends the session if it is another host. */
export function handleHostIntroduction(
  state: State,
  active: ActiveSession,
  { name, global, local }: Introduction,
): void {
  if (name !== active.serverName) return fail(state, invalidName(name));
  const peer = addPeer(state, active, name, global, local);
  if (peer !== null) inquire(state, active, peer);
}

/**
 * As host: a guest is coming. Copies of an introduction change nothing. A repeated introduction of a connected peer is
 * recorded: if the peer then inquires, it restarted.
 */
export function handleGuestIntroduction(state: State, active: ActiveSession, introduction: Introduction): void {
  const { name, global, local } = introduction;
  const existing = active.peers.get(name);
  if (!isNameAvailable(active, introduction)) return state.emit("error", invalidName(name));
  if (existing !== undefined) {
    // Earlier ones belong to join requests that the guest repeated.
    if (existing.settled) existing.introduced_again_at = state.now;
    return;
  }
  const peer = addPeer(state, active, name, global, local);
  if (peer !== null) inquire(state, active, peer);
}

/** No name of the host, or of a peer that is connected from another address. */
function isNameAvailable(active: ActiveSession, { name, global, local }: Introduction): boolean {
  const there = active.peers.get(name)?.address ?? null;
  return name !== active.userName && (there === null || sameAddress(there, global) || sameAddress(there, local));
}

/** As host: an inquiry of a peer that was introduced again. The others are notified that it left and joined. */
export function handleGuestRestart(state: State, active: ActiveSession, peer: Peer): void {
  const { introduced_again_at: at, name, global, local } = peer;
  peer.introduced_again_at = null;
  if (at === null || at + RESTART_WINDOW_MS < state.now) return;
  dropPeer(state, active, peer, false);
  const restarted = addPeer(state, active, name, global, local);
  if (restarted !== null) inquire(state, active, restarted);
}

/** As host and handshake server: returns the effect of a request, or null if it is invalid. */
export function readRequest(
  state: State,
  active: ActiveSession,
  received: ReceivedPacket,
  from: Address,
): (() => void) | null {
  const { says, sender, type } = received;
  const password = own(says, "password");
  if (typeof password !== "string" || password.length > PASSWORD_POINTS_MAX) return null;
  if (!isHash(received.hash, says, password)) return null;
  const envelope: Envelope = { sender: null, destination: sender, to: from, password };
  if (type === LIST) return () => list(state, active, envelope);
  const local = readAddress(own(says, "local-address"));
  const wanted = own(says, "server-name");
  if (type !== JOIN || local === null || typeof wanted !== "string" || !isForeignName(sender ?? undefined)) return null;
  const guest = { name: sender!, global: from, local };
  return () => join(state, active, guest, wanted, received.to ?? active.local, envelope);
}

function list(state: State, active: ActiveSession, envelope: Envelope): void {
  const entry = { name: active.userName, "password-required": active.password !== active.serverName };
  state.send("providing-server-list", { servers: [entry] }, envelope);
}

/** A refusal ends the guest's session, so it is sent only for what cannot change meanwhile. */
function join(
  state: State,
  active: ActiveSession,
  guest: Introduction,
  wanted: string,
  calledAt: Address,
  envelope: Envelope,
): void {
  const refuse = (message: string): void => state.send("server-error", { message }, envelope);
  if (wanted !== active.serverName) return refuse(`${wanted} not found`);
  if (guest.name === active.userName) return refuse(invalidName(guest.name));
  // The answer goes first, so that the guest knows the sender of the inquiry that follows.
  const host = { "peer-name": active.userName, "global-address": calledAt, "local-address": active.local };
  for (let copy = 0; isNameAvailable(active, guest) && copy < INTRODUCTION_COPIES; copy++) {
    state.send("providing-peer-handshake-info", host, envelope);
  }
  handleGuestIntroduction(state, active, guest);
}

const invalidName = (name: string): string => `attempted connection with invalid peer name: "${name}"`;
