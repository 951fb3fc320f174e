/**
 * The Dowsett peer for games: a session on a UDP socket. It has each function of the original script's documentation
 * under its name in camelCase. A result that the script signals is also a promise.
 *
 * No promise of this class has to be awaited: a game may use the events instead, and an unhandled rejection does not
 * end the process.
 */
import { type Json, stringify } from "../util/bounded-json.ts";
import { type Address, sameAddress } from "./wire/address.ts";
import { Driver } from "./driver.ts";
import { Emitter } from "../util/emitter.ts";
import type { DowsettEvents, ReliableMessage } from "./events.ts";
import { MESSAGE_BYTES_MAX, MESSAGE_NESTING_MAX } from "./limits.ts";
import type { DowsettOptions } from "./options.ts";
import type { SessionSummary, InitClient, InitServer, ServerList, Session } from "./session.ts";
import { confirmedPeers } from "./state.ts";

/** The peers that confirmed a reliable broadcast, and those that did not. */
export type Delivery = { readonly delivered: readonly string[]; readonly failed: readonly string[] };

export type PeerInfo = { readonly name: string; readonly address: Address };

export class DowsettPeer extends Emitter<DowsettEvents> {
  readonly #driver: Driver;
  readonly #session: Session;
  #listing: { readonly address: Address; readonly list: Promise<ServerList> } | null = null;

  /** Throws a RangeError for options out of range. */
  constructor(options: DowsettOptions = {}) {
    super();
    this.#driver = new Driver(options, ([name, ...carries]) => this.emit(name, carries));
    this.#session = this.#driver.session;
  }

  // --- sessions --------------------------------------------------------------------------------------------------

  /**
   * Registers with a handshake server. If both addresses are the same, this peer is the handshake server (LAN mode).
   * Listens on the local address's port; port 0 takes a free one, in LAN mode for both addresses. Resolves with the
   * handshake server's address once registered. Rejects, and emits `error`, if the name, an address or the port is
   * invalid, or if the server refuses or is silent for five seconds. Ends a current session first.
   */
  initServer(init: InitServer): Promise<Address> {
    return this.#driver.begin(init, (ready, ticket, now) => this.#session.initServer(ready, ticket, now));
  }

  /**
   * Joins a registered server. Resolves with the host's address once connected. Rejects, and emits `error`, like
   * `initServer`, and if the host is unknown, unreachable, or has another password.
   */
  initClient(init: InitClient): Promise<Address> {
    return this.#driver.begin(init, (ready, ticket, now) => this.#session.initClient(ready, ticket, now));
  }

  /** Ends the session: notifies the peers, and rejects what is pending. Returns what the session was. */
  quitConnection(): SessionSummary {
    return this.#driver.quit();
  }

  /** Ends the session. Resolves once the port is free. */
  close(): Promise<void> {
    this.quitConnection();
    return this.#driver.closed;
  }

  /** The session goes on without the handshake server. No further peer can join. */
  dropConnectionWithHandshakeServer(): void {
    this.#driver.run((now) => this.#session.dropConnectionWithHandshakeServer(now));
  }

  /**
   * Hosts only. Removes the peer and notifies all others. Returns false, and emits `error`, if that is not possible.
   */
  dropPeer(peerName: string): boolean {
    return this.#driver.run((now) => this.#session.dropPeer(peerName, now));
  }

