/**
 * The other side of a connection: datagrams to and from one peer, over whatever path there is. Carries out over real
 * sockets what the channel (path/channel.ts) says; who is introduced to whom is introductions.ts's.
 */
import type { Socket } from "node:dgram";
import { Emitter } from "../util/emitter.ts";
import { Channel, type ChannelEvent } from "../path/channel.ts";
import { type PathKind, type Place, samePlace } from "../path/path-selector.ts";
import type { Endpoint } from "../util/addresses.ts";
import type { Plan } from "../punch/plan.ts";
import type { PunchOutcome } from "../punch/punch.ts";
import type { PairKey } from "../secure/seal.ts";
import { ProbeTransactions, probeRequest } from "./reflexive-probe.ts";
import * as limits from "./limits.ts";
import type { Relay } from "./introduction.ts";
import { Sockets } from "./sockets.ts";
import { Tunnel } from "./tunnel.ts";

/** How datagrams travel: `websocket` is the last resort, where UDP does not get out. */
export type PathName = "direct" | "relay" | "websocket";

export type PeerPath = {
  readonly path: PathName | null;
  readonly rtt_ms: number | null;
  /** Since the hub introduced the two. */
  readonly after_ms: number;
  /** In plain words, for players. */
  readonly why: string;
};

export type PeerEvents = {
  datagram: [payload: Uint8Array];
  path: [path: PeerPath];
  closed: [why: string];
};

/** What a game that brings its own transport is given: nothing of ours listens there any more. */
export type Detached = { readonly socket: Socket; readonly to: Endpoint };

/** What a peer needs of whoever introduces it. */
export type PeerHandlers = {
  /** A direct path is wished for. */
  readonly upgrade: () => void;
  readonly punched: (outcome: PunchOutcome, sent: number) => void;
  /** There is nothing to send on, or soon may be: a relay is needed. */
  readonly needsRelay: () => void;
  /** The relay does not answer. */
  readonly relaySilent: () => void;
  readonly closed: () => void;
};

const NAMES: { readonly [K in PathKind]: PathName } = { direct: "direct", relay: "relay", tunnel: "websocket" };

const REASONS: { readonly [W in string]: string } = {
  opened: "This path was opened.",
  silent: "The path before fell silent.",
  heard_again: "This path is heard again.",
  no_consent: "The peer no longer answered on the path before.",
  ended: "The path before ended.",
  moved: "This machine has another address.",
};

export class Peer extends Emitter<PeerEvents> {
  readonly id: string;
  readonly sockets: Sockets;
  readonly probes = new ProbeTransactions();
  readonly #handlers: PeerHandlers;
  #channel: Channel | null = null;
  #early: { readonly bytes: Uint8Array; readonly place: Place }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #enterTimer: NodeJS.Timeout | undefined;
  #relay: Relay | null = null;
  #enterFailures = 0;
  #tunnel: Tunnel | null = null;
  /** The socket that plays, and those before it that may still be in use. */
  #socket = 0;
  #path: PathName | null = null;
  #pathReason = "No path has been found yet.";
  /** Datagrams that came before there was a path, and so before anybody could listen. */
  #undelivered: Uint8Array[] | null = [];
  #introducedAt = performance.now();
  #afterMs = 0;
  /** What the hub said of the last introduction. */
  introductionReason = "";
  #closed = false;

  constructor(id: string, around: PeerHandlers) {
    super();
    this.id = id;
    this.#handlers = around;
    this.sockets = new Sockets((bytes, socket, to) => this.receive(bytes, { socket, to }));
  }

  // --- for games -----------------------------------------------------------------------------------------------

  get path(): PathName | null {
    return this.#path;
  }

  /** Why it is this path, in plain words. */
  get why(): string {
    return `${this.#pathReason} ${this.introductionReason}`.trim();
  }

