/**
 * Messages on data channels. A frame has one byte of header: the number of the game's channel, and 0x80 if the message
 * goes on in the next frame. Only reliable messages have several frames, and the reliable channel is ordered.
 */
import { CHANNEL_MAX, FRAME_BYTES_MAX, MESSAGE_BYTES_MAX } from "./limits.ts";

const MORE = 0x80;
const PAYLOAD_MAX = FRAME_BYTES_MAX - 1;

/**
 * Divides messages into frames, in one buffer that it keeps: a page that allocates each frame spends more time on memory
 * than on the frame.
 */
export class FrameWriter {
  #buffer = new Uint8Array(0);

  /** Calls `send` with each frame, which is valid during the call only. */
  write(message: Uint8Array, channel: number, send: (frame: Uint8Array<ArrayBuffer>) => void): void {
    let at = 0;
    do {
      const part = message.subarray(at, at + PAYLOAD_MAX);
      at += part.length;
      if (this.#buffer.length < 1 + part.length) this.#buffer = new Uint8Array(1 + part.length);
      this.#buffer[0] = channel | (at < message.length ? MORE : 0);
      this.#buffer.set(part, 1);
      send(this.#buffer.subarray(0, 1 + part.length));
    } while (at < message.length);
  }
}

export type ReceivedMessage = { readonly bytes: Uint8Array; readonly channel: number };

/** Puts the frames of one data channel together. Never throws. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #length = 0;
  /** Messages that were dropped because they are too long, or empty frames. */
  refused = 0;

  /** The message that this frame completes, or null. */
  read(frame: Uint8Array): ReceivedMessage | null {
    const header = frame[0];
    if (header === undefined) return this.#refuse();
    const part = frame.subarray(1);
    this.#length += part.length;
    if (this.#length > MESSAGE_BYTES_MAX) this.#parts = [];
    else this.#parts.push(part);
    if ((header & MORE) !== 0) return null;
    const [parts, length] = [this.#parts, this.#length];
    this.#parts = [];
    this.#length = 0;
    if (length > MESSAGE_BYTES_MAX) return this.#refuse();
    const [only] = parts;
    const bytes = parts.length === 1 && only !== undefined ? only : joined(parts, length);
    return { bytes, channel: header & CHANNEL_MAX };
  }

  #refuse(): null {
    this.refused++;
    return null;
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
