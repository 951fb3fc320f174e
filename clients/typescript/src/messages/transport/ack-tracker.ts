/** Which datagrams were received, and when to acknowledge them (RFC 9000 section 13.2). */
import * as limits from "../limits.ts";
import type { DataWriter } from "../packets.ts";
import { Ranges } from "./ranges.ts";

export class AckTracker {
  readonly #received = new Ranges();
  /** Every number below it counts as received. */
  #floor = 0;
  #largestReceivedAt = 0;
  #due = Infinity;
  #owed = 0;
  #count = 0;

  /** When the next acknowledgement is due; Infinity: none. */
  get due(): number {
    return this.#due;
  }

  /** Acknowledgements that a datagram can carry although they are not due yet. */
  get isOwed(): boolean {
    return this.#received.size > 0 && this.#owed > 0;
  }

  get isEmpty(): boolean {
    return this.#received.size === 0;
  }

  get count(): number {
    return this.#count;
  }

  /** The share of the peer's datagrams that arrived; 1 before the first. */
  get quality(): number {
    const span = this.isEmpty ? 0 : this.#received.all.at(-1)![1];
    return span === 0 ? 1 : Math.min(1, this.#count / span);
  }

  isDuplicate(number: number): boolean {
    return number < this.#floor || this.#received.has(number);
  }

  /** Acknowledges at once: the peer repeated a datagram, so it missed the acknowledgement. */
  acknowledgeNow(now: number): void {
    this.#due = Math.min(this.#due, now);
  }

  record(number: number, isEliciting: boolean, now: number): void {
    const next = this.#received.all.at(-1)?.[1] ?? 0;
    this.#count++;
    this.#received.add(number, number + 1);
    if (this.#received.size > limits.RANGES_MAX) this.#floor = this.#received.keep(limits.RANGES_MAX);
    if (number >= next) this.#largestReceivedAt = now;
    if (!isEliciting) return;
    this.#owed++;
    const isInOrder = number === next;
    const isDue = this.#owed >= limits.ACK_EVERY || !isInOrder;
    this.#due = Math.min(this.#due, isDue ? now : now + limits.ACK_DELAY_MS);
  }

  write(out: DataWriter, now: number): void {
    out.ack(this.#received.all, now - this.#largestReceivedAt, limits.ACK_RANGES_MAX);
    this.#due = Infinity;
    this.#owed = 0;
  }
}
