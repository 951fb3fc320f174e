/** The receiving end of one channel's stream: puts bytes in order and cuts them into messages. */
import * as limits from "../limits.ts";
import { DEFLATED_BIT, LENGTH_BYTES } from "./send-stream.ts";
import type { StreamFrame } from "../packets.ts";

/** A complete message, perhaps deflated. */
export type ReceivedMessage = {
  readonly channel: number;
  readonly bytes: Uint8Array;
  readonly isDeflated: boolean;
  readonly isReliable: boolean;
  /** The bytes that it takes of its channel's window. */
  readonly taken: number;
};

/** The reliable messages of one channel. */
export class ReceiveStream {
  readonly channel: number;
  /** By offset, beyond what is in order. They may overlap each other. */
  readonly #outOfOrder = new Map<number, Uint8Array>();
  /** Bytes in order that are no complete message yet. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #needed = LENGTH_BYTES;
  #head: { length: number; isDeflated: boolean } | null = null;
  /** The end of the bytes in order; of those the game has read; and the limit for the peer. */
  #next = 0;
  #consumed = 0;
  #limit = limits.WINDOW_BYTES;

  constructor(channel: number) {
    this.channel = channel;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Whether the frame is within the window. A peer that respects the announced limit always passes. */
  hasRoomFor({ offset, bytes }: StreamFrame): boolean {
    const isNew = !this.#outOfOrder.has(offset) && offset > this.#next;
    return offset + bytes.length <= this.#limit && (!isNew || this.#outOfOrder.size < limits.GAPS_MAX);
  }

  /** Returns the messages that the frame completes, or null if the stream is invalid. */
  receive({ offset, bytes }: StreamFrame): ReceivedMessage[] | null {
    const messages: ReceivedMessage[] = [];
    if (offset + bytes.length <= this.#next) return messages;
    if (offset > this.#next) {
      // A copy, because the socket owns the datagram.
      if ((this.#outOfOrder.get(offset)?.length ?? 0) < bytes.length)
        this.#outOfOrder.set(offset, Uint8Array.from(bytes));
      return messages;
    }
    if (!this.#append(Uint8Array.from(bytes.subarray(this.#next - offset)), messages)) return null;
    return this.#drainInOrder(messages) ? messages : null;
  }

  /** The game has read so many bytes. Returns true if the new limit should be announced. */
  consume(taken: number): boolean {
    this.#consumed += taken;
    if (this.#consumed + limits.WINDOW_BYTES - this.#limit < limits.WINDOW_STEP_BYTES) return false;
    this.#limit = this.#consumed + limits.WINDOW_BYTES;
    return true;
  }

  /** Appends the ranges that are in order now. */
  #drainInOrder(messages: ReceivedMessage[]): boolean {
    for (let more = true; more && this.#outOfOrder.size > 0;) {
      more = false;
      const exact = this.#outOfOrder.get(this.#next);
      const found: Iterable<[number, Uint8Array]> = exact === undefined ? this.#outOfOrder : [[this.#next, exact]];
      for (const [offset, bytes] of found) {
        if (offset > this.#next) continue;
        this.#outOfOrder.delete(offset);
        if (offset + bytes.length <= this.#next) continue;
        if (!this.#append(bytes.subarray(this.#next - offset), messages)) return false;
        more = true;
        break;
      }
    }
    return true;
  }

  #append(bytes: Uint8Array, messages: ReceivedMessage[]): boolean {
    this.#rest.push(bytes);
    this.#restBytes += bytes.length;
    this.#next += bytes.length;
    while (this.#restBytes >= this.#needed) {
      const all = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest);
      const part = all.subarray(0, this.#needed);
      this.#rest = [all.subarray(this.#needed)];
      this.#restBytes -= this.#needed;
      if (this.#head === null) {
        const word = Buffer.from(part).readUInt32BE();
        const length = word % DEFLATED_BIT;
        if (length > limits.MESSAGE_BYTES_MAX) return false;
        this.#head = { length, isDeflated: word >= DEFLATED_BIT };
        this.#needed = length;
      } else {
        const { length, isDeflated } = this.#head;
        const taken = length + LENGTH_BYTES;
        messages.push({ channel: this.channel, bytes: part, isDeflated, isReliable: true, taken });
        this.#head = null;
        this.#needed = LENGTH_BYTES;
      }
    }
    return true;
  }
}
