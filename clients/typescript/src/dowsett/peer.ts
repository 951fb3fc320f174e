/**
 * A peer for games: the session of `session.ts` on a real UDP socket and a real clock. Every function of the document
 * is here under its name in camelCase; what the script answers by signal is also a promise.
 *
 * No promise of this class has to be awaited: whoever prefers the events may ignore it, failures included.
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

/** Whether each peer confirmed a reliable broadcast. */
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
   * Registers with a handshake server, or is one itself where both addresses are the same (LAN mode). Listens on the
   * local address's port; port 0 takes a free one, in LAN mode for both. Resolves with the handshake server's address
   * once registered. Rejects, and emits `error`, where the name, an address or the port cannot be used, or the server
   * refuses or is silent for five seconds. A session under way is quit first.
   */
  initServer(init: InitServer): Promise<Address> {
    return this.#driver.begin(init, (ready, ticket, now) => this.#session.initServer(ready, ticket, now));
  }

  /**
   * Joins a registered server. Resolves with the host's address once connected to it. Rejects, and emits `error`,
   * like `initServer`, and where the host is unknown, unreachable, or has another password.
   */
  initClient(init: InitClient): Promise<Address> {
    return this.#driver.begin(init, (ready, ticket, now) => this.#session.initClient(ready, ticket, now));
  }

  /** Ends the session: everybody is told, what is under way is given up. Says what the session was. */
  quitConnection(): SessionSummary {
    return this.#driver.quit();
  }

  /** Quits, and resolves once the port is free again. */
  close(): Promise<void> {
    this.quitConnection();
    return this.#driver.closed;
  }

  /** From then on the session lives without a handshake server, and nobody new can join. */
  dropConnectionWithHandshakeServer(): void {
    this.#driver.run((now) => this.#session.dropConnectionWithHandshakeServer(now));
  }

  /** Hosts only. Tells the peer and all others. False, with an `error`, where that is not possible. */
  dropPeer(peerName: string): boolean {
    return this.#driver.run((now) => this.#session.dropPeer(peerName, now));
  }

  /**
   * Asks a handshake server, or a host in LAN mode, for its list. Needs no session. Rejects after five seconds of
   * silence, where another address is asked meanwhile, and where a session begins or ends meanwhile.
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
   * Sends until confirmed, five times a second apart. Resolves with the message once confirmed; rejects where it was
   * not, where there is no such peer, and for what is no JSON value (TypeError) or too large (RangeError).
   */
  sendReliableMessageToPeer(peerName: string, message: unknown): Promise<ReliableMessage> {
    return this.#driver.wait((ticket) => {
      const json = jsonOf(message);
      this.#driver.run((now) => this.#session.sendReliable(peerName, json, ticket, now));
    });
  }

  /** Sends once. False, with an `error`, where there is no such peer. Throws for no JSON value or too large a one. */
  sendUnreliableMessageToPeer(peerName: string, message: unknown): boolean {
    const json = jsonOf(message);
    return this.#driver.run((now) => this.#session.sendUnreliable(peerName, json, now));
  }

  /** Sends to every peer, once. Throws for what is no JSON value or too large. */
  broadcastUnreliableMessage(message: unknown): void {
    const json = jsonOf(message);
    this.#driver.run((now) => this.#session.broadcast(json, null, now));
  }

  /** Sends to every peer until each has confirmed. Rejects only for what is no JSON value or too large. */
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

  // --- looking ---------------------------------------------------------------------------------------------------

  /** Null without a session, or once the connection was dropped. */
  getHandshakeServerAddress(): Address | null {
    return this.#session.active?.handshake?.address ?? null;
  }

  getPassword(): string | null {
    return this.#session.active?.password ?? null;
  }

  /** Null where there is no such peer, or he is not connected yet. */
  getPeerInfo(peerName: string): PeerInfo | null {
    const address = this.#session.active?.peers.get(peerName)?.address ?? null;
    return address === null ? null : { name: peerName, address };
  }

  /** Names of the connected peers, without one's own. */
  getPeers(): string[] {
    const { active } = this.#session;
    return active === null ? [] : confirmedPeers(active).map(({ name }) => name);
  }

  /** The host's address as this peer knows it; for the host as the handshake server sees it. */
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

  /** Registered, or joined. */
  isConnected(): boolean {
    return this.#session.active?.confirmed ?? false;
  }

  /** Where this peer listens, or null. */
  get port(): number | null {
    return this.#driver.port;
  }
}

/** A copy that nobody changes behind our back. */
const jsonOf = (message: unknown): Json =>
  JSON.parse(stringify(message, { bytes_max: MESSAGE_BYTES_MAX, nesting_max: MESSAGE_NESTING_MAX })) as Json;
