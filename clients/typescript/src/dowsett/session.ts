/**
 * A peer of the Dowsett wire without socket and clock: commands and datagrams with the time go in; datagrams, events
 * and outcomes come out of `drain()`; `deadline` says when `tick()` is next of use. Nothing here throws for what
 * somebody sent.
 */
import type { Json } from "../util/bounded-json.ts";
import { type Address, isIPv4, isReachable, sameAddress } from "./address.ts";
import { receive } from "./receive.ts";
import { expired } from "./timeouts.ts";
import { leaveServer, quit, refuse } from "./lifecycle.ts";
import { NAME_POINTS_MAX, PASSWORD_POINTS_MAX } from "./limits.ts";
import { dropPeer } from "./mesh.ts";
import { sendReliable, sendUnreliable } from "./messages.ts";
import { type DowsettOptions, settingsOf } from "./options.ts";
import { HS_SERVER_NAME } from "./packet.ts";
import { type Active, confirmedPeers, toServer, World } from "./state.ts";

export type { Ending, Outcome, Outgoing, ServerList } from "./state.ts";

export type InitServer = {
  /** Of the handshake server; the local address itself where the host is to be the handshake server (LAN mode). */
  readonly handshakeAddress: Address;
  /** Where this peer is in its own network: `["0.0.0.0", port]` where that is nobody's business. */
  readonly localAddress: Address;
  readonly serverName: string;
  /** Default, also for "" and null: the server's name. */
  readonly password?: string | null;
};

export type InitClient = InitServer & { readonly userName: string };

export type SessionHelp = {
  /** A fresh random password for a handshake server. */
  readonly makePassword: () => string;
  /** Id of the first reliable message to each peer. Default 0. */
  readonly firstMessageId?: number;
};

/** What a session was when it ended. */
export type Farewell = {
  readonly iAmServer: boolean | null;
  readonly serverAddress: Address | null;
  readonly userName: string | null;
  readonly myAddress: Address | null;
};

export class Session {
  readonly #world: World;

  /** Throws a RangeError for options out of range. */
  constructor(options: DowsettOptions, { makePassword, firstMessageId = 0 }: SessionHelp) {
    this.#world = new World(settingsOf(options), makePassword, firstMessageId);
  }

  /** The session under way. To be read, never written. */
  get active(): Readonly<Active> | null {
    return this.#world.active;
  }

  /** When `tick` is next of use (ms), or null. */
  get deadline(): number | null {
    return this.#world.outbox.next;
  }

  /** Whether there is anything to receive datagrams for. */
  get isIdle(): boolean {
    return this.#world.active === null && this.#world.listing === null;
  }

  /** What there is to send and to tell since the last time. */
  drain(): ReturnType<World["drain"]> {
    return this.#world.drain();
  }

