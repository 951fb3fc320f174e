/**
 * Everything that waits to be sent to one peer: a stream per reliable channel, and the fragments of unreliable messages.
 * It fills datagrams; the transport decides when one may leave.
 */
import { type DataWriter, FRAGMENT_HEADER_BYTES, STREAM_HEADER_BYTES } from "../packets.ts";
import { Fragments } from "./fragments.ts";
import { SendStream, type StreamRange } from "./send-stream.ts";

export class SendQueue {
  readonly #streams = new Map<number, SendStream>();
  readonly #fragments = new Fragments();
  /** The number of streams served so far, for the round robin. */
  #turn = 0;

  /** On at most `CHANNELS_MAX` channels. */
  pushReliable(channel: number, bytes: Uint8Array, isDeflated: boolean): void {
    let stream = this.#streams.get(channel);
    if (stream === undefined) this.#streams.set(channel, (stream = new SendStream(channel)));
    stream.push(bytes, isDeflated);
  }

  pushUnreliable(channel: number, bytes: Uint8Array, flags: number, fragment_bytes_max: number): void {
    this.#fragments.push(channel, bytes, flags, fragment_bytes_max);
  }

  /** Bytes that are queued or unacknowledged. */
  get pending(): number {
    return this.pendingReliable + this.#fragments.bytes;
  }

  get pendingReliable(): number {
    let sum = 0;
    for (const stream of this.#streams.values()) sum += stream.pending;
    return sum;
  }

  get unacked(): number {
    let sum = 0;
    for (const stream of this.#streams.values()) sum += stream.unacked;
    return sum;
  }

  get unreliableBytes(): number {
    return this.#fragments.bytes;
  }

  get hasFragments(): boolean {
    return this.#fragments.next !== undefined;
  }

  /** A stream has bytes to send, and the peer has room for them. */
  get hasStreamBytes(): boolean {
    for (const stream of this.#streams.values()) if (stream.isReady) return true;
    return false;
  }

  /** The peer raised the limit of a channel. */
  widen(channel: number, limit: number): void {
    this.#streams.get(channel)?.widen(limit);
  }

  /** Returns the number of fragments written. */
  writeFragments(out: DataWriter): number {
    let written = 0;
    for (let fragment = this.#fragments.next; fragment !== undefined; fragment = this.#fragments.next) {
      if (out.room < FRAGMENT_HEADER_BYTES + fragment.bytes.length) break;
      out.fragment(fragment);
      this.#fragments.shift();
      written++;
    }
    return written;
  }

  /** The channels take turns, one range each. */
  writeStreams(out: DataWriter): StreamRange[] {
    const streams = [...this.#streams.values()];
    const ranges: StreamRange[] = [];
    for (let idle = 0; idle < streams.length && out.room > STREAM_HEADER_BYTES;) {
      const stream = streams[this.#turn++ % streams.length]!;
      const range = stream.next(out.room - STREAM_HEADER_BYTES);
      if (range === null) {
        idle++;
        continue;
      }
      idle = 0;
      out.bytes(stream.channel, range.from, range.to - range.from, (target) => stream.copy(range, target));
      ranges.push(range);
    }
    return ranges;
  }
}