  /**
   * Requests the list of a handshake server, or of a host in LAN mode. Needs no session. Rejects after five seconds of
   * silence, if another address is requested meanwhile, or if a session begins or ends meanwhile.
   */
  requestServerList(handshakeAddress: Address): Promise<ServerList> {
    if (this.#listing !== null && sameAddress(this.#listing.address, handshakeAddress)) return this.#listing.list;
    const list = this.#driver.request<ServerList>((ticket, now) =>
      this.#session.requestServerList(handshakeAddress, ticket, now),
    );
    const listing = { address: handshakeAddress, list };
    this.#listing = listing;
    const forget = (): void => {
      if (this.#listing === listing) this.#listing = null;
    };
    list.then(forget, forget);
    return list;
  }

  // --- messages --------------------------------------------------------------------------------------------------

  /**
   * Sends up to five times, a second apart, until confirmed. Resolves with the message once confirmed. Rejects if it
   * was not, or if there is no such peer; with a TypeError for a value that is not JSON, and a RangeError for one that
   * is too large.
   */
  sendReliableMessageToPeer(peerName: string, message: unknown): Promise<ReliableMessage> {
    return this.#driver.wait((ticket) => {
      const json = jsonOf(message);
      this.#driver.run((now) => this.#session.sendReliable(peerName, json, ticket, now));
    });
  }

  /**
   * Sends once. Returns false, and emits `error`, if there is no such peer. Throws like `sendReliableMessageToPeer`.
   */
  sendUnreliableMessageToPeer(peerName: string, message: unknown): boolean {
    const json = jsonOf(message);
    return this.#driver.run((now) => this.#session.sendUnreliable(peerName, json, now));
  }

  /** Sends once to every peer. Throws for a value that is not JSON or too large. */
  broadcastUnreliableMessage(message: unknown): void {
    const json = jsonOf(message);
    this.#driver.run((now) => this.#session.broadcast(json, null, now));
  }

  /** Sends to every peer until each has confirmed. Rejects only for a value that is not JSON or too large. */
  async broadcastReliableMessage(message: unknown): Promise<Delivery> {
    const json = jsonOf(message);
    const sent: { readonly name: string; readonly confirmed: Promise<boolean> }[] = [];
    const ticketFor = (name: string): number => {
      const { ticket, promise } = this.#driver.ticket<ReliableMessage>();
      const confirmed = promise.then(
        () => true,
        () => false,
      );
      sent.push({ name, confirmed });
      return ticket;
    };
    this.#driver.run((now) => this.#session.broadcast(json, ticketFor, now));
    const confirmed = await Promise.all(sent.map((to) => to.confirmed));
    const those = (wanted: boolean): string[] =>
      sent.filter((_, at) => confirmed[at] === wanted).map(({ name }) => name);
    return { delivered: those(true), failed: those(false) };
  }

  // --- state -----------------------------------------------------------------------------------------------------

  /** Null without a session, or after the connection was dropped. */
  getHandshakeServerAddress(): Address | null {
    return this.#session.active?.handshake?.address ?? null;
  }

  getPassword(): string | null {
    return this.#session.active?.password ?? null;
  }

  /** Null if there is no such peer, or it is not connected yet. */
  getPeerInfo(peerName: string): PeerInfo | null {
    const address = this.#session.active?.peers.get(peerName)?.address ?? null;
    return address === null ? null : { name: peerName, address };
  }

  /** Names of the connected peers, without this one. */
  getPeers(): string[] {
    const { active } = this.#session;
    return active === null ? [] : confirmedPeers(active).map(({ name }) => name);
  }

  /** The host's address as this peer knows it. For the host: as the handshake server sees it. */
  getServerAddress(): Address | null {
    return this.#session.active?.serverAddress ?? null;
  }

  getServerName(): string | null {
    return this.#session.active?.serverName ?? null;
  }

  getUserName(): string | null {
    return this.#session.active?.userName ?? null;
  }

  /** Null without a session. */
  iAmServer(): boolean | null {
    const { active } = this.#session;
    return active === null ? null : active.role === "host";
  }

  /** Registered as a host, or joined as a guest. */
  isConnected(): boolean {
    return this.#session.active?.confirmed ?? false;
  }

  /** The local port, or null. */
  get port(): number | null {
    return this.#driver.port;
  }
}

/** A copy, because the game may change its object. */
const jsonOf = (message: unknown): Json =>
  JSON.parse(stringify(message, { bytes_max: MESSAGE_BYTES_MAX, nesting_max: MESSAGE_NESTING_MAX })) as Json;
