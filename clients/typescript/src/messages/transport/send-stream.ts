/**
 * The sending end of one channel's stream. Each message follows its length (4 bytes; the highest bit: deflated), so
 * that the stream provides order and exactly-once delivery.
 */
import { WINDOW_BYTES } from "../limits.ts";
import { Ranges } from "./ranges.ts";

export const LENGTH_BYTES = 4;
export const DEFLATED_BIT = 0x8000_0000;

/** A range of a stream's bytes in a datagram. */
export type StreamRange = { readonly stream: SendStream; readonly from: number; readonly to: number };

/** The reliable messages of one channel. */
export class SendStream {
  readonly channel: number;
  /** Ascending, from the first unacknowledged byte on. */
  #chunks: { offset: number; bytes: Uint8Array }[] = [];
  readonly #acked = new Ranges();
  readonly #lost = new Ranges();
  /** Acknowledged up to here, sent up to there, and the end of the queue. */
  #base = 0;
  #next = 0;
  #end = 0;
  #limit = WINDOW_BYTES;

  constructor(channel: number) {
    this.channel = channel;
  }

  /** Unacknowledged bytes. */
  get pending(): number {
    return this.#end - this.#base - this.#acked.count;
  }

  /** Those of them in flight. */
  get unacked(): number {
    return this.#next - this.#base - this.#acked.count - this.#lost.count;
  }

  /** There are bytes to send, and the peer has room. */
  get isReady(): boolean {
    return this.#lost.size > 0 || this.#next < Math.min(this.#end, this.#limit);
  }

  push(bytes: Uint8Array, isDeflated: boolean): void {
    const head = Buffer.alloc(LENGTH_BYTES);
    head.writeUInt32BE(bytes.length + (isDeflated ? DEFLATED_BIT : 0));
    for (const part of bytes.length > 0 ? [head, bytes] : [head]) {
      this.#chunks.push({ offset: this.#end, bytes: part });
      this.#end += part.length;
    }
  }

  /** The next range to send, lost bytes first; null if there is none. */
  next(bytes_max: number): StreamRange | null {
    const lost = this.#lost.first;
    if (lost !== undefined) {
      const to = Math.min(lost[1], lost[0] + bytes_max);
      this.#lost.subtract(lost[0], to);
      return { stream: this, from: lost[0], to };
    }
    const from = this.#next;
    const to = Math.min(from + bytes_max, this.#end, this.#limit);
    if (to <= from) return null;
    this.#next = to;
    return { stream: this, from, to };
  }

  copy({ from, to }: StreamRange, target: Uint8Array): void {
    let index = this.#chunkAt(from);
    for (let at = from; at < to; index++) {
      const { offset, bytes } = this.#chunks[index]!;
      const fragment = bytes.subarray(at - offset, to - offset);
      target.set(fragment, at - from);
      at += fragment.length;
    }
  }

  acked({ from, to }: StreamRange): void {
    this.#lost.subtract(from, to);
    this.#acked.add(Math.max(from, this.#base), to);
    const first = this.#acked.first;
    if (first === undefined || first[0] > this.#base) return;
    this.#base = first[1];
    this.#acked.subtract(0, this.#base);
    let done = 0;
    while (done < this.#chunks.length && this.#chunks[done]!.offset + this.#chunks[done]!.bytes.length <= this.#base)
      done++;
    if (done > 0) this.#chunks = this.#chunks.slice(done);
  }

  lost({ from, to }: StreamRange): void {
    if (to <= this.#base) return;
    this.#lost.add(Math.max(from, this.#base), to);
    for (const [low, high] of this.#acked.all) this.#lost.subtract(low, high);
  }

  /** The peer announced this limit. */
  widen(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
  }

  #chunkAt(offset: number): number {
    let [low, high] = [0, this.#chunks.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]!.offset <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}
