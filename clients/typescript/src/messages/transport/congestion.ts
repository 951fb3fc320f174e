/**
 * Congestion control and pacing. The window grows as in NewReno (RFC 9002 section 7). A loss sets it to the recent
 * delivery rate times the shortest round trip, as in Westwood+ (Mascolo et al., 2001): after a queue overflow that is
 * the path without its queue, and after a radio loss nearly the whole window. It never keeps less than NewReno. Slow
 * start also ends when the round trip grows (RFC 9406).
 */
import * as limits from "../limits.ts";

export class Congestion {
  readonly #mtu: number;
  #window: number;
  #threshold = Infinity;
  /** Losses of datagrams sent before this time belong to one event. */
  #recoverySince = -Infinity;
  #round = { since: 0, acked: 0, sentAfter: -Infinity, rtt_min: Infinity };
  readonly #rates: number[] = [];
  #tokens: number;
  #tokensAt: number;

  constructor(mtu: number, now: number) {
    this.#mtu = mtu;
    this.#window = limits.CWND_INITIAL * mtu;
    this.#tokens = limits.BURST * mtu;
    this.#tokensAt = now;
    this.#round.since = now;
  }

  /** In bytes. */
  get window(): number {
    return this.#window;
  }

  /** Bytes per millisecond. */
  rate(rtt_ms: number): number {
    const gain = this.#window < this.#threshold ? limits.PACING_GAIN_START : limits.PACING_GAIN;
    return (gain * this.#window) / Math.max(rtt_ms, limits.GRANULARITY_MS);
  }

  // --- pacing --------------------------------------------------------------------------------------------------

  /** Bytes that may leave now; negative after an excess. */
  budget(rtt_ms: number, now: number): number {
    const made = (now - this.#tokensAt) * this.rate(rtt_ms);
    const most = Math.max(limits.BURST * this.#mtu, 2 * this.rate(rtt_ms));
    this.#tokens = Math.min(this.#tokens + made, most);
    this.#tokensAt = now;
    return this.#tokens;
  }

  spend(bytes: number): void {
    this.#tokens -= bytes;
  }

  /** When the budget allows another datagram. */
  readyAt(rtt_ms: number): number {
    return this.#tokensAt + Math.max(0, (this.#mtu - this.#tokens) / this.rate(rtt_ms));
  }

  // --- the window ----------------------------------------------------------------------------------------------

  /** A datagram was acknowledged. `isFull`: the window limited sending. */
  acked(sent: { at: number; bytes: number }, rtt: { latest_ms: number; min_ms: number }, isFull: boolean, now: number) {
    this.#round.acked += sent.bytes;
    this.#round.rtt_min = Math.min(this.#round.rtt_min, rtt.latest_ms);
    if (sent.at >= this.#round.sentAfter) this.#endRound(rtt.min_ms, now);
    if (!isFull) return;
    const grown = this.#window < this.#threshold ? sent.bytes : (this.#mtu * sent.bytes) / this.#window;
    this.#window = Math.min(this.#window + grown, limits.CWND_MAX * this.#mtu);
  }

  /** A datagram was lost. `isBusy`: enough was in flight that this sender may be the cause. */
  lost(sent: { at: number }, rtt_min_ms: number, isBusy: boolean, now: number): void {
    if (sent.at <= this.#recoverySince || !isBusy) return;
    this.#recoverySince = now;
    const delivered = Math.max(0, ...this.#rates) * (Number.isFinite(rtt_min_ms) ? rtt_min_ms : 0);
    const kept = Math.min(this.#window, Math.max(delivered, limits.KEEP_MIN * this.#window));
    this.#window = Math.max(kept, limits.CWND_MIN * this.#mtu);
    this.#threshold = this.#window;
  }

  /** Several probes were unanswered, so everything known of the path is void. */
  collapse(now: number): void {
    this.#threshold = Math.max(this.#window / 2, limits.CWND_MIN * this.#mtu);
    this.#window = limits.CWND_MIN * this.#mtu;
    this.#recoverySince = now;
    this.#rates.length = 0;
  }

  #endRound(rtt_min_ms: number, now: number): void {
    const { since, acked, rtt_min } = this.#round;
    const took = now - since;
    if (took > 0) this.#rates.push(acked / took);
    if (this.#rates.length > limits.RATE_ROUNDS) this.#rates.shift();
    const grown = Math.min(Math.max(rtt_min_ms / 8, limits.HYSTART_MS_MIN), limits.HYSTART_MS_MAX);
    if (this.#window < this.#threshold && rtt_min > rtt_min_ms + grown) this.#threshold = this.#window;
    this.#round = { since: now, acked: 0, sentAfter: now, rtt_min: Infinity };
  }
}