  get rtt_ms(): number | null {
    const kind = (Object.keys(NAMES) as PathKind[]).find((one) => NAMES[one] === this.#path);
    return kind === undefined ? null : (this.#channel?.path(kind)?.rtt_ms ?? null);
  }

  /** How long it took from the introduction to the path that it is now. */
  get after_ms(): number {
    return this.#afterMs;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** False where there is no path now, or the payload is longer than PAYLOAD_BYTES_MAX. It may be lost, as with UDP. */
  send(payload: Uint8Array): boolean {
    const sent = !this.#closed && this.#channel?.send(payload, performance.now()) === true;
    if (!sent) return false;
    this.update();
    const silent_ms = performance.now() - (this.#channel?.path("direct")?.receivedAt ?? Infinity);
    if (silent_ms > limits.SILENT_MS && !this.hasRelay) this.#handlers.needsRelay();
    return true;
  }

  close(why = "It was closed here."): void {
    if (this.#closed) return;
    this.#end();
    this.sockets.closeAll();
    this.emit("closed", [why]);
  }

  /**
   * Hands over the punched socket and the peer's endpoint, and ends here: datagrams are the game's own from now on, neither
   * sealed nor relayed. Null while there is no direct path. Late words of the punch begin with 0xD6.
   */
  detach(): Detached | null {
    const place = this.#channel?.path("direct")?.place;
    if (place === undefined || place === "tunnel") return null;
    const socket = this.sockets.detach(place.socket, place.to.address);
    if (socket === null) return null;
    this.#end();
    this.sockets.closeAll();
    this.emit("closed", ["Its socket was handed over."]);
    return { socket, to: place.to };
  }

  // --- for who introduces --------------------------------------------------------------------------------------

  get socket(): number {
    return this.#socket;
  }

  /** Another socket plays from the next introduction on. */
  renewSocket(): number {
    // The one before carries the relay, and perhaps a path that is not lost yet.
    const before = this.#socket - 1;
    const direct = this.#channel?.path("direct")?.place ?? "tunnel";
    const relay = this.#channel?.path("relay")?.place ?? "tunnel";
    const used = [direct, relay].map((place) => (place === "tunnel" ? -1 : place.socket));
    if (before >= 0 && !used.includes(before)) this.sockets.close(before);
    return ++this.#socket;
  }

  startPunch(plan: Plan, key: PairKey, start_in_ms: number): void {
    this.#introducedAt = performance.now();
    this.#setKey(key);
    this.#channel!.punch(plan, this.#socket, start_in_ms, performance.now());
    this.update();
  }

  /** A relay's end: shows who one is there, until it answers, and again from time to time. */
  useRelay(relay: Relay, key: PairKey | null): void {
    if (relay.ticket === this.#relay?.ticket) return;
    if (key !== null) {
      this.#introducedAt = performance.now();
      this.#setKey(key);
    }
    this.#relay = relay;
    this.#enterFailures = 0;
    this.#tunnel?.close();
    this.#tunnel = null;
    this.#enterRelay();
  }

  /** UDP does not get there: the relay's WebSocket carries meanwhile. */
  openTunnel(): void {
    const relay = this.#relay;
    if (relay === null || relay.tunnel === null || this.#tunnel !== null) return;
    this.#tunnel = new Tunnel(relay.tunnel, relay.ticket, {
      open: (isOpen) => {
        this.#channel?.tunnel(isOpen, performance.now());
        this.update();
      },
      datagram: (bytes) => this.receive(bytes, "tunnel"),
    });
  }

  get hasKey(): boolean {
    return this.#channel !== null;
  }

  get hasRelay(): boolean {
    return this.#relay !== null && this.#enterFailures === 0;
  }

  punchUnavailable(): void {
    this.#channel?.punchUnavailable(performance.now());
    this.update();
  }

  /** This machine has another address. */
  networkChanged(): void {
    this.renewSocket();
    this.#channel?.networkChanged(performance.now());
    if (this.#relay !== null) this.#enterRelay();
    this.update();
  }

  receive(bytes: Uint8Array, place: Place): void {
    if (this.#closed || this.probes.handleResponse(bytes)) return;
    if (this.#channel === null) {
      this.#early = [...this.#early, { bytes, place }].slice(-limits.EARLY_DATAGRAMS_MAX);
      return;
    }
    if (this.#channel.receive(bytes, place, performance.now())) this.update();
  }

  /** Carries out what is due. */
  update(): void {
    const channel = this.#channel;
    if (channel === null || this.#closed) return;
    const now = performance.now();
    channel.wake(now);
    for (const { place, bytes, hops } of channel.takeDatagrams(now)) {
      if (place === "tunnel") this.#tunnel?.send(bytes);
      else this.sockets.send(place.socket, place.to, bytes, hops);
    }
    for (const event of channel.takeEvents()) this.#handleEvent(event);
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const wait = channel.deadline() - performance.now();
    if (wait < Infinity) this.#timer = setTimeout(() => this.update(), Math.max(0, Math.ceil(wait)));
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
    else if (event.type === "punched") this.#handlers.punched(event.outcome, event.sent);
    else {
      const path = event.path === null ? null : NAMES[event.path];
      this.#path = path;
      this.#pathReason = path === null ? "There is no path now." : REASONS[event.why]!;
      const after_ms = (this.#afterMs = performance.now() - this.#introducedAt);
      this.emit("path", [{ path, rtt_ms: event.rtt_ms, after_ms, why: this.why }]);
      if (path === null) this.#handlers.needsRelay();
      else if (this.#undelivered !== null) setImmediate(() => this.#deliverEarly());
    }
  }

  #handleData(payload: Uint8Array): void {
    if (this.#undelivered === null) return this.emit("datagram", [payload]);
    if (this.#undelivered.push(payload) > limits.EARLY_DATAGRAMS_MAX) this.#undelivered.shift();
  }

  /** Whoever was told of the first path listens by now. */
  #deliverEarly(): void {
    const waiting = this.#undelivered ?? [];
    this.#undelivered = null;
    for (const payload of waiting) this.emit("datagram", [payload]);
  }

  /** Says who one is at the relay: first without a receipt, and with the one that comes back, if one does. */
  #enterRelay(receipt = "-"): void {
    clearTimeout(this.#enterTimer);
    const relay = this.#relay;
    if (relay === null || this.#closed) return;
    const socket = this.#socket;
    const to = { address: relay.address, port: relay.port };
    const say = (word: string): void => this.sockets.send(socket, to, probeRequest("enter", relay.ticket, receipt, word));
    void this.probes.request(say).then((answer) => {
      if (this.#relay !== relay || this.#closed) return;
      const given = answer?.words[1];
      if (given !== undefined && receipt === "-") return this.#enterRelay(given);
      const entered = answer !== null && given === undefined;
      this.#enterFailures = entered ? 0 : this.#enterFailures + 1;
      if (entered) this.#setRelayPath({ socket, to });
      else if (this.#enterFailures === limits.RELAY_ENTER_FAILURES_MAX) this.#handlers.relaySilent();
      this.#enterTimer = setTimeout(() => this.#enterRelay(), entered ? limits.RELAY_REFRESH_MS : limits.RELAY_ENTER_RETRY_MS);
    });
  }

  #setRelayPath(place: { readonly socket: number; readonly to: Endpoint }): void {
    const known = this.#channel?.path("relay")?.place;
    if (known !== undefined && samePlace(known, place)) return;
    this.#channel?.relay(place, performance.now());
    this.update();
  }

  #end(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#enterTimer);
    this.#tunnel?.close();
    this.#path = null;
    this.#pathReason = "It is closed.";
    this.#handlers.closed();
  }
}

/** From 0 to below 1, and not to be foretold by the peer. */
const cryptoRandom = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
