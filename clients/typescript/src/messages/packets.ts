/**
 * The packets of a session, each in one datagram of an encrypted path (numbers are big-endian):
 *
 *     hello   1, to (4), from (4), version (1), flags (1)      the game wants a session
 *     data    2, to (4), number (6), frames ...
 *     bye     3, to (4), from (4), reason (2), text ...        the session is over
 *
 *     Ann                                                 Bob
 *      | hello to 0 from A, answer wanted ------------------>|  sessionRequest; no answer until the game accepts
 *      |<----------------- hello to A from B, answer wanted -|
 *      | hello to B from A --------------------------------->|
 *      |<=================== data to A, data to B ==========>|
 *
 * `to` and `from` are random ids that each side draws per session, so that packets of an earlier session are ignored.
 *
 *     frames of data:
 *     ack     1, largest (6), delay in 0.1 ms (2), ranges (1), length (2), then (gap (2), length (2)) per further range
 *     bytes   2, channel (2), offset (6), length (2), bytes    of a channel's stream, see transport/send-stream.ts
 *     fragment 3, channel (2), message (4), flags (1), index (2), count (2), length (2), bytes    of an unreliable message
 *     ping    4
 *     window  5, channel (2), limit (6)                        the limit of the channel's stream
 *
 * The number of a datagram is never used twice; retransmitted data has a new one (RFC 9000 section 12.3). An ack lists
 * the ranges downwards from the largest, and a gap is what is missing between two.
 */
import { DEBUG_BYTES_MAX } from "./limits.ts";
import type { Range } from "./transport/ranges.ts";

/** The sender has not received a hello yet. */
export const ANSWER_WANTED = 1;
/** The sender accepts deflated messages. */
export const INFLATES = 2;
/** Of a fragment: its message is deflated. */
export const DEFLATED = 1;

export type Hello = { kind: "hello"; to: number; from: number; version: number; flags: number };
export type Bye = { kind: "bye"; to: number; from: number; reason: number; debug: string };
export type Data = { kind: "data"; to: number; number: number; frames: readonly Frame[] };

export type AckFrame = { type: "ack"; delay_ms: number; ranges: readonly Range[] };
export type StreamFrame = { type: "bytes"; channel: number; offset: number; bytes: Uint8Array };
export type FragmentFrame = {
  type: "fragment";
  channel: number;
  message: number;
  flags: number;
  index: number;
  count: number;
  bytes: Uint8Array;
};
export type Frame =
  | AckFrame
  | StreamFrame
  | FragmentFrame
  | { type: "ping" }
  | { type: "window"; channel: number; limit: number };

export const DATA_HEADER_BYTES = 11;
export const STREAM_HEADER_BYTES = 11;
export const FRAGMENT_HEADER_BYTES = 14;
export const WINDOW_FRAME_BYTES = 9;

const [HELLO, DATA, BYE] = [1, 2, 3];
const [ACK, STREAM, FRAGMENT, PING, WINDOW] = [1, 2, 3, 4, 5];
const ACK_HEADER_BYTES = 12;
const SHORT_MAX = 0xffff;

export function writeHello({ to, from, version, flags }: Omit<Hello, "kind">): Uint8Array {
  const out = Buffer.alloc(11);
  out[0] = HELLO;
  out.writeUInt32BE(to, 1);
  out.writeUInt32BE(from, 5);
  out[9] = version;
  out[10] = flags;
  return out;
}

export function writeBye({ to, from, reason, debug }: Omit<Bye, "kind">): Uint8Array {
  const text = Buffer.from(debug).subarray(0, DEBUG_BYTES_MAX);
  const out = Buffer.alloc(11 + text.length);
  out[0] = BYE;
  out.writeUInt32BE(to, 1);
  out.writeUInt32BE(from, 5);
  out.writeUInt16BE(reason, 9);
  out.set(text, 11);
  return out;
}

/** Writes one data packet, frame by frame, up to a length. */
export class DataWriter {
  readonly #out: Buffer;
  #at = DATA_HEADER_BYTES;

  constructor(bytes_max: number, to: number, number: number) {
    this.#out = Buffer.allocUnsafe(bytes_max);
    this.#out[0] = DATA;
    this.#out.writeUInt32BE(to, 1);
    this.#out.writeUIntBE(number, 5, 6);
  }

  get room(): number {
    return this.#out.length - this.#at;
  }

  get isEmpty(): boolean {
    return this.#at === DATA_HEADER_BYTES;
  }

  /** As many ranges as fit, the newest first. */
  ack(ranges: readonly Range[], delay_ms: number, ranges_max: number): void {
    const newest = ranges.at(-1);
    const count = Math.min(ranges.length, ranges_max, 1 + Math.floor((this.room - ACK_HEADER_BYTES) / 4));
    if (newest === undefined || count < 1) return;
    this.#out[this.#at] = ACK;
    this.#out.writeUIntBE(newest[1] - 1, this.#at + 1, 6);
    this.#short(this.#at + 7, Math.round(delay_ms * 10));
    const countAt = this.#at + 9;
    this.#short(this.#at + 10, newest[1] - newest[0]);
    this.#at += ACK_HEADER_BYTES;
    let written = 1;
    for (let from = newest[0]; written < count; written++) {
      const [low, high] = ranges[ranges.length - 1 - written]!;
      // A gap or range above two bytes is too old to matter.
      if (from - high > SHORT_MAX || ranges[ranges.length - written]![1] - from > SHORT_MAX) break;
      this.#short(this.#at, from - high);
      this.#short(this.#at + 2, high - low);
      this.#at += 4;
      from = low;
    }
    this.#out[countAt] = written;
  }

