/**
 * A datagram channel to one peer, over whatever path there is: punch, path keeping and sealing in one piece, without
 * clock and socket. A driver brings datagrams and the time, and carries out what comes out:
 *
 *     relay(place)           a relay's endpoint is there            take()         datagrams to be sent
 *     tunnel(open)           datagrams may go over a stream         takeEvents()   data, paths, wishes
 *     punch(plan, ...)       the hub's introduction                 deadline()     when to wake it next
 *     send(payload)          to the peer
 *     receive(bytes, place)  a sealed datagram, and where it came in
 *
 * Sockets are numbers that the driver gives; further ones, which a plan may ask for, are numbered here from 65,536 on. One
 * that appears for the first time is to be opened, and `closable` says which are no longer needed.
 */
import { type Message, readMessage, writeMessage } from "../punch/messages.ts";
import type { Plan, Spray } from "../punch/plan.ts";
import { type PunchOutcome, Punch } from "../punch/punch.ts";
import { SOCKETS_MAX } from "../punch/limits.ts";
import type { PairKey, RejectedCounts } from "../secure/seal.ts";
import { Seal } from "../secure/seal.ts";
import { PathSelector } from "./path-selector.ts";
import { type Path, type PathKind, type PathSelectorEvent, type Place, samePlace } from "./paths.ts";
import { EVENTS_MAX, PAYLOAD_BYTES_MAX, SWEEP_AFTER_MS } from "./limits.ts";

export type ChannelEvent =
  | PathSelectorEvent
  | { readonly type: "data"; readonly payload: Uint8Array }
  /** How the last punch ended: what the hub wants to hear. */
  | { readonly type: "punched"; readonly outcome: PunchOutcome; readonly sent: number }
  | { readonly type: "closable"; readonly sockets: readonly number[] };

export type ChannelDatagram = { readonly place: Place; readonly bytes: Uint8Array; readonly hops?: number };

const EXTRA_SOCKETS_FIRST = 65_536;

type Attempt = {
  readonly punch: Punch;
  /** The driver's number of the punch's first socket, and what its others are numbered from. */
  readonly socket: number;
  readonly base: number;
  reported: PunchOutcome | null;
  reportedAt: number;
};

export class Channel {
  readonly #seal: Seal;
  readonly #selector: PathSelector;
  readonly #random: () => number;
  #attempt: Attempt | null = null;
  #attempts = 0;
  /** Further sockets that are open. */
  readonly #extraSockets = new Set<number>();
  /** Of them, how many are in use and not of the attempt under way. */
  #extraSocketsInUse = 0;
  #datagrams: ChannelDatagram[] = [];
  #events: ChannelEvent[] = [];

  /** `random`: from 0 to below 1, and not to be foretold by the peer. */
  constructor(key: PairKey, random: () => number, now: number) {
    this.#seal = new Seal(key);
    this.#selector = new PathSelector(random, now);
    this.#random = random;
  }

  /** By which the driver finds this channel among others on one socket. */
  get routes(): readonly number[] {
    return this.#seal.routes;
  }

  get refused(): Readonly<RejectedCounts> {
    return this.#seal.refused;
  }

  path(kind: PathKind): Readonly<Path> | undefined {
    return this.#selector.path(kind);
  }

  /** The relay's endpoint, as reached from one of our sockets; null when it ended. */
  relay(place: Place | null, now: number): void {
    this.#selector.set("relay", place, now);
  }

  tunnel(isOpen: boolean, now: number): void {
    this.#selector.set("tunnel", isOpen ? "tunnel" : null, now);
  }

