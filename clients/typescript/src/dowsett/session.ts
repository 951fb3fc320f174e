/**
 * A peer of the Dowsett wire, sans I/O: commands, datagrams and the time go in, `drain()` returns datagrams, events and
 * results, and `deadline` says when to call `tick()`. Received input never throws.
 */
import { isIPv4 } from "node:net";
import type { Json } from "../util/bounded-json.ts";
import { type Address, isReachable, sameAddress } from "./wire/address.ts";
import { receive } from "./protocol/receive.ts";
import { handleExpired } from "./protocol/timeouts.ts";
import { leaveServer, quit, refuse } from "./protocol/lifecycle.ts";
import { NAME_POINTS_MAX, PASSWORD_POINTS_MAX } from "./limits.ts";
import { dropPeer } from "./protocol/peer-list.ts";
import { sendReliable, sendUnreliable } from "./protocol/messages.ts";
import { type DowsettOptions, settingsOf } from "./options.ts";
import { HS_SERVER_NAME } from "./wire/packet.ts";
import { type ActiveSession, confirmedPeers, toServer, State } from "./state.ts";

export type {
  TicketResult as Ending,
  TicketOutcome as Outcome,
  OutgoingDatagram as Outgoing,
  ServerList,
} from "./state.ts";

export type InitServer = {
  /** The handshake server's address. If it equals the local address, the host is the handshake server (LAN mode). */
  readonly handshakeAddress: Address;
  /** This peer's address in its own network; `["0.0.0.0", port]` to reveal none. */
  readonly localAddress: Address;
  readonly serverName: string;
  /** Default, also for "" and null: the server's name. */
  readonly password?: string | null;
};

export type InitClient = InitServer & { readonly userName: string };

export type SessionDependencies = {
  /** Creates a random password for a handshake server. */
  readonly makePassword: () => string;
  /** The id of the first reliable message to each peer. Default 0. */
  readonly firstMessageId?: number;
};

/** What a session was when it ended. */
export type SessionSummary = {
  readonly iAmServer: boolean | null;
  readonly serverAddress: Address | null;
  readonly userName: string | null;
  readonly myAddress: Address | null;
};

export class Session {
  readonly #state: State;

  /** Throws a RangeError for options out of range. */
  constructor(options: DowsettOptions, { makePassword, firstMessageId = 0 }: SessionDependencies) {
    this.#state = new State(settingsOf(options), makePassword, firstMessageId);
  }

  /** The current session, read-only. */
  get active(): Readonly<ActiveSession> | null {
    return this.#state.active;
  }

  /** When to call `tick` next (ms), or null. */
  get deadline(): number | null {
    return this.#state.outbox.next;
  }

  /** Nothing needs the socket. */
  get isIdle(): boolean {
    return this.#state.active === null && this.#state.listing === null;
  }

  /** Datagrams, events and results since the last call. */
  drain(): ReturnType<State["drain"]> {
    return this.#state.drain();
  }