  bytes(channel: number, offset: number, length: number, copy: (target: Uint8Array) => void): void {
    this.#out[this.#at] = STREAM;
    this.#out.writeUInt16BE(channel, this.#at + 1);
    this.#out.writeUIntBE(offset, this.#at + 3, 6);
    this.#out.writeUInt16BE(length, this.#at + 9);
    this.#at += STREAM_HEADER_BYTES;
    copy(this.#out.subarray(this.#at, this.#at + length));
    this.#at += length;
  }

  fragment({ channel, message, flags, index, count, bytes }: Omit<FragmentFrame, "type">): void {
    this.#out[this.#at] = FRAGMENT;
    this.#out.writeUInt16BE(channel, this.#at + 1);
    this.#out.writeUInt32BE(message, this.#at + 3);
    this.#out[this.#at + 7] = flags;
    this.#out.writeUInt16BE(index, this.#at + 8);
    this.#out.writeUInt16BE(count, this.#at + 10);
    this.#out.writeUInt16BE(bytes.length, this.#at + 12);
    this.#out.set(bytes, this.#at + FRAGMENT_HEADER_BYTES);
    this.#at += FRAGMENT_HEADER_BYTES + bytes.length;
  }

  ping(): void {
    this.#out[this.#at++] = PING;
  }

  window(channel: number, limit: number): void {
    this.#out[this.#at] = WINDOW;
    this.#out.writeUInt16BE(channel, this.#at + 1);
    this.#out.writeUIntBE(limit, this.#at + 3, 6);
    this.#at += WINDOW_FRAME_BYTES;
  }

  finish(): Uint8Array {
    return this.#out.subarray(0, this.#at);
  }

  #short(at: number, value: number): void {
    this.#out.writeUInt16BE(Math.max(0, Math.min(value, SHORT_MAX)), at);
  }
}

/** Returns null if it is no packet. Never throws. */
export function readPacket(datagram: Uint8Array): Hello | Bye | Data | null {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  if (bytes.length < 11) return null;
  const to = bytes.readUInt32BE(1);
  if (bytes[0] === HELLO) {
    return { kind: "hello", to, from: bytes.readUInt32BE(5), version: bytes[9]!, flags: bytes[10]! };
  }
  if (bytes[0] === BYE) {
    const debug = bytes.subarray(11, 11 + DEBUG_BYTES_MAX).toString();
    return { kind: "bye", to, from: bytes.readUInt32BE(5), reason: bytes.readUInt16BE(9), debug };
  }
  if (bytes[0] !== DATA) return null;
  const frames = readFrames(bytes);
  return frames === null ? null : { kind: "data", to, number: bytes.readUIntBE(5, 6), frames };
}

function readFrames(bytes: Buffer): Frame[] | null {
  const frames: Frame[] = [];
  for (let at = DATA_HEADER_BYTES; at < bytes.length;) {
    const left = bytes.length - at;
    const type = bytes[at];
    if (type === PING) {
      frames.push({ type: "ping" });
      at += 1;
    } else if (type === STREAM && left >= STREAM_HEADER_BYTES) {
      const length = bytes.readUInt16BE(at + 9);
      const begin = at + STREAM_HEADER_BYTES;
      if (length === 0 || begin + length > bytes.length) return null;
      const [channel, offset] = [bytes.readUInt16BE(at + 1), bytes.readUIntBE(at + 3, 6)];
      frames.push({ type: "bytes", channel, offset, bytes: bytes.subarray(begin, begin + length) });
      at = begin + length;
    } else if (type === FRAGMENT && left >= FRAGMENT_HEADER_BYTES) {
      const length = bytes.readUInt16BE(at + 12);
      const begin = at + FRAGMENT_HEADER_BYTES;
      if (begin + length > bytes.length) return null;
      const [index, count] = [bytes.readUInt16BE(at + 8), bytes.readUInt16BE(at + 10)];
      if (index >= count) return null;
      const [channel, message, flags] = [bytes.readUInt16BE(at + 1), bytes.readUInt32BE(at + 3), bytes[at + 7]!];
      frames.push({
        type: "fragment",
        channel,
        message,
        flags,
        index,
        count,
        bytes: bytes.subarray(begin, begin + length),
      });
      at = begin + length;
    } else if (type === WINDOW && left >= WINDOW_FRAME_BYTES) {
      frames.push({ type: "window", channel: bytes.readUInt16BE(at + 1), limit: bytes.readUIntBE(at + 3, 6) });
      at += WINDOW_FRAME_BYTES;
    } else if (type === ACK && left >= ACK_HEADER_BYTES) {
      const count = bytes[at + 9]!;
      const end = at + ACK_HEADER_BYTES + 4 * (count - 1);
      if (count === 0 || end > bytes.length) return null;
      const ranges = readRanges(bytes, at, count);
      if (ranges === null) return null;
      frames.push({ type: "ack", delay_ms: bytes.readUInt16BE(at + 7) / 10, ranges });
      at = end;
    } else return null;
  }
  return frames;
}

/** Returns ascending ranges, or null if one is below 0. */
function readRanges(bytes: Buffer, at: number, count: number): Range[] | null {
  const ranges: Range[] = [];
  let to = bytes.readUIntBE(at + 1, 6) + 1;
  let from = to - bytes.readUInt16BE(at + 10);
  for (let one = 0; ; one++) {
    if (from < 0 || from >= to) return null;
    ranges.unshift([from, to]);
    if (one === count - 1) return ranges;
    const next = at + ACK_HEADER_BYTES + 4 * one;
    to = from - bytes.readUInt16BE(next);
    from = to - bytes.readUInt16BE(next + 2);
  }
}
