/** Unreliable messages whose fragments have not all arrived (compare IP reassembly, RFC 791 section 3.2). */
import * as limits from "../limits.ts";
import { DEFLATED, type FragmentFrame } from "../packets.ts";
import type { ReceivedMessage } from "./receive-stream.ts";

type PartialMessage = { fragments: Map<number, Uint8Array>; count: number; bytes: number; until: number };

/** Bounded in messages, bytes and time. */
export class Reassembly {
  readonly #partials = new Map<number, PartialMessage>();
  #bytes = 0;

  /** Returns the message that the fragment completes, or null. */
  receive(fragment: FragmentFrame, now: number): ReceivedMessage | null {
    const { channel, message, index, count, flags } = fragment;
    const arrived = { channel, isDeflated: (flags & DEFLATED) !== 0, isReliable: false, taken: 0 };
    if (count === 1) return { ...arrived, bytes: Uint8Array.from(fragment.bytes) };
    for (const [number, { until }] of this.#partials) if (until <= now) this.#drop(number);
    const partial = this.#partials.get(message) ?? this.#begin(message, count, now);
    if (partial === null || partial.count !== count || partial.fragments.has(index)) return null;
    partial.fragments.set(index, Uint8Array.from(fragment.bytes));
    partial.bytes += fragment.bytes.length;
    this.#bytes += fragment.bytes.length;
    if (partial.bytes > limits.MESSAGE_BYTES_MAX) this.#drop(message);
    else if (partial.fragments.size === count) {
      this.#drop(message);
      return { ...arrived, bytes: Buffer.concat(Array.from({ length: count }, (_, at) => partial.fragments.get(at)!)) };
    }
    while (this.#bytes > limits.REASSEMBLY_BYTES_MAX) this.#dropOldest();
    return null;
  }

  #begin(message: number, count: number, now: number): PartialMessage | null {
    if (count > limits.MESSAGE_BYTES_MAX / limits.FRAGMENT_BYTES_MIN) return null;
    if (this.#partials.size >= limits.REASSEMBLY_MESSAGES_MAX) this.#dropOldest();
    const partial = {
      fragments: new Map<number, Uint8Array>(),
      count,
      bytes: 0,
      until: now + limits.REASSEMBLY_TIMEOUT_MS,
    };
    this.#partials.set(message, partial);
    return partial;
  }

  #dropOldest(): void {
    const [oldest] = this.#partials.keys();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(message: number): void {
    this.#bytes -= this.#partials.get(message)?.bytes ?? 0;
    this.#partials.delete(message);
  }
}
