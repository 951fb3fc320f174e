/**
 * The other side of a connection: datagrams to and from one peer, over whichever path works. It drives a channel
 * (path/channel.ts) with real sockets and a clock; the connector (connector.ts) decides about introductions.
 */
import type { Socket } from "node:dgram";
import { DeadlineTimer } from "../util/deadline-timer.ts";
import { Emitter } from "../util/emitter.ts";
import { Channel, type ChannelEvent } from "../path/channel.ts";
import type { Place } from "../path/paths.ts";
import type { Endpoint } from "../util/addresses.ts";
import type { Plan } from "../punch/plan.ts";
import type { PairKey } from "../secure/seal.ts";
import { ProbeTransactions } from "../probe/probe-transactions.ts";
import * as limits from "./limits.ts";
import type { Relay } from "./introduction.ts";
import { CurrentPath, type PathName, type PeerEvents, type PeerStats } from "./peer-path.ts";
import type { PeerHandlers } from "./peer-handlers.ts";
import { PeerRelay, type RelayUse } from "./peer-relay.ts";
import { type DatagramHandler, Sockets } from "../probe/sockets.ts";
import type { WarmSocketPair } from "../probe/warm-socket.ts";

/** The socket for a game with its own transport. No listener of this library is left on it. */
export type Detached = { readonly socket: Socket; readonly to: Endpoint };

export class Peer extends Emitter<PeerEvents> {
  readonly id: string;
  readonly sockets: Sockets;
  readonly probes: ProbeTransactions;
  readonly #handlers: PeerHandlers;
  readonly #relay: PeerRelay;
  #channel: Channel | null = null;
  /** Datagrams that arrived before the key. */
  #early: { readonly bytes: Uint8Array; readonly place: Place }[] = [];
  readonly #timer = new DeadlineTimer(() => this.update());
  /** A recent receipt of a socket from the sidecar with this address, or "-". */
  receiptOf: (socket: number, address: string) => string = () => "-";
  /** The local socket of the next introduction. Earlier ones may still be in use. */
  #socket = 0;
  readonly #current = new CurrentPath();
  /** Payloads that arrived before the first `path` event, when the game could not yet listen. */
  #undelivered: Uint8Array[] | null = [];
  /** The hub's reason for the last introduction. */
  introductionReason = "";
  #closed = false;

