/** Unreliable messages that wait to be sent, cut into fragments of at most one datagram. Each fragment is sent once. */
import type { FragmentFrame } from "../packets.ts";

/** First in, first out. */
export class Fragments {
  #waiting: Omit<FragmentFrame, "type">[] = [];
  #message = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get next(): Omit<FragmentFrame, "type"> | undefined {
    return this.#waiting[0];
  }

  push(channel: number, bytes: Uint8Array, flags: number, fragment_bytes_max: number): void {
    const message = this.#message++ % 2 ** 32;
    const count = Math.max(1, Math.ceil(bytes.length / fragment_bytes_max));
    for (let index = 0; index < count; index++) {
      const part = bytes.subarray(index * fragment_bytes_max, (index + 1) * fragment_bytes_max);
      this.#waiting.push({ channel, message, flags, index, count, bytes: part });
    }
    this.#bytes += bytes.length;
  }

  shift(): void {
    this.#bytes -= this.#waiting.shift()?.bytes.length ?? 0;
  }
}
