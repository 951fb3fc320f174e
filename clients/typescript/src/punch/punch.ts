/**
 * The punch: two peers, told to begin at the same instant, open a pair between them. No clock and no socket: datagrams
 * and `now` go in, datagrams and a deadline come out.
 *
 *     A                                                B
 *     | -- probe --> (opens A's NAT for B) x           |     both begin; the first may die at the other's NAT
 *     |           x (opens B's NAT for A) <-- probe -- |
 *     | -- probe ------------------------------------> |     heard: B answers to the source it saw, and probes there
 *     | <-------------------------- answer, probe ---- |     A's pair is proved, A is done; A answers, and probes there
 *     | -- answer, probe (chosen) -------------------> |     who chooses says which pair it is; B is done
 *     | <-------------------------- answer (chosen) ---- |     A need not say it again
 *
 * Whoever is heard is answered where he was heard, never where he said he would be. Nothing is bound again: the socket
 * that was hit is kept, the others may be closed. All is sealed with the pair's key, so nobody else can be heard.
 */
import { isIPv6 } from "node:net";
import type { Seal } from "../secure/seal.ts";
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";
import { type ProbeFields, type Message, readMessage, elapsedMs, writeMessage } from "./messages.ts";
import { mayReplyTo, type Plan, type Spray, clampSpray, clampPlan } from "./plan.ts";
import { spraySchedule, type ProbeSchedule, createSchedules } from "./schedule.ts";
import { type CandidatePair, CandidatePairs } from "./candidate-pairs.ts";

export type PunchSetup = {
  readonly plan: Plan;
  readonly seal: Seal;
  /** From 0 to below 1, and not to be foretold by the peer. */
  readonly random: () => number;
  /** How long after `now` to begin. */
  readonly start_in_ms: number;
};

/** To be sent from that socket: 0 is the one that was observed, others are opened when they first appear. */
export type PunchDatagram = {
  readonly socket: number;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  /** IP's time to live, where it is to die on the pair. */
  readonly hops?: number;
};

export type PunchOpened = {
  readonly kind: "opened";
  /** Keep this one, and send to there. */
  readonly socket: number;
  readonly to: Endpoint;
  readonly rtt_ms: number;
  /** Our own endpoint as the peer saw it, where it said. */
  readonly seen: Endpoint | null;
  /** Since the common start. */
  readonly after_ms: number;
};
export type PunchFailed = {
  readonly kind: "given_up";
  /** Nothing came; something came, but nothing of ours arrived; or the other side did not confirm. */
  readonly why: "nobody_heard" | "one_way" | "not_confirmed";
};
export type PunchOutcome = PunchOpened | PunchFailed;

export class Punch {
  /** What was sent and heard, for the report to the hub. */
  readonly counts = { sent: 0, heard: 0, refused: 0 };
  readonly #plan: Plan;
  readonly #seal: Seal;
  readonly #random: () => number;
  readonly #startAt: number;
  readonly #pairs: CandidatePairs;
  #schedules: ProbeSchedule[];
  /** Ways on which the other side was heard, and those with the ones on which it answered. */
  readonly #receivedOn = new Set<CandidatePair>();
  readonly #live = new Set<CandidatePair>();
  readonly #addresses = new Set<string>();
  #sources = 0;
  #receivedAt = -Infinity;
  #firstReceivedAt = Infinity;
  #validatedAt = Infinity;
  /** Our choice, or what the other side said is its. */
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

  /** Null until it is decided. An opened pair may still be replaced by another one that the other side chose. */
  get outcome(): PunchOutcome | null {
    return this.#outcome;
  }

  /** A datagram of one of our sockets. False where it is not the peer's, or is not the punch's. */
  receive(bytes: Uint8Array, socket: number, source: Endpoint, now: number): boolean {
    const body = this.#seal.open(bytes, now);
    const message = body === null ? null : readMessage(body);
    return message !== null && this.handleMessage(message, socket, source, now);
  }

