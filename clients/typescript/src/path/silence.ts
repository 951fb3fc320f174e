/** How long the peer was not received at most, in the last seconds: the silence that a change of the path costs. */
import { SILENCE_WINDOW_MS } from "./limits.ts";

export class RecentSilence {
  #lastAt: number | null = null;
  #longest_ms = 0;
  #longestAt = -Infinity;

  /** A datagram of the peer arrived, on any path. */
  record(now: number): void {
    const silence_ms = now - (this.#lastAt ?? now);
    this.#lastAt = now;
    if (silence_ms < this.#longest_ms && now - this.#longestAt <= SILENCE_WINDOW_MS) return;
    this.#longest_ms = silence_ms;
    this.#longestAt = now;
  }

  /** The longest one, the present one included; 0 before the first datagram. */
  longest(now: number): number {
    const present_ms = now - (this.#lastAt ?? now);
    return now - this.#longestAt > SILENCE_WINDOW_MS ? present_ms : Math.max(present_ms, this.#longest_ms);
  }
}