  /** Handles a datagram. Never throws. */
  receive(bytes: Uint8Array, from: Address, now: number): void {
    this.#state.now = now;
    receive(this.#state, bytes, from);
  }

  /** Advances the time. */
  tick(now: number): void {
    const state = this.#state;
    state.now = now;
    for (let due = state.outbox.pop(state.now); due !== null; due = state.outbox.pop(state.now)) {
      const { pending } = due;
      if (due.what === "send") {
        if (due.again) state.emit("packetTimeout", pending.says, true);
        state.transmit(pending, pending.to);
      } else {
        state.emit("packetTimeout", pending.says, false);
        state.emit("packetExpired", pending.says);
        handleExpired(state, pending);
      }
    }
  }

  /** Settles with the handshake server's address. Ends a current session first. */
  initServer(init: InitServer, ticket: number | null, now: number): void {
    const state = this.#state;
    const active = this.#begin("host", init.serverName, init, ticket, now);
    if (active === null) return;
    const { handshake, local, password, serverName } = active;
    if (handshake === null) return;
    if (handshake.self) {
      active.serverAddress = local;
      active.globalAddress = local;
      active.confirmed = true;
      active.ticket = null;
      state.emit("confirmedAsServer", local);
      return state.settle(ticket, { value: local });
    }
    const body = {
      "local-address": local,
      "seconds-before-expiry": state.settings.registration_s,
      password: handshake.password,
      "password-required": password !== serverName,
    };
    state.request("registering-server", body, toServer(serverName, handshake));
  }

  /** Settles with the host's address. Ends a current session first. */
  initClient(init: InitClient, ticket: number | null, now: number): void {
    const active = this.#begin("guest", init.userName, init, ticket, now);
    if (active === null || active.handshake === null) return;
    const { handshake, local, serverName, userName } = active;
    const body = { "local-address": local, "server-name": serverName, password: handshake.password };
    this.#state.request("requesting-to-join-server", body, toServer(userName, handshake));
  }

  /** Settles with the list. Needs no session. Replaces a pending request. */
  requestServerList(address: Address, ticket: number | null, now: number): void {
    const state = this.#state;
    state.now = now;
    if (!isReachable(address)) return refuse(state, invalidAddress(address), ticket);
    const before = state.outbox.answer("requesting-server-list", HS_SERVER_NAME, 0, now);
    state.settle(before?.ticket ?? null, { failure: "another list was asked for" });
    state.listing = { address, password: state.makePassword() };
    const envelope = toServer(state.active?.userName ?? null, state.listing);
    state.request("requesting-server-list", { password: state.listing.password }, envelope, { ticket });
  }

  /** Settles with the message once it is confirmed. */
  sendReliable(name: string, message: Json, ticket: number | null, now: number): void {
    const to = this.#confirmed(name, ticket, now);
    if (to !== null) sendReliable(this.#state, to.active, to.peer, { message, isBroadcast: false, ticket });
  }

  /** Returns false if there is no such peer. */
  sendUnreliable(name: string, message: Json, now: number): boolean {
    const to = this.#confirmed(name, null, now);
    if (to === null) return false;
    sendUnreliable(this.#state, to.active, to.peer, { message, isBroadcast: false, ticket: null });
    return true;
  }

  /** Sends to every peer. `tickets` creates a ticket for each confirmation; null: unreliable. */
  broadcast(message: Json, tickets: ((peerName: string) => number) | null, now: number): void {
    const state = this.#state;
    state.now = now;
    if (state.active === null) return state.emit("error", NO_SESSION);
    for (const peer of confirmedPeers(state.active)) {
      const sending = { message, isBroadcast: true, ticket: tickets?.(peer.name) ?? null };
      if (tickets === null) sendUnreliable(state, state.active, peer, sending);
      else sendReliable(state, state.active, peer, sending);
    }
  }

  /** Host only. Returns false if there is no such peer or this is no host. */
  dropPeer(name: string, now: number): boolean {
    const state = this.#state;
    state.now = now;
    const peer = state.active?.peers.get(name);
    const isHost = state.active?.role === "host";
    if (state.active === null || peer === undefined || !isHost) {
      state.emit("error", isHost ? `no peer named ${name}` : "only server can drop peers");
      return false;
    }
    dropPeer(state, state.active, peer, true);
    return true;
  }

  dropConnectionWithHandshakeServer(now: number): void {
    const state = this.#state;
    state.now = now;
    if (state.active === null) return;
    const joins = state.outbox.has("requesting-to-join-server", HS_SERVER_NAME);
    const registers = state.outbox.has("registering-server", HS_SERVER_NAME);
    leaveServer(state, state.active, HANDSHAKE_DROPPED);
    if (joins || registers) quit(state, HANDSHAKE_DROPPED);
  }

  /** Ends the session and rejects what is pending. Returns what the session was. */
  quit(now: number): SessionSummary {
    const state = this.#state;
    state.now = now;
    const { active } = state;
    const farewell = {
      iAmServer: active === null ? null : active.role === "host",
      serverAddress: active?.serverAddress ?? null,
      userName: active?.userName ?? null,
      myAddress: active?.globalAddress ?? null,
    };
    quit(state, "the session was ended");
    return farewell;
  }

  #begin(role: "host" | "guest", userName: string, init: InitServer, ticket: number | null, now: number) {
    const state = this.#state;
    state.now = now;
    quit(state, "another session was begun");
    const fault = faultOf(userName, init);
    if (fault !== null) {
      refuse(state, fault, ticket);
      return null;
    }
    const { handshakeAddress: address, localAddress: local, serverName } = init;
    const password =
      init.password === undefined || init.password === null || init.password === "" ? null : init.password;
    const self = role === "host" && sameAddress(address, local);
    const active: ActiveSession = {
      role,
      userName,
      serverName,
      password: password ?? serverName,
      local,
      handshake: { address, password: state.makePassword(), self },
      confirmed: false,
      peers: new Map(),
      serverAddress: null,
      globalAddress: null,
      ticket,
    };
    state.active = active;
    return active;
  }

  #confirmed(name: string, ticket: number | null, now: number) {
    const state = this.#state;
    state.now = now;
    const { active } = state;
    const peer = active?.peers.get(name);
    if (active !== null && peer !== undefined && peer.addressKind !== null) return { active, peer };
    refuse(state, active === null ? NO_SESSION : `no peer named "${name}"`, ticket);
    return null;
  }
}

const NO_SESSION = "there is no session";
const HANDSHAKE_DROPPED = "the connection with the handshake server was dropped";

const invalidAddress = ([ip, port]: Address): string => `invalid address: ${JSON.stringify([ip, port])}`;

function faultOf(
  userName: string,
  { handshakeAddress, localAddress, serverName, password }: InitServer,
): string | null {
  if (!isOwnName(userName)) return `invalid user name: ${JSON.stringify(userName)}`;
  if (!isOwnName(serverName)) return `invalid server name: ${JSON.stringify(serverName)}`;
  if ((password?.length ?? 0) > PASSWORD_POINTS_MAX) return "password too long";
  if (!isReachable(handshakeAddress)) return invalidAddress(handshakeAddress);
  return isIPv4(localAddress[0]) ? null : invalidAddress(localAddress);
}

/** Without control characters and lone surrogates, because Parley's sidecar refuses them. */
const isOwnName = (name: string): boolean =>
  /^[^\p{Cc}\p{Cs}]+$/u.test(name) && name !== HS_SERVER_NAME && Array.from(name).length <= NAME_POINTS_MAX;