  /** The same once opened, for who shares the socket with others. Goes on after the outcome: the peer may still ask. */
  handleMessage(message: Message, socket: number, source: Endpoint, now: number): boolean {
    if (message.kind === "data") return false;
    const pair = this.#pairFor(socket, source);
    if (pair === undefined) {
      this.counts.refused++;
      return false;
    }
    this.counts.heard++;
    this.#receivedAt = now;
    this.#firstReceivedAt = Math.min(this.#firstReceivedAt, now);
    if (!this.#receivedOn.has(pair)) pair.checkDue = now;
    this.#receivedOn.add(pair);
    this.#live.add(pair);
    if (message.kind === "probe") this.#answer(message, pair, now);
    else this.#handleAnswer(message, now);
    return true;
  }

  /** Fresh samples show where a counting NAT is by now. */
  revise(spray: Spray, now: number): void {
    const harmless = clampSpray(spray);
    if (harmless === null || this.#outcome !== null) return;
    this.#schedules = this.#schedules.filter(({ searching }) => !searching);
    this.#schedules.push(spraySchedule(harmless, this.#plan.per_s, now, this.#random));
  }

  /** Says what is due, and decides. */
  wake(now: number): void {
    if (this.#outcome?.kind === "given_up") return;
    if (this.#outcome === null && now >= this.#startAt + this.#plan.give_up_ms) return this.#giveUp();
    if (this.#outcome === null) this.#search(now);
    // The choice first: where it is said, no other probe is needed.
    this.#choose(now);
    this.#check(now);
  }

  /** When to wake it next; Infinity for never. */
  deadline(): number {
    if (this.#outcome?.kind === "given_up") return Infinity;
    const checks = [...this.#live].map(({ checkDue }) => checkDue);
    const due = Math.min(...checks, this.#chosen === null ? this.#chooseAt() : this.#chosenDue);
    if (this.#outcome !== null) return due;
    const streams = this.#schedules.map((stream) => this.#dueOf(stream));
    return Math.min(...streams, due, this.#startAt + this.#plan.give_up_ms);
  }

  takeDatagrams(): PunchDatagram[] {
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

  // --- hearing -------------------------------------------------------------------------------------------------

  /** The pair back to a source: any that may be sent to, as long as they are not too many. */
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

  /** Who was heard is probed where he was heard, a few times at least, until he answers. */
  #check(now: number): void {
    for (const pair of this.#live) {
      if (pair.checkDue > now) continue;
      pair.checks++;
      const burst = pair.checks < limits.CHECKS_MIN;
      const goesOn = pair.rtt_ms === null && pair.checks < limits.CHECKS_UNANSWERED_MAX;
      pair.checkDue = burst ? now + limits.BURST_MS[1]! : goesOn ? now + limits.PROBE_MS : Infinity;
      this.#probe(pair, now);
    }
  }

  // --- choosing ------------------------------------------------------------------------------------------------

  /** When the one who chooses may do so: at the first word, where there is nothing to choose from. */
  #chooseAt(): number {
    if (!this.#plan.nominates) return Infinity;
    if (this.#plan.targets.length <= 1) return this.#firstReceivedAt;
    const isShort = [...this.#live].some(({ rtt_ms }) => rtt_ms !== null && rtt_ms <= limits.GOOD_ENOUGH_MS);
    return isShort ? this.#validatedAt : this.#validatedAt + limits.CHOOSE_AFTER_MS;
  }

  /** Says the choice until it is confirmed; one that is not confirmed in time is made anew, if there is another. */
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

  /** Only what has answered: a source can be made up, and nothing of the game goes to who is not the peer. */
  #setOutcome(pair: CandidatePair, now: number): void {
    const { socket, to, rtt_ms } = pair;
    if (this.#outcome?.kind === "given_up" || rtt_ms === null) return;
    const isSame = this.#outcome !== null && this.#outcome.socket === socket && sameEndpoint(this.#outcome.to, to);
    if (isSame) return;
    this.#outcome = { kind: "opened", socket, to, rtt_ms, seen: this.#seen, after_ms: now - this.#startAt };
  }

  #giveUp(): void {
    const proved = [...this.#live].some(({ rtt_ms }) => rtt_ms !== null);
    const why = proved ? "not_confirmed" : this.counts.heard > 0 ? "one_way" : "nobody_heard";
    this.#outcome = { kind: "given_up", why };
  }

  // --- saying --------------------------------------------------------------------------------------------------

  #probe(pair: CandidatePair, now: number, hops?: number, chosen = false): void {
    if (!this.#pairs.consumeBudget(pair)) return;
    this.#send({ kind: "probe", pair: pair.number, nonce: pair.nonce, time: now, chosen }, pair, now, hops);
  }

  #send(message: Message, { socket, to }: CandidatePair, now: number, hops?: number): void {
    const bytes = this.#seal.seal(writeMessage(message), now);
    this.counts.sent++;
    this.#datagrams.push({ socket, to, bytes, ...(hops === undefined ? {} : { hops }) });
  }
}

/** The shortest of those that answered, unless the next is hardly shorter. */
function best(pairs: readonly CandidatePair[]): CandidatePair | null {
  let chosen: CandidatePair | null = null;
  for (const pair of pairs) {
    if (pair.rtt_ms === null) continue;
    if (chosen === null || cost(pair) < cost(chosen) * (1 - limits.BETTER_SHARE)) chosen = pair;
  }
  return chosen;
}

const cost = ({ rtt_ms, to }: CandidatePair): number =>
  (rtt_ms ?? Infinity) * (isIPv6(to.address) ? 1 - limits.IPV6_BONUS : 1);
