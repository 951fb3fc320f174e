/**
 * Datagrams that are sent and not acknowledged: their contents, and when each counts as lost (RFC 9002 section 6.1).
 */
import { GRANULARITY_MS, REORDERING } from "../limits.ts";
import type { StreamRange } from "./send-stream.ts";
import type { AckFrame } from "../packets.ts";
import type { RttEstimator } from "./rtt.ts";

export type SentDatagram = {
  readonly number: number;
  readonly at: number;
  readonly bytes: number;
  readonly ranges: readonly StreamRange[];
  /** Channels whose window it announced. */
  readonly windows: readonly number[];
  /** It carries only unreliable fragments. */
  readonly isUnreliable: boolean;
};

export class InFlight {
  /** Ascending. */
  readonly #sent = new Map<number, SentDatagram>();
  #bytes = 0;
  #unreliableBytes = 0;
  #largestAcked = -1;

  get bytes(): number {
    return this.#bytes;
  }

  get unreliableBytes(): number {
    return this.#unreliableBytes;
  }

  get isEmpty(): boolean {
    return this.#sent.size === 0;
  }

  get oldest(): SentDatagram | undefined {
    return this.#sent.values().next().value;
  }

  add(sent: SentDatagram): void {
    this.#sent.set(sent.number, sent);
    this.#bytes += sent.bytes;
    if (sent.isUnreliable) this.#unreliableBytes += sent.bytes;
  }

  /** Removes and returns the newly acknowledged datagrams, ascending. */
  acked({ ranges }: AckFrame): SentDatagram[] {
    const acked: SentDatagram[] = [];
    let range = 0;
    for (const sent of this.#sent.values()) {
      while (range < ranges.length && ranges[range]![1] <= sent.number) range++;
      if (range === ranges.length) break;
      if (ranges[range]![0] <= sent.number) acked.push(sent);
    }
    for (const sent of acked) this.#remove(sent);
    this.#largestAcked = Math.max(this.#largestAcked, acked.at(-1)?.number ?? -1);
    return acked;
  }

  /** Removes and returns the datagrams that are lost: a later one was acknowledged, and the loss delay has passed. */
  lost(rtt: RttEstimator, now: number): SentDatagram[] {
    const patience = lossDelay(rtt);
    const lost: SentDatagram[] = [];
    for (const sent of this.#sent.values()) {
      if (sent.number > this.#largestAcked || sent.at + patience > now) break;
      lost.push(sent);
    }
    for (const sent of lost) this.#remove(sent);
    return lost;
  }

  /** When the next datagram counts as lost; Infinity if no later one was acknowledged. */
  lossAt(rtt: RttEstimator): number {
    const { oldest } = this;
    return oldest === undefined || oldest.number > this.#largestAcked ? Infinity : oldest.at + lossDelay(rtt);
  }

  #remove(sent: SentDatagram): void {
    this.#sent.delete(sent.number);
    this.#bytes -= sent.bytes;
    if (sent.isUnreliable) this.#unreliableBytes -= sent.bytes;
  }
}

const lossDelay = ({ smoothed_ms, latest_ms }: RttEstimator): number =>
  Math.max(REORDERING * Math.max(smoothed_ms, latest_ms), GRANULARITY_MS);
