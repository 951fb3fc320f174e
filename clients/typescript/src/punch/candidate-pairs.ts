/** Ways to the other side: from one of our sockets to one endpoint. What is known of each, and how much went there. */
import type { Endpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";

export type CandidatePair = {
  /** Its number in our probes. */
  readonly number: number;
  /** Goes out with each probe on it and comes back with the answer: who did not get one cannot say that he did. */
  readonly nonce: number;
  /** Which of our sockets; 0 is the one that was observed. */
  readonly socket: number;
  readonly to: Endpoint;
  readonly local: boolean;
  /** It answered: both directions are open, and this is the shortest round trip. */
  rtt_ms: number | null;
  /** Probes since it was first heard. */
  checks: number;
  checkDue: number;
};

export class CandidatePairs {
  readonly #byKey = new Map<string, CandidatePair>();
  readonly #all: CandidatePair[] = [];
  readonly #budgets = new Map<string, { sent: number; most: number }>();
  readonly #validatedAddresses = new Set<string>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  byNumber(number: number): CandidatePair | undefined {
    return this.#all[number];
  }

  find(socket: number, to: Endpoint): CandidatePair | undefined {
    return this.#byKey.get(keyOf(socket, to));
  }

  /** The pair, new or old; undefined where there are too many. */
  add(socket: number, to: Endpoint, local: boolean): CandidatePair | undefined {
    const known = this.find(socket, to);
    if (known !== undefined || this.#all.length >= limits.CANDIDATE_PAIRS_MAX) return known;
    const pair: CandidatePair = {
      number: this.#all.length,
      nonce: Math.floor(this.#random() * 2 ** 32),
      socket,
      to: { address: to.address, port: to.port },
      local,
      rtt_ms: null,
      checks: 0,
      checkDue: Infinity,
    };
    this.#all.push(pair);
    this.#byKey.set(keyOf(socket, to), pair);
    return pair;
  }

  /** Whether one more datagram may go there, and counts it. An address where the peer is has no bound of this kind. */
  consumeBudget({ to, local }: CandidatePair): boolean {
    if (this.#validatedAddresses.has(to.address)) return true;
    const most = local ? limits.UNANSWERED_LOCAL_MAX : limits.UNANSWERED_MAX;
    const budget = this.#budgets.get(to.address) ?? { sent: 0, most };
    this.#budgets.set(to.address, budget);
    if (budget.sent >= budget.most) return false;
    budget.sent++;
    return true;
  }

  /** The peer got a probe that was sent on this pair, and said so. */
  markValidated(pair: CandidatePair, rtt_ms: number): void {
    pair.rtt_ms = Math.min(pair.rtt_ms ?? Infinity, rtt_ms);
    this.#validatedAddresses.add(pair.to.address);
  }
}

const keyOf = (socket: number, { address, port }: Endpoint): string => `${socket} ${address} ${port}`;
