/**
 * The replay window: which counters were received, up to `REPLAY_WINDOW` behind the highest (RFC 6479 without its gap).
 */
import { REPLAY_WINDOW } from "./limits.ts";

const WORD_BITS = 32;

export class ReplayWindow {
  readonly #bits = new Uint32Array(REPLAY_WINDOW / WORD_BITS);
  #highest = -1;

  /** The full counter with these lower 32 bits that is nearest to the next expected one. */
  widen(low: number): number {
    const next = this.#highest + 1;
    const guess = next - (next % 2 ** 32) + low;
    if (guess > next + 2 ** 31) return Math.max(low, guess - 2 ** 32);
    return guess < next - 2 ** 31 ? guess + 2 ** 32 : guess;
  }

  isNew(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - REPLAY_WINDOW) return false;
    return (this.#word(counter) & this.#bit(counter)) === 0;
  }

  /** Call it only for an authentic datagram: a forged one must not move the window. */
  record(counter: number): void {
    const cleared = Math.min(counter - this.#highest, REPLAY_WINDOW);
    for (let one = 0; one < cleared; one++) this.#set(counter - one, false);
    this.#highest = Math.max(this.#highest, counter);
    this.#set(counter, true);
  }

  #set(counter: number, seen: boolean): void {
    const word = this.#word(counter);
    this.#bits[this.#at(counter)] = seen ? word | this.#bit(counter) : word & ~this.#bit(counter);
  }

  #word(counter: number): number {
    return this.#bits[this.#at(counter)] ?? 0;
  }

  #at(counter: number): number {
    return Math.floor((((counter % REPLAY_WINDOW) + REPLAY_WINDOW) % REPLAY_WINDOW) / WORD_BITS);
  }

  #bit(counter: number): number {
    return 1 << (((counter % WORD_BITS) + WORD_BITS) % WORD_BITS);
  }
}
