/**
 * Datagrams over the hub's WebSocket, as signals to one member: the last path, where UDP does not get out. They are
 * sealed as everywhere, so the hub carries what it cannot read. It is for words and not for games, so it is slow, has a
 * budget of its own, and loses what exceeds it.
 *
 *     parley: base64 of (length (2) | datagram) ...
 */
import * as limits from "./limits.ts";

const MARK = "parley:";

export class Stream {
  readonly #say: (body: string) => void;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `say` signals to the peer; what becomes of it nobody asks. */
  constructor(say: (body: string) => void) {
    this.#say = say;
  }

  send(bytes: Uint8Array): void {
    if (bytes.length + 2 > limits.STREAM_BYTES_MAX) return;
    this.#queue.push(bytes);
    this.#bytes += bytes.length + 2;
    while (this.#bytes > limits.STREAM_QUEUE_BYTES_MAX) this.#bytes -= this.#queue.shift()!.length + 2;
    // The first leaves with whatever is said in the same breath.
    this.#timer ??= setTimeout(() => this.#flush(), 1);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
  }

  #flush(): void {
    const parts: Uint8Array[] = [];
    for (let room = limits.STREAM_BYTES_MAX; this.#queue.length > 0;) {
      const next = this.#queue[0]!;
      room -= next.length + 2;
      if (room < 0) break;
      this.#queue.shift();
      this.#bytes -= next.length + 2;
      parts.push(Uint8Array.of(next.length >> 8, next.length & 255), next);
    }
    if (parts.length === 0) {
      this.#timer = undefined;
      return;
    }
    this.#say(MARK + Buffer.concat(parts).toString("base64"));
    this.#timer = setTimeout(() => this.#flush(), limits.STREAM_EVERY_MS);
  }
}

/** The datagrams of a signal, or null where it is the game's own word. */
export function datagramsOf(body: unknown): Uint8Array[] | null {
  if (typeof body !== "string" || !body.startsWith(MARK)) return null;
  const bytes = Buffer.from(body.slice(MARK.length), "base64");
  const datagrams: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const length = bytes.readUInt16BE(at);
    if (at + 2 + length > bytes.length) break;
    datagrams.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return datagrams;
}
