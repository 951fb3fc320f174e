/**
 * STUN Binding (RFC 8489): tells an ICE agent which endpoint the sidecar observes.
 *
 *     agent -- Binding request ------------------------> sidecar
 *     agent <- success: XOR-MAPPED-ADDRESS -------------         or
 *     agent <- error 420: UNKNOWN-ATTRIBUTES ------------        for unknown attributes that must be understood
 *
 * No authentication and no second address. A response is 12 bytes longer than the shortest request (24 for IPv6), and
 * the source of a request may be forged, so udp-sidecar/core/stun-responder.ts limits the rate. A FINGERPRINT is
 * checked, and then the response has one. Anything except a valid request gets no response. The magic cookie and the
 * length field distinguish STUN from all wires.
 */
import { bytesOf, type Endpoint } from "#shared/net/endpoint.ts";
import { STUN_BYTES_MAX } from "#shared/limits.ts";

const COOKIE = 0x2112_a442;
const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
const FINGERPRINT = 0x8028;
const FINGERPRINT_BYTES = 8;
const FINGERPRINT_XOR = 0x5354_554e;
/** The comprehension-required attributes of RFC 8489. Without authentication they have no effect here. */
const UNDERSTOOD = new Set([0x01, 0x06, 0x08, ERROR_CODE, UNKNOWN_ATTRIBUTES, 0x14, 0x15, 0x1c, 0x1d, 0x1e, 0x20]);
const OPTIONAL_FROM = 0x8000;
/** So many that the error stays shorter than a request that names them all. */
const UNKNOWN_LISTED_MAX = 4;

/** Whether this is a STUN message of any kind, by its cookie, its two zero bits and its length. */
export const isStun = (bytes: Uint8Array): boolean =>
  bytes.length >= HEADER_BYTES &&
  bytes.length % 4 === 0 &&
  bytes[0]! < 0x40 &&
  bytes[4] === 0x21 &&
  bytes[5] === 0x12 &&
  bytes[6] === 0xa4 &&
  bytes[7] === 0x42 &&
  bytes.length - HEADER_BYTES === bytes[2]! * 256 + bytes[3]!;

/** The response to a STUN message from this endpoint, or why there is none. */
export function bindingResponse(bytes: Uint8Array, from: Endpoint): Uint8Array | { readonly drop: string } {
  if (bytes.length > STUN_BYTES_MAX) return { drop: "stun_length" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(0) !== BINDING_REQUEST) return { drop: "stun_no_request" };
  if (bytes.length === HEADER_BYTES) return bindingSuccess(bytes, from, false);
  const unknown: number[] = [];
  let hasFingerprint = false;
  for (let at = HEADER_BYTES; at < bytes.length;) {
    if (hasFingerprint) return { drop: "stun_malformed" };
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    if (at + 4 + length > bytes.length) return { drop: "stun_malformed" };
    if (type === FINGERPRINT) {
      if (length !== 4 || view.getUint32(at + 4) !== fingerprint(bytes.subarray(0, at))) {
        return { drop: "stun_fingerprint" };
      }
      hasFingerprint = true;
    } else if (type < OPTIONAL_FROM && !UNDERSTOOD.has(type) && !unknown.includes(type)) unknown.push(type);
    at += 4 + padded(length);
  }
  const transaction = bytes.subarray(8, HEADER_BYTES);
  if (unknown.length > 0) return encodeMessage(BINDING_ERROR, transaction, unknownAttributes(unknown), hasFingerprint);
  return bindingSuccess(bytes, from, hasFingerprint);
}

type Attribute = { readonly type: number; readonly value: Uint8Array };

/**
 * The response to nearly every request, so it is written without intermediate objects. Address and port are XORed with the
 * cookie and the transaction id, because some routers rewrite plain addresses in payloads.
 */
function bindingSuccess(request: Uint8Array, { address, port }: Endpoint, withFingerprint: boolean): Uint8Array {
  const octets = bytesOf(address) ?? [];
  const end = HEADER_BYTES + 8 + octets.length;
  const bytes = Buffer.allocUnsafe(withFingerprint ? end + FINGERPRINT_BYTES : end);
  writeUint16(bytes, 0, BINDING_SUCCESS);
  writeUint16(bytes, 2, bytes.length - HEADER_BYTES);
  for (let at = 4; at < HEADER_BYTES; at++) bytes[at] = request[at]!;
  writeUint16(bytes, HEADER_BYTES, XOR_MAPPED_ADDRESS);
  writeUint16(bytes, HEADER_BYTES + 2, 4 + octets.length);
  writeUint16(bytes, HEADER_BYTES + 4, octets.length === 4 ? 1 : 2);
  writeUint16(bytes, HEADER_BYTES + 6, port ^ (COOKIE >>> 16));
  for (let at = 0; at < octets.length; at++) bytes[HEADER_BYTES + 8 + at] = octets[at]! ^ request[4 + at]!;
  if (withFingerprint) writeFingerprint(bytes, end);
  return bytes;
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

function writeFingerprint(bytes: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(at, FINGERPRINT);
  view.setUint16(at + 2, 4);
  view.setUint32(at + 4, fingerprint(bytes.subarray(0, at)));
}

/** 420 without a reason phrase, which agents ignore and which would make the response longer. */
function unknownAttributes(unknown: readonly number[]): Attribute[] {
  const listed = unknown.slice(0, UNKNOWN_LISTED_MAX);
  const types = Uint8Array.from(listed.flatMap((type) => [type >> 8, type & 255]));
  return [
    { type: ERROR_CODE, value: Uint8Array.of(0, 0, 4, 20) },
    { type: UNKNOWN_ATTRIBUTES, value: types },
  ];
}

function encodeMessage(
  type: number,
  transaction: Uint8Array,
  attributes: readonly Attribute[],
  withFingerprint: boolean,
): Uint8Array {
  const body = attributes.reduce((sum, { value }) => sum + 4 + padded(value.length), 0);
  const bytes = new Uint8Array(HEADER_BYTES + body + (withFingerprint ? FINGERPRINT_BYTES : 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, bytes.length - HEADER_BYTES);
  view.setUint32(4, COOKIE);
  bytes.set(transaction, 8);
  let at = HEADER_BYTES;
  for (const { type: which, value } of attributes) {
    view.setUint16(at, which);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  if (withFingerprint) writeFingerprint(bytes, at);
  return bytes;
}

const padded = (length: number): number => (length + 3) & ~3;

const fingerprint = (bytes: Uint8Array): number => (crc32(bytes) ^ FINGERPRINT_XOR) >>> 0;

/** ITU V.42, as in PNG and Ethernet. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc;
});
