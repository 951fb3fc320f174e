/**
 * A timer that follows a deadline. If the deadline moves into the future, the timer stays and fires too early once; that
 * costs less than another timer whenever a datagram moves it.
 */
export class DeadlineTimer {
  readonly #onDue: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at = Infinity;

  /** `onDue` sets the next deadline. */
  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** Calls back at `due` (Infinity: not for this deadline), or earlier. Both times are of `performance.now()`. */
  set(due: number, now: number): void {
    if (due >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = due;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.ceil(due - now)));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }

  #fire(): void {
    this.#at = Infinity;
    this.#onDue();
  }
}
