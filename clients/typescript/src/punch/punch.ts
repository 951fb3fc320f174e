/**
 * The punch: two peers that start at the same instant open a candidate pair between them. Sans I/O: datagrams and the
 * time go in, datagrams and a deadline come out.
 *
 *     A                                                B
 *     | -- probe --> (opens A's NAT for B) x           |     both start; the first may be dropped at the other NAT
 *     |           x (opens B's NAT for A) <-- probe -- |
 *     | -- probe ------------------------------------> |     B answers the source that it saw, and probes it
 *     | <-------------------------- answer, probe ---- |     A's pair is validated; A answers and probes
 *     | -- answer, probe (nominates) ----------------> |     the nominating side chooses a pair; B is done
 *     | <-------------------------- answer (confirms)  |     A is done
 *
 * An answer goes to the source of the probe, never to a stated address. The socket that received is kept and never
 * bound again; the others may be closed. Every datagram is sealed with the pair's key, so third parties are ignored.
 */
import type { Seal } from "../secure/seal.ts";
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";
import { type ProbeFields, type Message, readMessage, elapsedMs, writeMessage } from "./messages.ts";
import { mayReplyTo, type Plan, type Spray, clampSpray, clampPlan } from "./plan.ts";
import { spraySchedule, type ProbeSchedule, createSchedules } from "./schedule.ts";
import { best, type CandidatePair, CandidatePairs } from "./candidate-pairs.ts";

export type PunchSetup = {
  readonly plan: Plan;
  readonly seal: Seal;
  /** From 0 to below 1, unpredictable for the peer. */
  readonly random: () => number;
  /** The start, after `now`. */
  readonly start_in_ms: number;
};

/** A datagram for a local socket: 0 is the observed one, others are opened at their first datagram. */
export type PunchDatagram = {
  readonly socket: number;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  /** The IP TTL, if it is to expire on the way. */
  readonly hops?: number;
};

export type PunchOpened = {
  readonly kind: "opened";
  /** The pair to keep. */
  readonly socket: number;
  readonly to: Endpoint;
  readonly rtt_ms: number;
  /** This client's endpoint as the peer saw it, if the answer had it. */
  readonly seen: Endpoint | null;
  /** Time since the common start. */
  readonly after_ms: number;
};
export type PunchFailed = {
  readonly kind: "given_up";
  /** Nothing was received; the peer received nothing; or the peer did not confirm. */
  readonly why: "nobody_heard" | "one_way" | "not_confirmed";
};
export type PunchOutcome = PunchOpened | PunchFailed;

const NO_DATAGRAMS: readonly PunchDatagram[] = [];

export class Punch {
  /** Counters for the report to the hub. */
  readonly counts = { sent: 0, received: 0, refused: 0 };
  readonly #plan: Plan;
  readonly #seal: Seal;
  readonly #random: () => number;
  readonly #startAt: number;
  readonly #pairs: CandidatePairs;
  #schedules: ProbeSchedule[];
  /** Pairs on which the peer was received, and those with the pairs on which it answered. */
  readonly #receivedOn = new Set<CandidatePair>();
  readonly #live = new Set<CandidatePair>();
  readonly #addresses = new Set<string>();
  #sources = 0;
  #receivedAt = -Infinity;
  #firstReceivedAt = Infinity;
  #validatedAt = Infinity;
  /** The nominated pair, of either side. */
  #chosen: CandidatePair | null = null;
  #chosenAt = Infinity;
  #chosenDue = Infinity;
  #confirmed = false;
  #seen: Endpoint | null = null;
  #outcome: PunchOutcome | null = null;
  #datagrams: PunchDatagram[] = [];

