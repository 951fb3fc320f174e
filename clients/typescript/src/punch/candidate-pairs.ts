/** Ways to the other side: from one of our sockets to one endpoint. What is known of each, and how much went there. */
import type { Endpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";

export type Way = {
  /** Its number in our probes. */
  readonly number: number;
  /** Goes out with each probe on it and comes back with the answer: who did not get one cannot say that he did. */
  readonly proof: number;
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

export class Ways {
  readonly #byKey = new Map<string, Way>();
  readonly #all: Way[] = [];
  readonly #budgets = new Map<string, { sent: number; most: number }>();
  readonly #proved = new Set<string>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  numbered(number: number): Way | undefined {
    return this.#all[number];
  }

  find(socket: number, to: Endpoint): Way | undefined {
    return this.#byKey.get(keyOf(socket, to));
  }

  /** The way, new or old; undefined where there are too many. */
  add(socket: number, to: Endpoint, local: boolean): Way | undefined {
    const known = this.find(socket, to);
    if (known !== undefined || this.#all.length >= limits.WAYS_MAX) return known;
    const way: Way = {
      number: this.#all.length,
      proof: Math.floor(this.#random() * 2 ** 32),
      socket,
      to: { address: to.address, port: to.port },
      local,
      rtt_ms: null,
      checks: 0,
      checkDue: Infinity,
    };
    this.#all.push(way);
    this.#byKey.set(keyOf(socket, to), way);
    return way;
  }

  /** Whether one more datagram may go there, and counts it. An address where the peer is has no bound of this kind. */
  spend({ to, local }: Way): boolean {
    if (this.#proved.has(to.address)) return true;
    const most = local ? limits.UNANSWERED_LOCAL_MAX : limits.UNANSWERED_MAX;
    const budget = this.#budgets.get(to.address) ?? { sent: 0, most };
    this.#budgets.set(to.address, budget);
    if (budget.sent >= budget.most) return false;
    budget.sent++;
    return true;
  }

  /** The peer got a probe that was sent on this way, and said so. */
  prove(way: Way, rtt_ms: number): void {
    way.rtt_ms = Math.min(way.rtt_ms ?? Infinity, rtt_ms);
    this.#proved.add(way.to.address);
  }
}

const keyOf = (socket: number, { address, port }: Endpoint): string => `${socket} ${address} ${port}`;
