/**
 * The punch: two peers, told to begin at the same instant, open a way between them. No clock and no socket: datagrams
 * and `now` go in, datagrams and a deadline come out.
 *
 *     A                                                B
 *     | -- probe --> (opens A's NAT for B) x           |     both begin; the first may die at the other's NAT
 *     |           x (opens B's NAT for A) <-- probe -- |
 *     | -- probe ------------------------------------> |     heard: B answers to the source it saw, and probes there
 *     | <-------------------------- answer, probe ---- |     A's way is proved, A is done; A answers, and probes there
 *     | -- answer, probe (chosen) -------------------> |     who chooses says which way it is; B is done
 *     | <-------------------------- answer (chosen) ---- |     A need not say it again
 *
 * Whoever is heard is answered where he was heard, never where he said he would be. Nothing is bound again: the socket
 * that was hit is kept, the others may be closed. All is sealed with the pair's key, so nobody else can be heard.
 */
import { isIPv6 } from "node:net";
import type { Seal } from "../secure/seal.ts";
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";
import { type Echo, type Message, readMessage, since, writeMessage } from "./messages.ts";
import { mayAnswer, type Plan, type Spray, sprayWithinLimits, withinLimits } from "./plan.ts";
import { spraying, type Stream, streamsOf } from "./schedule.ts";
import { type Way, Ways } from "./candidate-pairs.ts";

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
  /** IP's time to live, where it is to die on the way. */
  readonly hops?: number;
};

