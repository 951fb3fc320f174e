/**
 * A datagram channel to one peer over whichever path works: it combines the punch, the path selector and the seal. Sans
 * I/O: the caller passes datagrams and the time, and carries out the results:
 *
 *     relay(place)           the relay's endpoint is reachable      takeDatagrams()  datagrams to send
 *     tunnel(open)           a stream can carry datagrams           takeEvents()     data, path changes, requests
 *     punch(plan, ...)       the hub's introduction                 deadline()       when to call wake next
 *     send(payload)          to the peer
 *     receive(bytes, place)  a sealed datagram, and where it arrived
 *
 * The caller numbers its sockets. Extra sockets of a plan are numbered from 65,536 on: open one at its first datagram.
 * `closable` lists those that are no longer needed.
 */
import { type Message, readMessage, writeMessage } from "../punch/messages.ts";
import type { Plan, Spray } from "../punch/plan.ts";
import { type PunchOutcome, Punch } from "../punch/punch.ts";
import type { Endpoint } from "../util/addresses.ts";
import { SOCKETS_MAX } from "../punch/limits.ts";
import type { PairKey, RejectedCounts } from "../secure/seal.ts";
import { Seal } from "../secure/seal.ts";
import { PathSelector } from "./path-selector.ts";
import type { Path, PathKind, PathSelectorEvent, Place } from "./paths.ts";
import { EVENTS_MAX, PAYLOAD_BYTES_MAX, SWEEP_AFTER_MS } from "./limits.ts";

export type ChannelEvent =
  | PathSelectorEvent
  | { readonly type: "data"; readonly payload: Uint8Array }
  /** The outcome of the last punch, for the report to the hub. */
  | { readonly type: "punched"; readonly outcome: PunchOutcome; readonly sent: number }
  | { readonly type: "closable"; readonly sockets: readonly number[] };

export type ChannelDatagram = { readonly place: Place; readonly bytes: Uint8Array; readonly hops?: number };

const EXTRA_SOCKETS_FIRST = 65_536;
/** Most datagrams cause none of the other kind, and then nothing is allocated. */
const NO_DATAGRAMS: readonly ChannelDatagram[] = [];
const NO_EVENTS: readonly ChannelEvent[] = [];

