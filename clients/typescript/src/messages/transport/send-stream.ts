/**
 * What waits to be sent to one peer. Reliable messages of a channel are one stream of bytes, each message behind its
 * length (4 bytes, the uppermost bit says that it is deflated), so that order and exactly-once are the stream's.
 * Unreliable messages are cut into pieces that are sent once.
 */
import { WINDOW_BYTES } from "../limits.ts";
import { Ranges } from "./ranges.ts";

export const LENGTH_BYTES = 4;
export const DEFLATED_BIT = 0x8000_0000;

/** Bytes of a stream on their way. */
export type StreamRange = { readonly stream: SendStream; readonly from: number; readonly to: number };

/** One channel's reliable messages. */
export class SendStream {
  readonly channel: number;
  /** Ascending, from the first byte that is not confirmed on. */
  #chunks: { offset: number; bytes: Uint8Array }[] = [];
  readonly #acked = new Ranges();
  readonly #lost = new Ranges();
  /** Confirmed up to here, sent up to there, and the end of what waits. */
  #base = 0;
  #next = 0;
  #end = 0;
  #limit = WINDOW_BYTES;

  constructor(channel: number) {
    this.channel = channel;
  }

  /** Bytes that were not confirmed. */
  get pending(): number {
    return this.#end - this.#base - this.#acked.count;
  }

  /** Of them those that are on their way. */
  get unacked(): number {
    return this.#next - this.#base - this.#acked.count - this.#lost.count;
  }

  /** Whether there is something to send, and room at the other side for it. */
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

  /** The next bytes to send, what was lost first; null where there are none. */
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
      const piece = bytes.subarray(at - offset, to - offset);
      target.set(piece, at - from);
      at += piece.length;
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

  /** The peer has room up to there. */
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
