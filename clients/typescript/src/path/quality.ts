/**
 * The quality of one path: round trip, jitter and loss as its probes show them, and the payload bytes of the game that it
 * carried.
 */
import { LOSS_PROBES_MAX, LOSS_PROBES_MIN, RETRY_MS, RETRY_RTTS } from "./limits.ts";

export class PathQuality {
  /** Smoothed as in RFC 6298; null before the first answer. */
  rtt_ms: number | null = null;
  /** Mean deviation of the round trip (RFC 6298). */
  jitter_ms: number | null = null;
  bytes_sent = 0;
  bytes_received = 0;
  /** The last probes, the oldest first. */
  #probes: { readonly at: number; isAnswered: boolean }[] = [];

  constructor(rtt_ms: number | null) {
    if (rtt_ms !== null) this.#measure(rtt_ms);
  }

  recordProbe(now: number): void {
    this.#probes.push({ at: now, isAnswered: false });
    if (this.#probes.length > LOSS_PROBES_MAX) this.#probes.shift();
  }

  recordAnswer(rtt_ms: number, now: number): void {
    this.#measure(rtt_ms);
    // Times in probes are whole milliseconds.
    const probe = this.#probes.find(({ at }) => Math.abs(now - rtt_ms - at) < 1);
    if (probe !== undefined) probe.isAnswered = true;
  }

  /** The share of recent probes without an answer, from 0 to 1: the loss of both directions. Null while too few are known. */
  loss(now: number): number | null {
    const late = now - Math.max(RETRY_MS, RETRY_RTTS * (this.rtt_ms ?? 0));
    const known = this.#probes.filter(({ at, isAnswered }) => isAnswered || at <= late);
    if (known.length < LOSS_PROBES_MIN) return null;
    return known.filter(({ isAnswered }) => !isAnswered).length / known.length;
  }

  #measure(rtt_ms: number): void {
    if (this.rtt_ms === null || this.jitter_ms === null) {
      this.rtt_ms = rtt_ms;
      this.jitter_ms = rtt_ms / 2;
      return;
    }
    this.jitter_ms += (Math.abs(rtt_ms - this.rtt_ms) - this.jitter_ms) / 4;
    this.rtt_ms += (rtt_ms - this.rtt_ms) / 8;
  }
}