  /** A datagram came in. Never throws. */
  receive(bytes: Uint8Array, from: Address, now: number): void {
    this.#world.now = now;
    receive(this.#world, bytes, from);
  }

  /** Time has passed. */
  tick(now: number): void {
    const world = this.#world;
    world.now = now;
    for (let due = world.outbox.pop(world.now); due !== null; due = world.outbox.pop(world.now)) {
      const { pending } = due;
      if (due.what === "send") {
        if (due.again) world.emit("packetTimeout", pending.says, true);
        world.transmit(pending, pending.to);
      } else {
        world.emit("packetTimeout", pending.says, false);
        world.emit("packetExpired", pending.says);
        expired(world, pending);
      }
    }
  }

  /** Settles with the handshake server's address. A session under way is quit first. */
  initServer(init: InitServer, ticket: number | null, now: number): void {
    const world = this.#world;
    const active = this.#begin("host", init.serverName, init, ticket, now);
    if (active === null) return;
    const { handshake, local, password, serverName } = active;
    if (handshake === null) return;
    if (handshake.self) {
      active.serverAddress = local;
      active.globalAddress = local;
      active.confirmed = true;
      active.ticket = null;
      world.emit("confirmedAsServer", local);
      return world.settle(ticket, { value: local });
    }
    const body = {
      "local-address": local,
      "seconds-before-expiry": world.settings.registration_s,
      password: handshake.password,
      "password-required": password !== serverName,
    };
    world.ask("registering-server", body, toServer(serverName, handshake));
  }

  /** Settles with the host's address. A session under way is quit first. */
  initClient(init: InitClient, ticket: number | null, now: number): void {
    const active = this.#begin("guest", init.userName, init, ticket, now);
    if (active === null || active.handshake === null) return;
    const { handshake, local, serverName, userName } = active;
    const body = { "local-address": local, "server-name": serverName, password: handshake.password };
    this.#world.ask("requesting-to-join-server", body, toServer(userName, handshake));
  }

  /** Settles with the list. Needs no session. A request under way is given up for this one. */
  requestServerList(address: Address, ticket: number | null, now: number): void {
    const world = this.#world;
    world.now = now;
    if (!isReachable(address)) return refuse(world, invalidAddress(address), ticket);
    const before = world.outbox.answer("requesting-server-list", HS_SERVER_NAME, 0, now);
    world.settle(before?.ticket ?? null, { failure: "another list was asked for" });
    world.listing = { address, password: world.makePassword() };
    const envelope = toServer(world.active?.userName ?? null, world.listing);
    world.ask("requesting-server-list", { password: world.listing.password }, envelope, { ticket });
  }

  /** Settles with the message once it is confirmed. */
  sendReliable(name: string, message: Json, ticket: number | null, now: number): void {
    const to = this.#confirmed(name, ticket, now);
    if (to !== null) sendReliable(this.#world, to.active, to.peer, { message, isBroadcast: false, ticket });
  }

  /** False where there is no such peer. */
  sendUnreliable(name: string, message: Json, now: number): boolean {
    const to = this.#confirmed(name, null, now);
    if (to === null) return false;
    sendUnreliable(this.#world, to.active, to.peer, { message, isBroadcast: false, ticket: null });
    return true;
  }

  /** To every peer. `tickets` gives one for each peer's confirmation, or is null for unreliable messages. */
  broadcast(message: Json, tickets: ((peerName: string) => number) | null, now: number): void {
    const world = this.#world;
    world.now = now;
    if (world.active === null) return world.emit("error", NO_SESSION);
    for (const peer of confirmedPeers(world.active)) {
      const sending = { message, isBroadcast: true, ticket: tickets?.(peer.name) ?? null };
      if (tickets === null) sendUnreliable(world, world.active, peer, sending);
      else sendReliable(world, world.active, peer, sending);
    }
  }

  /** As host. False where there is no such peer, or we are no host. */
  dropPeer(name: string, now: number): boolean {
    const world = this.#world;
    world.now = now;
    const peer = world.active?.peers.get(name);
    const isHost = world.active?.role === "host";
    if (world.active === null || peer === undefined || !isHost) {
      world.emit("error", isHost ? `no peer named ${name}` : "only server can drop peers");
      return false;
    }
    dropPeer(world, world.active, peer, true);
    return true;
  }

  dropConnectionWithHandshakeServer(now: number): void {
    const world = this.#world;
    world.now = now;
    if (world.active === null) return;
    const joins = world.outbox.has("requesting-to-join-server", HS_SERVER_NAME);
    const registers = world.outbox.has("registering-server", HS_SERVER_NAME);
    leaveServer(world, world.active, HANDSHAKE_DROPPED);
    if (joins || registers) quit(world, HANDSHAKE_DROPPED);
  }

  /** Ends the session and gives up whatever is under way. Says what the session was. */
  quit(now: number): Farewell {
    const world = this.#world;
    world.now = now;
    const { active } = world;
    const farewell = {
      iAmServer: active === null ? null : active.role === "host",
      serverAddress: active?.serverAddress ?? null,
      userName: active?.userName ?? null,
      myAddress: active?.globalAddress ?? null,
    };
    quit(world, "the session was ended");
    return farewell;
  }

  #begin(role: "host" | "guest", userName: string, init: InitServer, ticket: number | null, now: number) {
    const world = this.#world;
    world.now = now;
    quit(world, "another session was begun");
    const fault = faultOf(userName, init);
    if (fault !== null) {
      refuse(world, fault, ticket);
      return null;
    }
    const { handshakeAddress: address, localAddress: local, serverName } = init;
    const password =
      init.password === undefined || init.password === null || init.password === "" ? null : init.password;
    const self = role === "host" && sameAddress(address, local);
    const active: Active = {
      role,
      userName,
      serverName,
      password: password ?? serverName,
      local,
      handshake: { address, password: world.makePassword(), self },
      confirmed: false,
      peers: new Map(),
      serverAddress: null,
      globalAddress: null,
      ticket,
    };
    world.active = active;
    return active;
  }

  #confirmed(name: string, ticket: number | null, now: number) {
    const world = this.#world;
    world.now = now;
    const { active } = world;
    const peer = active?.peers.get(name);
    if (active !== null && peer !== undefined && peer.via !== null) return { active, peer };
    refuse(world, active === null ? NO_SESSION : `no peer named "${name}"`, ticket);
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

/** Without control characters and halves of characters, as Parley's server does not take those. */
const isOwnName = (name: string): boolean =>
  /^[^\p{Cc}\p{Cs}]+$/u.test(name) && name !== HS_SERVER_NAME && Array.from(name).length <= NAME_POINTS_MAX;