  /** `warm`: a socket that is already observed. */
  constructor(id: string, handlers: PeerHandlers, warm: Pick<WarmSocketPair, "sockets" | "probes"> | null = null) {
    super();
    this.id = id;
    this.#handlers = handlers;
    const onDatagram: DatagramHandler = (bytes, socket, to) => this.receive(bytes, { socket, to });
    this.probes = warm?.probes ?? new ProbeTransactions();
    this.sockets = warm?.sockets ?? new Sockets(onDatagram);
    this.sockets.handOver(onDatagram);
    this.#relay = new PeerRelay(this.sockets, this.probes, {
      channel: () => this.#channel,
      socket: () => this.#socket,
      isDirect: () => this.path === "direct",
      isClosed: () => this.#closed,
      update: () => this.update(),
      needsRelay: () => this.#handlers.needsRelay(),
      receipt: (socket, address) => this.receiptOf(socket, address),
      silent: () => this.#handlers.relaySilent(),
      tunnel: (isOpen) => {
        this.#channel?.tunnel(isOpen, performance.now());
        this.update();
      },
      datagram: (bytes) => this.receive(bytes, "tunnel"),
    });
  }

  // --- for games -----------------------------------------------------------------------------------------------

  get path(): PathName | null {
    return this.#current.name;
  }

  /** The reason for this path, in words for players. */
  get why(): string {
    return `${this.#current.reason} ${this.introductionReason}`.trim();
  }

  get rtt_ms(): number | null {
    return this.stats().rtt_ms;
  }

  /** Time from the introduction to the current path. */
  get after_ms(): number {
    return this.#current.after_ms;
  }

  stats(): PeerStats {
    return this.#current.stats(this.#channel);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Returns false if there is no path, or the payload exceeds PAYLOAD_BYTES_MAX. A datagram may be lost, as with UDP. */
  send(payload: Uint8Array): boolean {
    const channel = this.#channel;
    const now = performance.now();
    if (this.#closed || channel === null || !channel.send(payload, now)) return false;
    this.#advance(channel, now);
    return true;
  }

  close(why = "The connection was closed here."): void {
    if (this.#closed) return;
    this.#end();
    this.sockets.closeAll();
    this.emit("closed", [why]);
  }

  /**
   * Hands over the punched socket and the peer's endpoint, and closes this peer. From then on datagrams are neither
   * sealed nor relayed. Returns null without a direct path. Late datagrams of the punch begin with 0xD6.
   */
  detach(): Detached | null {
    const place = this.#channel?.path("direct")?.place;
    if (place === undefined || place === "tunnel") return null;
    const socket = this.sockets.detach(place.socket, place.to.address);
    if (socket === null) return null;
    this.#end();
    this.sockets.closeAll();
    this.emit("closed", ["The socket was detached."]);
    return { socket, to: place.to };
  }

  // --- for the connector ---------------------------------------------------------------------------------------

  get socket(): number {
    return this.#socket;
  }

  /** Time from the first introduction to the first path; until then, time since the last introduction. */
  get first_path_ms(): number {
    return this.#current.first_after_ms ?? this.#current.sinceIntroduction_ms;
  }

  get hasKey(): boolean {
    return this.#channel !== null;
  }

  get hasRelay(): boolean {
    return this.#relay.isAlive;
  }

  /** Uses another local socket from the next introduction on. */
  renewSocket(): number {
    // The previous socket carries the relay, and perhaps a path that is still in use.
    const previous = this.#socket - 1;
    const direct = this.#channel?.path("direct")?.place ?? "tunnel";
    const relay = this.#channel?.path("relay")?.place ?? "tunnel";
    const used = [direct, relay].map((place) => (place === "tunnel" ? -1 : place.socket));
    if (previous >= 0 && !used.includes(previous)) this.sockets.close(previous);
    return ++this.#socket;
  }

  startPunch(plan: Plan, key: PairKey, start_in_ms: number): void {
    this.#current.introduce();
    this.#setKey(key);
    this.#channel!.punch(plan, this.#socket, start_in_ms, performance.now());
    this.update();
  }

  useRelay(relay: Relay, key: PairKey | null, how: RelayUse): void {
    if (this.#relay.isAssigned(relay)) return;
    if (key !== null) {
      this.#current.introduce();
      this.#setKey(key);
    }
    this.#relay.use(relay, how);
  }

  /** Enters the relay that is held, if any. */
  enterRelay(): void {
    this.#relay.enter();
  }

  /** The peer has been received in the current punch. */
  get isPunchReceived(): boolean {
    return this.#channel?.isPunchReceived ?? false;
  }

  /** UDP does not reach the relay, so its WebSocket carries the datagrams. */
  openTunnel(): void {
    this.#relay.openTunnel();
  }

  /** The relay's endpoint that no longer answers, for the request of another one. */
  get relayEndpoint(): Endpoint | null {
    return this.#relay.endpoint;
  }

  /** The hub knows no plan for a direct path at the moment. `isLocal`: this network blocks UDP, which is easily tried. */
  punchUnavailable(isLocal = false): void {
    if (isLocal) this.#channel?.punchFailed(performance.now());
    else this.#channel?.punchUnavailable(performance.now());
    this.update();
  }

  /** This machine has another address. */
  networkChanged(): void {
    this.renewSocket();
    this.#channel?.networkChanged(performance.now());
    this.#relay.move(this.#socket);
    this.update();
  }

  receive(bytes: Uint8Array, place: Place): void {
    if (this.#closed || this.probes.handleResponse(bytes)) return;
    const channel = this.#channel;
    if (channel === null) {
      this.#early = [...this.#early, { bytes, place }].slice(-limits.EARLY_DATAGRAMS_MAX);
      return;
    }
    const now = performance.now();
    if (channel.receive(bytes, place, now)) this.#advance(channel, now);
  }

  /** Runs the channel: sends the datagrams that are due, handles its events, and sets the timer. */
  update(): void {
    if (this.#closed) return;
    const channel = this.#channel;
    if (channel === null) return;
    const now = performance.now();
    channel.wake(now);
    this.#carryOut(channel, now);
    if (!this.#closed) this.#timer.set(channel.deadline(), now);
  }

  /** The same after a datagram of the game, without what seldom has anything to do. */
  #advance(channel: Channel, now: number): void {
    const due = channel.deadline();
    if (due <= now) return this.update();
    this.#carryOut(channel, now);
    if (!this.#closed) this.#timer.set(due, now);
  }

  #carryOut(channel: Channel, now: number): void {
    for (const { place, bytes, hops } of channel.takeDatagrams(now)) {
      if (place === "tunnel") this.#relay.sendThroughTunnel(bytes);
      else this.sockets.send(place.socket, place.to, bytes, hops);
    }
    for (const event of channel.takeEvents()) this.#handleEvent(event);
  }

  // -------------------------------------------------------------------------------------------------------------

  #setKey(key: PairKey): void {
    const now = performance.now();
    if (this.#channel !== null) return this.#channel.renew(key, now);
    this.#channel = new Channel(key, cryptoRandom, now);
    for (const { bytes, place } of this.#early.splice(0)) this.#channel.receive(bytes, place, now);
  }

  #handleEvent(event: ChannelEvent): void {
    if (event.type === "data") this.#handleData(event.payload);
    else if (event.type === "closable") this.sockets.close(...event.sockets);
    else if (event.type === "upgrade") this.#handlers.upgrade();
    else if (event.type === "suspect") this.#relay.handleSuspect(event.path);
    else if (event.type === "punched") this.#handlers.punched(event.outcome, event.sent);
    else {
      const { path, silence_ms } = event;
      this.#current.change(event);
      this.emit("path", [{ path, rtt_ms: this.rtt_ms, after_ms: this.after_ms, silence_ms, why: this.why }]);
      this.#relay.scheduleReturn();
      if (path === null) this.#handlers.needsRelay();
      else if (this.#undelivered !== null) setImmediate(() => this.#deliverEarly());
    }
  }

  #handleData(payload: Uint8Array): void {
    if (this.#undelivered === null) return this.emit("datagram", [payload]);
    if (this.#undelivered.push(payload) > limits.EARLY_DATAGRAMS_MAX) this.#undelivered.shift();
  }

  /** Runs one turn after the first `path` event, so that the game has added its listeners. */
  #deliverEarly(): void {
    const payloads = this.#undelivered ?? [];
    this.#undelivered = null;
    for (const payload of payloads) this.emit("datagram", [payload]);
  }

  #end(): void {
    this.#closed = true;
    this.#timer.stop();
    this.#relay.close();
    this.#current.end();
    this.#handlers.closed();
  }
}

/** From 0 to below 1, and unpredictable for the peer. */
const cryptoRandom = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
