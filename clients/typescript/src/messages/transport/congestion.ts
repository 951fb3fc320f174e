/**
 * How much may be on its way, and how fast it leaves. It grows as NewReno's does (RFC 9002 section 7); at a loss it falls
 * to what was delivered lately in the shortest round trip, which is Westwood+'s rule (Mascolo et al., 2001): where a
 * queue ran over, that is the path without the queue; where a radio lost a datagram, it is nearly all that there was. It
 * never keeps less than NewReno would. Slow start also ends when the round trip grows (RFC 9406).
 */
import * as limits from "../limits.ts";

export class Congestion {
  readonly #mtu: number;
  #window: number;
  #threshold = Infinity;
  /** Losses of what was sent before are of one event. */
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

  /** Bytes. */
  get window(): number {
    return this.#window;
  }

  /** Bytes a millisecond. */
  rate(rtt_ms: number): number {
    const gain = this.#window < this.#threshold ? limits.PACING_GAIN_START : limits.PACING_GAIN;
    return (gain * this.#window) / Math.max(rtt_ms, limits.GRANULARITY_MS);
  }

  // --- pacing --------------------------------------------------------------------------------------------------

  /** Bytes that may leave now; below 0 where more did. */
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

  /** When there is something to spend again. */
  readyAt(rtt_ms: number): number {
    return this.#tokensAt + Math.max(0, (this.#mtu - this.#tokens) / this.rate(rtt_ms));
  }

  // --- the window ----------------------------------------------------------------------------------------------

  /** Confirmed. `isFull`: the window was what kept more from being sent. */
  acked(sent: { at: number; bytes: number }, rtt: { latest_ms: number; min_ms: number }, isFull: boolean, now: number) {
    this.#round.acked += sent.bytes;
    this.#round.rtt_min = Math.min(this.#round.rtt_min, rtt.latest_ms);
    if (sent.at >= this.#round.sentAfter) this.#endRound(rtt.min_ms, now);
    if (!isFull) return;
    const grown = this.#window < this.#threshold ? sent.bytes : (this.#mtu * sent.bytes) / this.#window;
    this.#window = Math.min(this.#window + grown, limits.CWND_MAX * this.#mtu);
  }

  /** Lost. `isBusy`: so much was on its way that the loss may be of our making. */
  lost(sent: { at: number }, rtt_min_ms: number, isBusy: boolean, now: number): void {
    if (sent.at <= this.#recoverySince || !isBusy) return;
    this.#recoverySince = now;
    const delivered = Math.max(0, ...this.#rates) * (Number.isFinite(rtt_min_ms) ? rtt_min_ms : 0);
    const kept = Math.min(this.#window, Math.max(delivered, limits.KEEP_MIN * this.#window));
    this.#window = Math.max(kept, limits.CWND_MIN * this.#mtu);
    this.#threshold = this.#window;
  }

  /** Nothing was heard for several probes: whatever was known of the path is void. */
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
