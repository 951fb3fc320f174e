/**
 * Measures the messages in one direction of a WebSocket (RFC 6455 section 5.2) without storing them: a message is refused
 * as soon as the header of a frame says that it is too long.
 */
const HEADER_BYTES_MAX = 14;
const FIN = 0x80;
const MASKED = 0x80;
const LENGTH = 0x7f;
const CONTROL = 0x08;

export class FrameMeter {
  readonly #bytes_max: number;
  readonly #header = Buffer.alloc(HEADER_BYTES_MAX);
  #header_bytes = 0;
  /** Bytes of the current frame that are still to come. */
  #payload_bytes = 0;
  /** Bytes of the current message, whose frames may have control frames between them. */
  #message_bytes = 0;
  #isMessageOpen = false;
  #completed = 0;

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /** How many messages and control frames are complete. */
  get completed(): number {
    return this.#completed;
  }

  /** Whether a message or a frame has begun and is not complete. */
  get isIncomplete(): boolean {
    return this.#isMessageOpen || this.#header_bytes > 0 || this.#payload_bytes > 0;
  }

  /** False if a message is longer than allowed. Then nothing more may be passed. */
  push(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#payload_bytes > 0) {
        const skipped = Math.min(this.#payload_bytes, chunk.length - at);
        this.#payload_bytes -= skipped;
        at += skipped;
        if (!this.isIncomplete) this.#completed++;
        continue;
      }
      this.#header[this.#header_bytes++] = chunk[at++]!;
      if (this.#header_bytes < headerBytes(this.#header, this.#header_bytes)) continue;
      if (!this.#begin()) return false;
      if (!this.isIncomplete) this.#completed++;
    }
    return true;
  }

  #begin(): boolean {
    const [first, second] = [this.#header[0]!, this.#header[1]!];
    const payload_bytes = payloadBytes(this.#header, second & LENGTH);
    this.#header_bytes = 0;
    this.#payload_bytes = payload_bytes;
    if ((first & CONTROL) !== 0) return payload_bytes < 126;
    this.#message_bytes += payload_bytes;
    if (this.#message_bytes > this.#bytes_max) return false;
    this.#isMessageOpen = (first & FIN) === 0;
    if (!this.#isMessageOpen) this.#message_bytes = 0;
    return true;
  }
}

/** The length of a header of which `known` bytes have arrived: more than `known` if that is too few to tell. */
function headerBytes(header: Buffer, known: number): number {
  if (known < 2) return 2;
  const length = header[1]! & LENGTH;
  return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + ((header[1]! & MASKED) === 0 ? 0 : 4);
}

function payloadBytes(header: Buffer, length: number): number {
  if (length === 127) return Number(header.readBigUInt64BE(2));
  return length === 126 ? header.readUInt16BE(2) : length;
}