  /** Begins to look for a direct path, from the socket that was observed. What is under way is given up for it. */
  punch(plan: Plan, socket: number, start_in_ms: number, now: number): void {
    const punch = new Punch({ plan, seal: this.#seal, random: this.#random, start_in_ms }, now);
    this.#attempt = {
      punch,
      socket,
      base: EXTRA_SOCKETS_FIRST + SOCKETS_MAX * this.#attempts++,
      reported: null,
      reportedAt: Infinity,
    };
  }

  /** Fresh samples of a counting NAT. */
  revise(spray: Spray, now: number): void {
    this.#attempt?.punch.revise(spray, now);
  }

  /** There will be no direct path for now: nothing is tried. */
  punchUnavailable(now: number): void {
    this.#selector.punchUnavailable(now);
  }

  renew(key: PairKey, now: number): void {
    this.#seal.renew(key, now);
  }

  /** This machine has another address. */
  networkChanged(now: number): void {
    this.#selector.networkChanged(now);
  }

  /** To the peer, on every path that is needed. False where there is none, or where the payload is too long. */
  send(payload: Uint8Array, now: number): boolean {
    const routes = payload.length > PAYLOAD_BYTES_MAX ? [] : this.#selector.routes(now);
    if (routes.length === 0) return false;
    // One datagram, sealed once: whoever gets it twice drops the second.
    const bytes = this.#seal.seal(writeMessage({ kind: "data", payload }), now);
    for (const { place } of routes) this.#datagrams.push({ place, bytes });
    return true;
  }

  /** A datagram and where it came in. False where it is not this peer's. */
  receive(bytes: Uint8Array, place: Place, now: number): boolean {
    const body = this.#seal.open(bytes, now);
    if (body === null) return false;
    const message = readMessage(body);
    if (message === null) return true;
    if (message.kind === "data") this.#pushEvent({ type: "data", payload: message.payload });
    else if (message.kind === "probe") this.#handleProbe(message, place, now);
    else if (!this.#selector.handleAnswer(message, now)) this.#handlePunchMessage(message, place, now);
    this.#selector.recordReceived(place, this.#attempt === null || this.#attempt.reported !== null, now);
    return true;
  }

  wake(now: number): void {
    this.#attempt?.punch.wake(now);
    this.#checkPunch(now);
    this.#selector.wake(now);
    this.#sweep(now);
  }

  /** When to wake it next; Infinity for never. */
  deadline(): number {
    const sweep = this.#extraSockets.size > this.#extraSocketsInUse ? this.#sweepAt() : Infinity;
    return Math.min(this.#attempt?.punch.deadline() ?? Infinity, this.#selector.deadline(), sweep);
  }

  takeDatagrams(now: number): ChannelDatagram[] {
    this.#collect(now);
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  takeEvents(): ChannelEvent[] {
    for (const event of this.#selector.takeEvents()) this.#pushEvent(event);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  // --- hearing -------------------------------------------------------------------------------------------------

  /** A probe on a socket of the punch is the punch's, even after it ended: the peer may not know yet. */
  #handleProbe(message: Message & { kind: "probe" }, place: Place, now: number): void {
    if (!this.#handlePunchMessage(message, place, now)) this.#selector.answerProbe(message, place);
  }

  /** What came by the relay or the tunnel is not. */
  #handlePunchMessage(message: Message, place: Place, now: number): boolean {
    const attempt = this.#attempt;
    const relay = this.#selector.path("relay")?.place;
    if (attempt === null || place === "tunnel" || (relay !== undefined && samePlace(relay, place))) return false;
    const inner = place.socket === attempt.socket ? 0 : place.socket - attempt.base;
    return inner >= 0 && inner < SOCKETS_MAX && attempt.punch.handleMessage(message, inner, place.to, now);
  }

  // --- the punch -----------------------------------------------------------------------------------------------

  #checkPunch(now: number): void {
    const attempt = this.#attempt;
    const outcome = attempt?.punch.outcome ?? null;
    if (attempt === null || outcome === null || outcome === attempt.reported) return;
    attempt.reported = outcome;
    attempt.reportedAt = now;
    this.#pushEvent({ type: "punched", outcome, sent: attempt.punch.counts.sent });
    if (outcome.kind === "given_up") this.#selector.punchFailed(now);
    else
      this.#selector.set("direct", { socket: outerOf(attempt, outcome.socket), to: outcome.to }, now, outcome.rtt_ms);
  }

  /** Further sockets are closed once nothing is looked for, but for the one that was hit. */
  #sweep(now: number): void {
    if (this.#extraSockets.size === 0 || now < this.#sweepAt()) return;
    const direct = this.#selector.path("direct")?.place ?? "tunnel";
    const sockets = [...this.#extraSockets].filter((one) => direct === "tunnel" || one !== direct.socket);
    for (const socket of sockets) this.#extraSockets.delete(socket);
    this.#extraSocketsInUse = this.#extraSockets.size;
    if (sockets.length > 0) this.#pushEvent({ type: "closable", sockets });
  }

  #sweepAt(): number {
    return this.#attempt === null ? Infinity : this.#attempt.reportedAt + SWEEP_AFTER_MS;
  }

  // --- saying --------------------------------------------------------------------------------------------------

  #collect(now: number): void {
    const attempt = this.#attempt;
    for (const { socket, to, bytes, hops } of attempt?.punch.takeDatagrams() ?? []) {
      const place = { socket: outerOf(attempt!, socket), to };
      if (socket > 0) {
        // What is closed stays closed, though the peer may still ask there.
        if (now >= this.#sweepAt() && !this.#extraSockets.has(place.socket)) continue;
        this.#extraSockets.add(place.socket);
      }
      this.#datagrams.push({ place, bytes, ...(hops === undefined ? {} : { hops }) });
    }
    for (const { place, message } of this.#selector.takeMessages()) {
      this.#datagrams.push({ place, bytes: this.#seal.seal(writeMessage(message), now) });
    }
  }

  #pushEvent(event: ChannelEvent): void {
    if (this.#events.length >= EVENTS_MAX) this.#events.shift();
    this.#events.push(event);
  }
}

const outerOf = ({ socket, base }: Attempt, inner: number): number => (inner === 0 ? socket : base + inner);
