/** The round trip as it is measured (RFC 6298), and when to ask again (RFC 9002 section 6.2). */
import { ACK_DELAY_MS, GRANULARITY_MS, PROBE_MS_MAX, RTT_INITIAL_MS, RTT_MIN_SPAN_MS } from "../limits.ts";

export class RttEstimator {
  #smoothed_ms: number;
  #variance_ms: number;
  /** Of this span of time and of the one before: a path that became longer is believed in the end. */
  #min = { now_ms: Infinity, before_ms: Infinity, since: -Infinity };
  #latest_ms: number;
  #isMeasured = false;

  /** What the path knows already, or null. */
  constructor(known_ms: number | null) {
    this.#smoothed_ms = known_ms ?? RTT_INITIAL_MS;
    this.#variance_ms = this.#smoothed_ms / 2;
    this.#latest_ms = this.#smoothed_ms;
  }

  get smoothed_ms(): number {
    return this.#smoothed_ms;
  }

  get latest_ms(): number {
    return this.#latest_ms;
  }

  /** The shortest lately; Infinity before the first. */
  get min_ms(): number {
    return Math.min(this.#min.now_ms, this.#min.before_ms);
  }

  get isMeasured(): boolean {
    return this.#isMeasured;
  }

  /** `waited_ms`: how long the peer says that he kept the confirmation. */
  measure(sample_ms: number, waited_ms: number, now: number): void {
    const raw = Math.max(sample_ms, 0.01);
    if (now >= this.#min.since + RTT_MIN_SPAN_MS) {
      this.#min = { now_ms: Infinity, before_ms: this.#min.now_ms, since: now };
    }
    this.#min.now_ms = Math.min(this.#min.now_ms, raw);
    // He may not make the round trip shorter than it was ever seen.
    const waited = Math.min(waited_ms, ACK_DELAY_MS);
    const sample = raw - waited >= this.min_ms ? raw - waited : raw;
    this.#latest_ms = sample;
    if (!this.#isMeasured) {
      this.#isMeasured = true;
      this.#smoothed_ms = sample;
      this.#variance_ms = sample / 2;
      return;
    }
    this.#variance_ms += (Math.abs(this.#smoothed_ms - sample) - this.#variance_ms) / 4;
    this.#smoothed_ms += (sample - this.#smoothed_ms) / 8;
  }

  /** Without a confirmation for so long the peer is asked; the more often in vain, the later. */
  probe_ms(inVain: number): number {
    const wait = this.#smoothed_ms + Math.max(4 * this.#variance_ms, GRANULARITY_MS) + ACK_DELAY_MS;
    return Math.min(wait * 2 ** Math.min(inVain, 10), Math.max(PROBE_MS_MAX, wait));
  }
}