  constructor({ plan, seal, random, start_in_ms }: PunchSetup, now: number) {
    this.#plan = clampPlan(plan);
    this.#seal = seal;
    this.#random = random;
    this.#startAt = now + Math.min(Math.max(0, start_in_ms), limits.START_IN_MS_MAX);
    this.#pairs = new CandidatePairs(random);
    this.#schedules = createSchedules(this.#plan, this.#startAt, random);
    for (const { address } of this.#plan.targets) this.#addresses.add(address);
  }

  /** Null while undecided. An opened pair may still be replaced if the peer nominates another. */
  get outcome(): PunchOutcome | null {
    return this.#outcome;
  }

  /** Handles a sealed datagram. Returns false if it is not the peer's or not of the punch. */
  receive(bytes: Uint8Array, socket: number, source: Endpoint, now: number): boolean {
    const body = this.#seal.open(bytes, now);
    const message = body === null ? null : readMessage(body);
    return message !== null && this.handleMessage(message, socket, source, now);
  }

  /**
   * Handles an opened message, for a caller that shares the socket. Goes on after the outcome: the peer may still
   * probe.
   */
  handleMessage(message: Message, socket: number, source: Endpoint, now: number): boolean {
    if (message.kind === "data") return false;
    const pair = this.#pairFor(socket, source);
    if (pair === undefined) {
      this.counts.refused++;
      return false;
    }
    this.counts.received++;
    this.#receivedAt = now;
    this.#firstReceivedAt = Math.min(this.#firstReceivedAt, now);
    if (!this.#receivedOn.has(pair)) pair.checkDue = now;
    this.#receivedOn.add(pair);
    this.#live.add(pair);
    if (message.kind === "probe") this.#answer(message, pair, now);
    else this.#handleAnswer(message, now);
    return true;
  }

  /** New observations moved the predicted ports of a NAT that counts. */
  revise(spray: Spray, now: number): void {
    const harmless = clampSpray(spray);
    if (harmless === null || this.#outcome !== null) return;
    this.#schedules = this.#schedules.filter(({ searching }) => !searching);
    this.#schedules.push(spraySchedule(harmless, this.#plan.per_s, now, this.#random));
  }

  /** Sends what is due, and decides. */
  wake(now: number): void {
    if (this.#outcome?.kind === "given_up") return;
    if (this.#outcome === null && now >= this.#startAt + this.#plan.give_up_ms) return this.#giveUp();
    if (this.#outcome === null) this.#search(now);
    // The nomination first: it makes another probe needless.
    this.#choose(now);
    this.#check(now);
  }

  /** When to call `wake` next; Infinity for never. */
  deadline(): number {
    if (this.#outcome?.kind === "given_up") return Infinity;
    let due = this.#chosen === null ? this.#chooseAt() : this.#chosenDue;
    for (const { checkDue } of this.#live) due = Math.min(due, checkDue);
    if (this.#outcome !== null) return due;
    const streams = this.#schedules.map((stream) => this.#dueOf(stream));
    return Math.min(...streams, due, this.#startAt + this.#plan.give_up_ms);
  }

  takeDatagrams(): readonly PunchDatagram[] {
    if (this.#datagrams.length === 0) return NO_DATAGRAMS;
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  // --- searching -----------------------------------------------------------------------------------------------

  #search(now: number): void {
    for (const stream of this.#schedules) {
      for (let sent = 0; this.#dueOf(stream) <= now && sent < limits.CATCH_UP_MAX; sent++) {
        const { socket, to, local, hops } = stream.next(now);
        const pair = this.#pairs.add(socket, to, local);
        if (pair !== undefined) this.#probe(pair, now, hops);
      }
    }
  }

  #dueOf(stream: ProbeSchedule): number {
    const due = stream.due();
    return stream.searching ? Math.max(due, this.#receivedAt + limits.SEARCH_PAUSE_MS) : due;
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  /** The pair back to a source. Undefined if it may not be sent to, or if there are too many. */
  #pairFor(socket: number, source: Endpoint): CandidatePair | undefined {
    const known = this.#pairs.find(socket, source);
    if (known !== undefined) return known;
    if (!mayReplyTo(this.#plan, source) || this.#sources >= limits.SOURCES_MAX) return undefined;
    const isFew = this.#addresses.size < this.#plan.targets.length + limits.SOURCE_ADDRESSES_MAX;
    if (!this.#addresses.has(source.address) && !isFew) return undefined;
    this.#sources++;
    this.#addresses.add(source.address);
    return this.#pairs.add(socket, source, false);
  }

  #answer({ pair: number, nonce, time, chosen }: ProbeFields, pair: CandidatePair, now: number): void {
    if (!this.#pairs.consumeBudget(pair)) return;
    this.#send({ kind: "answer", pair: number, nonce, time, chosen, seen: pair.to }, pair, now);
    if (!chosen || this.#plan.nominates) return;
    this.#chosen = pair;
    this.#setOutcome(pair, now);
  }

  #handleAnswer({ pair: number, nonce, time, chosen, seen }: Message & { kind: "answer" }, now: number): void {
    const pair = this.#pairs.byNumber(number);
    if (pair === undefined || pair.nonce !== nonce) {
      this.counts.refused++;
      return;
    }
    this.#pairs.markValidated(pair, elapsedMs(time, now));
    this.#live.add(pair);
    this.#validatedAt = Math.min(this.#validatedAt, now);
    this.#seen = seen ?? this.#seen;
    if (pair !== this.#chosen) return;
    this.#setOutcome(pair, now);
    if (!chosen || !this.#plan.nominates) return;
    this.#confirmed = true;
    this.#chosenDue = Infinity;
  }

  /** Probes each pair on which the peer was received, at least `CHECKS_MIN` times, until it answers. */
  #check(now: number): void {
    for (const pair of this.#live) {
      if (pair.checkDue > now) continue;
      pair.checks++;
      const burst = pair.checks < limits.CHECKS_MIN;
      const isUnanswered = pair.rtt_ms === null && pair.checks < limits.CHECKS_UNANSWERED_MAX;
      pair.checkDue = burst ? now + limits.BURST_MS[1]! : isUnanswered ? now + limits.PROBE_MS : Infinity;
      this.#probe(pair, now);
    }
  }

  // --- nomination ----------------------------------------------------------------------------------------------

  /** When this side may nominate: at the first datagram if there is no choice. */
  #chooseAt(): number {
    if (!this.#plan.nominates) return Infinity;
    if (this.#plan.targets.length <= 1) return this.#firstReceivedAt;
    const isShort = [...this.#live].some(({ rtt_ms }) => rtt_ms !== null && rtt_ms <= limits.GOOD_ENOUGH_MS);
    return isShort ? this.#validatedAt : this.#validatedAt + limits.CHOOSE_AFTER_MS;
  }

  /** Repeats the nomination until it is confirmed. Without a confirmation in time, nominates another pair. */
  #choose(now: number): void {
    if (this.#confirmed || now < this.#chooseAt()) return;
    if (now >= this.#startAt + this.#plan.give_up_ms) {
      this.#chosenDue = Infinity;
      return;
    }
    if (this.#chosen === null || now >= this.#chosenAt + limits.CONFIRM_MS) {
      const others = [...this.#live].filter((pair) => pair !== this.#chosen);
      this.#chosen = best(others) ?? this.#chosen ?? others[0] ?? null;
      this.#chosenAt = this.#chosenDue = now;
    }
    const pair = this.#chosen;
    if (pair === null || now < this.#chosenDue) return;
    this.#setOutcome(pair, now);
    this.#chosenDue = now + limits.PROBE_MS;
    this.#probe(pair, now, undefined, true);
  }

  /** Only a pair that answered: a source can be forged, and no game data may go to a third party. */
  #setOutcome(pair: CandidatePair, now: number): void {
    const { socket, to, rtt_ms } = pair;
    if (this.#outcome?.kind === "given_up" || rtt_ms === null) return;
    const isSame = this.#outcome !== null && this.#outcome.socket === socket && sameEndpoint(this.#outcome.to, to);
    if (isSame) return;
    this.#outcome = { kind: "opened", socket, to, rtt_ms, seen: this.#seen, after_ms: now - this.#startAt };
  }

  #giveUp(): void {
    const proved = [...this.#live].some(({ rtt_ms }) => rtt_ms !== null);
    const why = proved ? "not_confirmed" : this.counts.received > 0 ? "one_way" : "nobody_heard";
    this.#outcome = { kind: "given_up", why };
  }

  // --- sending -------------------------------------------------------------------------------------------------

  #probe(pair: CandidatePair, now: number, hops?: number, chosen = false): void {
    if (!this.#pairs.consumeBudget(pair)) return;
    this.#send({ kind: "probe", pair: pair.number, nonce: pair.nonce, time: now, chosen }, pair, now, hops);
  }

  #send(message: Message, { socket, to }: CandidatePair, now: number, hops?: number): void {
    const body = writeMessage(message);
    const bytes = message.kind === "probe" ? this.#seal.sealNewest(body) : this.#seal.seal(body, now);
    this.counts.sent++;
    this.#datagrams.push({ socket, to, bytes, ...(hops === undefined ? {} : { hops }) });
  }
}
