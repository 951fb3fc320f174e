/**
 * Candidate pairs (RFC 8445 section 6.1.2): a local socket and a remote endpoint, with the state of their checks and
 * the number of datagrams sent.
 */
import { isIPv6 } from "node:net";
import type { Endpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";

export type CandidatePair = {
  /** Identifies the pair in probes. */
  readonly number: number;
  /** Sent with each probe and returned with the answer, so that only the receiver of a probe can answer it. */
  readonly nonce: number;
  /** The local socket; 0 is the one that the sidecars observed. */
  readonly socket: number;
  readonly to: Endpoint;
  readonly local: boolean;
  /** The shortest round trip. Not null once the peer answered: the pair works in both directions. */
  rtt_ms: number | null;
  /** Probes since the first datagram from there. */
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

  /** Returns the existing pair or a new one; undefined if there are too many. */
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

  /** Counts one datagram; false if the budget is spent. An address where the peer answered has no budget. */
  consumeBudget({ to, local }: CandidatePair): boolean {
    if (this.#validatedAddresses.has(to.address)) return true;
    const most = local ? limits.UNANSWERED_LOCAL_MAX : limits.UNANSWERED_MAX;
    const budget = this.#budgets.get(to.address) ?? { sent: 0, most };
    this.#budgets.set(to.address, budget);
    if (budget.sent >= budget.most) return false;
    budget.sent++;
    return true;
  }

  /** The peer answered a probe that was sent on this pair. */
  markValidated(pair: CandidatePair, rtt_ms: number): void {
    pair.rtt_ms = Math.min(pair.rtt_ms ?? Infinity, rtt_ms);
    this.#validatedAddresses.add(pair.to.address);
  }
}

const keyOf = (socket: number, { address, port }: Endpoint): string => `${socket} ${address} ${port}`;

/** The pair with the shortest round trip. Hardly shorter ones do not replace an earlier pair. */
export function best(pairs: readonly CandidatePair[]): CandidatePair | null {
  let chosen: CandidatePair | null = null;
  for (const pair of pairs) {
    if (pair.rtt_ms === null) continue;
    if (chosen === null || cost(pair) < cost(chosen) * (1 - limits.BETTER_SHARE)) chosen = pair;
  }
  return chosen;
}

const cost = ({ rtt_ms, to }: CandidatePair): number =>
  (rtt_ms ?? Infinity) * (isIPv6(to.address) ? 1 - limits.IPV6_BONUS : 1);
