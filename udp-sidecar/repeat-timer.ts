/**
 * One timer for the repetitions of all exchanges. A shared timer sends datagrams that are due together in one turn of
 * the event loop.
 */
import type { Exchange } from "./core/exchange.ts";
import type { Clock } from "./time/clock.ts";

export class RepeatTimer {
  readonly #exchanges: () => Iterable<Exchange>;
  readonly #clock: Clock;
  #next: { readonly timer: NodeJS.Timeout; readonly at: number } | null = null;

  constructor(clock: Clock, exchanges: () => Iterable<Exchange>) {
    this.#clock = clock;
    this.#exchanges = exchanges;
  }

  /** Arms the timer for the earliest repetition, unless it already fires by then. */
  schedule(): void {
    let at = Infinity;
    for (const exchange of this.#exchanges()) at = Math.min(at, exchange.nextRepeatAt ?? Infinity);
    if (at === Infinity || (this.#next !== null && this.#next.at <= at)) return;
    this.stop();
    this.#next = { timer: setTimeout(() => this.#fire(), Math.max(0, at - this.#clock.now())), at };
  }

  stop(): void {
    if (this.#next !== null) clearTimeout(this.#next.timer);
    this.#next = null;
  }

  #fire(): void {
    this.#next = null;
    const now = this.#clock.now();
    for (const exchange of this.#exchanges()) exchange.sendRepeats(now);
    this.schedule();
  }
}