type Attempt = {
  readonly punch: Punch;
  /** The caller's number of the punch's first socket, and the base for its others. */
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
  /** Extra sockets that are open. */
  readonly #extraSockets = new Set<number>();
  /** Those of them in use by a path, and not by the current attempt. */
  #extraSocketsInUse = 0;
  /** A probe or an answer was received since the last `wake`. */
  #isProbed = false;
  #datagrams: ChannelDatagram[] = [];
  #events: ChannelEvent[] = [];

  /** `random`: from 0 to below 1, unpredictable for the peer. */
  constructor(key: PairKey, random: () => number, now: number) {
    this.#seal = new Seal(key);
    this.#selector = new PathSelector(random, now);
    this.#random = random;
  }

  /** The seal's routes: they tell channels on one socket apart. */
  get routes(): readonly number[] {
    return this.#seal.routes;
  }

  get refused(): Readonly<RejectedCounts> {
    return this.#seal.refused;
  }

  path(kind: PathKind): Readonly<Path> | undefined {
    return this.#selector.path(kind);
  }

  /** The path exists and answers as expected. */
  isSound(kind: PathKind, now: number): boolean {
    return this.#selector.isSound(kind, now);
  }

  /** The relay's endpoint from a local socket; null when it ended. */
  relay(place: Place | null, now: number): void {
    this.#selector.set("relay", place, now);
  }

  /** A relay's endpoint that is not entered yet: datagrams from there never show a direct path. */
  rememberRelay(to: Endpoint): void {
    this.#selector.rememberRelay(to);
  }

  /** Asks the peer on this path at once. */
  probe(kind: PathKind, now: number): void {
    const path = this.#selector.path(kind);
    if (path !== undefined) path.probeDue = now;
  }

  /** The peer has been received in the current punch. */
  get isPunchReceived(): boolean {
    return (this.#attempt?.punch.counts.received ?? 0) > 0;
  }

  tunnel(isOpen: boolean, now: number): void {
    this.#selector.set("tunnel", isOpen ? "tunnel" : null, now);
  }

  /** Starts a punch from the observed socket. It replaces the current one. */
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

  /** New observations of a NAT that counts ports. */
  revise(spray: Spray, now: number): void {
    this.#attempt?.punch.revise(spray, now);
  }

  /** The hub knows no plan for a direct path at the moment. */
  punchUnavailable(now: number): void {
    this.#selector.punchUnavailable(now);
  }

  /** A punch failed, or cannot be tried from here at the moment. */
  punchFailed(now: number): void {
    this.#selector.punchFailed(now);
  }

  renew(key: PairKey, now: number): void {
    this.#seal.renew(key, now);
  }

  /** This machine has another address. */
  networkChanged(now: number): void {
    this.#selector.networkChanged(now);
  }

  /** Sends on every path that is needed. Returns false without a path, or if the payload is too long. */
  send(payload: Uint8Array, now: number): boolean {
    const routes = payload.length > PAYLOAD_BYTES_MAX ? [] : this.#selector.routes(now);
    if (routes.length === 0) return false;
    // One sealed datagram for all paths, so that the peer drops the duplicate.
    const bytes = this.#seal.seal(writeMessage({ kind: "data", payload }), now);
    for (const { place, quality } of routes) {
      quality.bytes_sent += payload.length;
      this.#datagrams.push({ place, bytes });
    }
    return true;
  }

  /** Handles a sealed datagram. Returns false if it is not the peer's. */
  receive(bytes: Uint8Array, place: Place, now: number): boolean {
    const body = this.#seal.open(bytes, now);
    if (body === null) return false;
    const message = readMessage(body);
    if (message === null) return true;
    if (message.kind === "data") this.#pushEvent({ type: "data", payload: message.payload });
    else this.#handleControl(message, place, now);
    const mayRoam = this.#attempt === null || this.#attempt.reported !== null;
    const payload = message.kind === "data" ? message.payload : null;
    this.#selector.recordReceived(place, { mayRoam, payload }, now);
    return true;
  }

  wake(now: number): void {
    this.#isProbed = false;
    this.#attempt?.punch.wake(now);
    this.#checkPunch(now);
    this.#selector.wake(now);
    this.#sweep(now);
  }

  /** When to call `wake` next; -Infinity for at once, Infinity for never. Data of the game alone seldom changes it. */
  deadline(): number {
    if (this.#isProbed) return -Infinity;
    const sweep = this.#extraSockets.size > this.#extraSocketsInUse ? this.#sweepAt() : Infinity;
    return Math.min(this.#attempt?.punch.deadline() ?? Infinity, this.#selector.deadline(), sweep);
  }

  takeDatagrams(now: number): readonly ChannelDatagram[] {
    this.#collect(now);
    if (this.#datagrams.length === 0) return NO_DATAGRAMS;
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  takeEvents(): readonly ChannelEvent[] {
    for (const event of this.#selector.takeEvents()) this.#pushEvent(event);
    if (this.#events.length === 0) return NO_EVENTS;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  #handleControl(message: Message, place: Place, now: number): void {
    this.#isProbed = true;
    if (message.kind === "probe") this.#handleProbe(message, place, now);
    else if (message.kind === "answer" && !this.#selector.handleAnswer(message, now))
      this.#handlePunchMessage(message, place, now);
  }

  /** A probe on a socket of the punch is the punch's, even after its outcome: the peer may not have one yet. */
  #handleProbe(message: Message & { kind: "probe" }, place: Place, now: number): void {
    if (!this.#handlePunchMessage(message, place, now)) this.#selector.answerProbe(message, place);
  }

  /** A datagram through the relay or the tunnel is not the punch's. */
  #handlePunchMessage(message: Message, place: Place, now: number): boolean {
    const attempt = this.#attempt;
    if (attempt === null || place === "tunnel" || this.#selector.isRelay(place)) return false;
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

  /** After the outcome, closes the extra sockets except the one of the direct path. */
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

  // --- sending -------------------------------------------------------------------------------------------------

  #collect(now: number): void {
    const attempt = this.#attempt;
    for (const { socket, to, bytes, hops } of attempt?.punch.takeDatagrams() ?? []) {
      const place = { socket: outerOf(attempt!, socket), to };
      if (socket > 0) {
        // A closed socket stays closed, although the peer may still probe it.
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
