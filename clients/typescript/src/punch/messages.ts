/**
 * Messages between peers inside a sealed datagram. The first byte is the type:
 *
 *     0 | payload ...                                                          data: the game's own
 *     1 | flags | pair (2) | nonce (4) | time (4) | zeros (19)                 probe
 *     2 | flags | pair (2) | nonce (4) | time (4) | family | port (2) | address answer, with the probe's source
 *
 * `pair`, `nonce` and `time` are the prober's and are returned unchanged: the number of the candidate pair, a random
 * number that only the receiver of the probe knows, and the clock in milliseconds. Flag 1 nominates the pair, and the
 * answer confirms it with the same flag. A probe is as long as the longest answer, so that it cannot be used for
 * amplification.
 */
import { isIPv4 } from "node:net";
import { type Endpoint, isEndpoint } from "../util/addresses.ts";

export type Message =
  | { readonly kind: "data"; readonly payload: Uint8Array }
  | ({ readonly kind: "probe" } & ProbeFields)
  | ({ readonly kind: "answer"; readonly seen: Endpoint | null } & ProbeFields);

export type ProbeFields = {
  readonly pair: number;
  readonly nonce: number;
  readonly time: number;
  readonly chosen: boolean;
};

const DATA = 0;
const PROBE = 1;
const ANSWER = 2;
const CHOSEN = 1;
const HEAD_BYTES = 12;
const PROBE_BYTES = HEAD_BYTES + 3 + 16;

export function writeMessage(message: Message): Uint8Array {
  if (message.kind === "data") {
    const out = Buffer.allocUnsafe(1 + message.payload.length);
    out[0] = DATA;
    out.set(message.payload, 1);
    return out;
  }
  const { kind, pair, nonce, time, chosen } = message;
  const tail = kind === "probe" ? Buffer.alloc(PROBE_BYTES - HEAD_BYTES) : writeEndpoint(message.seen);
  const out = Buffer.allocUnsafe(HEAD_BYTES + tail.length);
  out[0] = kind === "probe" ? PROBE : ANSWER;
  out[1] = chosen ? CHOSEN : 0;
  out.writeUInt16BE(pair, 2);
  out.writeUInt32BE(nonce, 4);
  out.writeUInt32BE(Math.floor(time) % 2 ** 32, 8);
  out.set(tail, HEAD_BYTES);
  return out;
}

/** Returns null if it is no message. Extra bytes are allowed, for later versions. */
export function readMessage(bytes: Uint8Array): Message | null {
  if (bytes[0] === DATA) return { kind: "data", payload: bytes.subarray(1) };
  if (bytes.length < HEAD_BYTES || (bytes[0] !== PROBE && bytes[0] !== ANSWER)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chosen = (bytes[1]! & CHOSEN) !== 0;
  const head = { pair: view.getUint16(2), nonce: view.getUint32(4), time: view.getUint32(8), chosen };
  if (bytes[0] === PROBE) return bytes.length < PROBE_BYTES ? null : { kind: "probe", ...head };
  return { kind: "answer", ...head, seen: readEndpoint(view) };
}

/** Milliseconds since a returned `time`. The 32-bit clock may have wrapped. */
export const elapsedMs = (time: number, now: number): number => (Math.floor(now) - time + 2 ** 32) % 2 ** 32;

function writeEndpoint(seen: Endpoint | null): Buffer {
  if (seen === null) return Buffer.from([0]);
  const address = isIPv4(seen.address) ? seen.address.split(".").map(Number) : groupsOf(seen.address);
  return Buffer.from([address.length === 4 ? 4 : 6, seen.port >> 8, seen.port & 255, ...address]);
}

function readEndpoint(view: DataView): Endpoint | null {
  const family = view.byteLength > HEAD_BYTES ? view.getUint8(HEAD_BYTES) : 0;
  const length = family === 4 ? 4 : family === 6 ? 16 : 0;
  const from = HEAD_BYTES + 3;
  if (length === 0 || view.byteLength < from + length) return null;
  const bytes = Array.from({ length }, (_, at) => view.getUint8(from + at));
  const seen = { address: length === 4 ? bytes.join(".") : textOf(bytes), port: view.getUint16(HEAD_BYTES + 1) };
  return isEndpoint(seen) ? seen : null;
}

/** The 16 bytes of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("%", 1)[0]!.split("::");
  const [first, last] = [partsOf(head), partsOf(tail)];
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0");
  return [...first, ...zeros, ...last].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

const partsOf = (text = ""): string[] => (text === "" ? [] : text.split(":"));

function textOf(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16));
  // The URL parser writes the canonical form (RFC 5952).
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