export type Opened = {
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
export type GivenUp = {
  readonly kind: "given_up";
  /** Nothing came; something came, but nothing of ours arrived; or the other side did not confirm. */
  readonly why: "nobody_heard" | "one_way" | "not_confirmed";
};
export type Outcome = Opened | GivenUp;

export class Punch {
  /** What was sent and heard, for the report to the hub. */
  readonly counts = { sent: 0, heard: 0, refused: 0 };
  readonly #plan: Plan;
  readonly #seal: Seal;
  readonly #random: () => number;
  readonly #startAt: number;
  readonly #ways: Ways;
  #streams: Stream[];
  /** Ways on which the other side was heard, and those with the ones on which it answered. */
  readonly #heard = new Set<Way>();
  readonly #live = new Set<Way>();
  readonly #addresses = new Set<string>();
  #sources = 0;
  #heardAt = -Infinity;
  #firstHeardAt = Infinity;
  #provedAt = Infinity;
  /** Our choice, or what the other side said is its. */
  #chosen: Way | null = null;
  #chosenAt = Infinity;
  #chosenDue = Infinity;
  #confirmed = false;
  #seen: Endpoint | null = null;
  #outcome: Outcome | null = null;
  #datagrams: PunchDatagram[] = [];

  constructor({ plan, seal, random, start_in_ms }: PunchSetup, now: number) {
    this.#plan = withinLimits(plan);
    this.#seal = seal;
    this.#random = random;
    this.#startAt = now + Math.min(Math.max(0, start_in_ms), limits.START_IN_MS_MAX);
    this.#ways = new Ways(random);
    this.#streams = streamsOf(this.#plan, this.#startAt, random);
    for (const { address } of this.#plan.targets) this.#addresses.add(address);
  }

  /** Null until it is decided. An opened way may still be replaced by another one that the other side chose. */
  get outcome(): Outcome | null {
    return this.#outcome;
  }

  /** A datagram of one of our sockets. False where it is not the peer's, or is not the punch's. */
  receive(bytes: Uint8Array, socket: number, source: Endpoint, now: number): boolean {
    const body = this.#seal.open(bytes, now);
    const message = body === null ? null : readMessage(body);
    return message !== null && this.hear(message, socket, source, now);
  }

  /** The same once opened, for who shares the socket with others. Goes on after the outcome: the peer may still ask. */
  hear(message: Message, socket: number, source: Endpoint, now: number): boolean {
    if (message.kind === "data") return false;
    const way = this.#wayFrom(socket, source);
    if (way === undefined) {
      this.counts.refused++;
      return false;
    }
    this.counts.heard++;
    this.#heardAt = now;
    this.#firstHeardAt = Math.min(this.#firstHeardAt, now);
    if (!this.#heard.has(way)) way.checkDue = now;
    this.#heard.add(way);
    this.#live.add(way);
    if (message.kind === "probe") this.#answer(message, way, now);
    else this.#prove(message, now);
    return true;
  }

  /** Fresh samples show where a counting NAT is by now. */
  revise(spray: Spray, now: number): void {
    const harmless = sprayWithinLimits(spray);
    if (harmless === null || this.#outcome !== null) return;
    this.#streams = this.#streams.filter(({ searching }) => !searching);
    this.#streams.push(spraying(harmless, this.#plan.per_s, now, this.#random));
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
    const streams = this.#streams.map((stream) => this.#dueOf(stream));
    return Math.min(...streams, due, this.#startAt + this.#plan.give_up_ms);
  }

  take(): PunchDatagram[] {
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  // --- searching -----------------------------------------------------------------------------------------------

  #search(now: number): void {
    for (const stream of this.#streams) {
      for (let sent = 0; this.#dueOf(stream) <= now && sent < limits.CATCH_UP_MAX; sent++) {
        const { socket, to, local, hops } = stream.next(now);
        const way = this.#ways.add(socket, to, local);
        if (way !== undefined) this.#probe(way, now, hops);
      }
    }
  }

  #dueOf(stream: Stream): number {
    const due = stream.due();
    return stream.searching ? Math.max(due, this.#heardAt + limits.HEARD_PAUSE_MS) : due;
  }

  // --- hearing -------------------------------------------------------------------------------------------------

  /** The way back to a source: any that may be sent to, as long as they are not too many. */
  #wayFrom(socket: number, source: Endpoint): Way | undefined {
    const known = this.#ways.find(socket, source);
    if (known !== undefined) return known;
    if (!mayAnswer(this.#plan, source) || this.#sources >= limits.SOURCES_MAX) return undefined;
    const isFew = this.#addresses.size < this.#plan.targets.length + limits.SOURCE_ADDRESSES_MAX;
    if (!this.#addresses.has(source.address) && !isFew) return undefined;
    this.#sources++;
    this.#addresses.add(source.address);
    return this.#ways.add(socket, source, false);
  }

  #answer({ way: number, proof, time, chosen }: Echo, way: Way, now: number): void {
    if (!this.#ways.spend(way)) return;
    this.#say({ kind: "answer", way: number, proof, time, chosen, seen: way.to }, way, now);
    if (!chosen || this.#plan.nominates) return;
    this.#chosen = way;
    this.#open(way, now);
  }

  #prove({ way: number, proof, time, chosen, seen }: Message & { kind: "answer" }, now: number): void {
    const way = this.#ways.numbered(number);
    if (way === undefined || way.proof !== proof) {
      this.counts.refused++;
      return;
    }
    this.#ways.prove(way, since(time, now));
    this.#live.add(way);
    this.#provedAt = Math.min(this.#provedAt, now);
    this.#seen = seen ?? this.#seen;
    if (way !== this.#chosen) return;
    this.#open(way, now);
    if (!chosen || !this.#plan.nominates) return;
    this.#confirmed = true;
    this.#chosenDue = Infinity;
  }

  /** Who was heard is probed where he was heard, a few times at least, until he answers. */
  #check(now: number): void {
    for (const way of this.#live) {
      if (way.checkDue > now) continue;
      way.checks++;
      const burst = way.checks < limits.CHECKS_MIN;
      const goesOn = way.rtt_ms === null && way.checks < limits.CHECKS_UNANSWERED_MAX;
      way.checkDue = burst ? now + limits.BURST_MS[1]! : goesOn ? now + limits.PROBE_MS : Infinity;
      this.#probe(way, now);
    }
  }

  // --- choosing ------------------------------------------------------------------------------------------------

  /** When the one who chooses may do so: at the first word, where there is nothing to choose from. */
  #chooseAt(): number {
    if (!this.#plan.nominates) return Infinity;
    if (this.#plan.targets.length <= 1) return this.#firstHeardAt;
    const isShort = [...this.#live].some(({ rtt_ms }) => rtt_ms !== null && rtt_ms <= limits.GOOD_ENOUGH_MS);
    return isShort ? this.#provedAt : this.#provedAt + limits.CHOOSE_AFTER_MS;
  }

  /** Says the choice until it is confirmed; one that is not confirmed in time is made anew, if there is another. */
  #choose(now: number): void {
    if (this.#confirmed || now < this.#chooseAt()) return;
    if (now >= this.#startAt + this.#plan.give_up_ms) {
      this.#chosenDue = Infinity;
      return;
    }
    if (this.#chosen === null || now >= this.#chosenAt + limits.CONFIRM_MS) {
      const others = [...this.#live].filter((way) => way !== this.#chosen);
      this.#chosen = best(others) ?? this.#chosen ?? others[0] ?? null;
      this.#chosenAt = this.#chosenDue = now;
    }
    const way = this.#chosen;
    if (way === null || now < this.#chosenDue) return;
    this.#open(way, now);
    this.#chosenDue = now + limits.PROBE_MS;
    this.#probe(way, now, undefined, true);
  }

  /** Only what has answered: a source can be made up, and nothing of the game goes to who is not the peer. */
  #open(way: Way, now: number): void {
    const { socket, to, rtt_ms } = way;
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

  #probe(way: Way, now: number, hops?: number, chosen = false): void {
    if (!this.#ways.spend(way)) return;
    this.#say({ kind: "probe", way: way.number, proof: way.proof, time: now, chosen }, way, now, hops);
  }

  #say(message: Message, { socket, to }: Way, now: number, hops?: number): void {
    const bytes = this.#seal.seal(writeMessage(message), now);
    this.counts.sent++;
    this.#datagrams.push({ socket, to, bytes, ...(hops === undefined ? {} : { hops }) });
  }
}

/** The shortest of those that answered, unless the next is hardly shorter. */
function best(ways: readonly Way[]): Way | null {
  let chosen: Way | null = null;
  for (const way of ways) {
    if (way.rtt_ms === null) continue;
    if (chosen === null || cost(way) < cost(chosen) * (1 - limits.BETTER_SHARE)) chosen = way;
  }
  return chosen;
}

const cost = ({ rtt_ms, to }: Way): number => (rtt_ms ?? Infinity) * (isIPv6(to.address) ? 1 - limits.IPV6_BONUS : 1);
