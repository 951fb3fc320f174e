/** Round-trip estimation (RFC 6298) and the probe timeout (RFC 9002 section 6.2). */
import { ACK_DELAY_MS, GRANULARITY_MS, PROBE_MS_MAX, RTT_INITIAL_MS, RTT_MIN_SPAN_MS } from "../limits.ts";

export class RttEstimator {
  #smoothed_ms: number;
  #variance_ms: number;
  /** Over the current and the previous span, so that a path that became longer is noticed. */
  #min = { now_ms: Infinity, before_ms: Infinity, since: -Infinity };
  #latest_ms: number;
  #isMeasured = false;

  /** `known_ms`: the path's own estimate, or null. */
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

  /** The recent minimum; Infinity before the first measurement. */
  get min_ms(): number {
    return Math.min(this.#min.now_ms, this.#min.before_ms);
  }

  get isMeasured(): boolean {
    return this.#isMeasured;
  }

  /** `waited_ms`: the delay of the acknowledgement, as the peer states it. */
  measure(sample_ms: number, waited_ms: number, now: number): void {
    const raw = Math.max(sample_ms, 0.01);
    if (now >= this.#min.since + RTT_MIN_SPAN_MS) {
      this.#min = { now_ms: Infinity, before_ms: this.#min.now_ms, since: now };
    }
    this.#min.now_ms = Math.min(this.#min.now_ms, raw);
    // The stated delay must not lower the round trip below its minimum.
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

  /** The time without an acknowledgement after which a probe is sent. It doubles with each unanswered probe. */
  probe_ms(inVain: number): number {
    const wait = this.#smoothed_ms + Math.max(4 * this.#variance_ms, GRANULARITY_MS) + ACK_DELAY_MS;
    return Math.min(wait * 2 ** Math.min(inVain, 10), Math.max(PROBE_MS_MAX, wait));
  }
}
