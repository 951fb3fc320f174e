/**
 * Records of DTLS 1.2 (RFC 6347) as far as somebody must see them who only sorts them: where one ends, whose it may
 * be, and how the records of a flight become datagrams. Pure.
 *
 *     type(1) version(2) epoch(2) sequence(6) length(2) | body
 */

export type DtlsRecord = {
  readonly type: number;
  /** 0 before the keys are changed, 1 after; there is no third without renegotiation. */
  readonly epoch: 0 | 1;
  /** The whole record, its header included. */
  readonly bytes: Uint8Array;
};

export const ALERT = 21;
export const HANDSHAKE = 22;
export const APPLICATION = 23;

const HEADER_BYTES = 13;
/** RFC 6347 section 4.1: 2^14, and what a cipher may add. */
const BODY_BYTES_MAX = 16_384 + 2_048;
/**
 * With AES-GCM, the only ciphers we take, an encrypted record carries a nonce of 8 bytes, a tag of 16, and something
 * beside them (RFC 5288). OpenSSL ends a session over a shorter one, whoever sent it.
 */
const ENCRYPTED_BYTES_MIN = 25;
const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_BYTES = 12;
const RANDOM_BYTES = 32;

/** The first bytes of DTLS: a content type of its own, and the version's high byte, which no text wire begins with. */
export const isDtlsRecord = (bytes: Uint8Array): boolean => bytes[0]! >= 20 && bytes[0]! <= 23 && bytes[1] === 0xfe;

/** The records of a datagram as far as they are well-formed; `false` for the rest of it, which is dropped. */
export function* recordsOf(datagram: Uint8Array): Generator<DtlsRecord | false> {
  for (let at = 0; at < datagram.length;) {
    const record = recordAt(datagram, at);
    yield record;
    if (record === false) return;
    at += record.bytes.length;
  }
}

/** The client's random bytes where the record begins a ClientHello; they tell a new handshake from a repetition. */
export function helloOf({ type, epoch, bytes }: DtlsRecord): string | null {
  const from = HEADER_BYTES + HANDSHAKE_HEADER_BYTES + 2;
  const isHello = type === HANDSHAKE && epoch === 0 && bytes[HEADER_BYTES] === CLIENT_HELLO;
  if (!isHello || bytes.length < from + RANDOM_BYTES) return null;
  return Buffer.from(bytes.subarray(from, from + RANDOM_BYTES)).toString("base64");
}

/** Puts the records of a flight together again, as many as fit into each datagram. */
export function pack(flight: Uint8Array, bytes_max: number): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  let from = 0;
  let to = 0;
  while (to < flight.length) {
    const end = to + HEADER_BYTES + (flight[to + 11]! << 8) + flight[to + 12]!;
    if (end - from > bytes_max && to > from) {
      datagrams.push(flight.subarray(from, to));
      from = to;
    }
    to = end;
  }
  if (to > from) datagrams.push(flight.subarray(from, to));
  return datagrams;
}

function recordAt(datagram: Uint8Array, at: number): DtlsRecord | false {
  if (datagram.length - at < HEADER_BYTES) return false;
  const type = datagram[at]!;
  const version = (datagram[at + 1]! << 8) | datagram[at + 2]!;
  const epoch = (datagram[at + 3]! << 8) | datagram[at + 4]!;
  const length = (datagram[at + 11]! << 8) | datagram[at + 12]!;
  const end = at + HEADER_BYTES + length;
  if (type < 20 || type > 23 || length === 0 || length > BODY_BYTES_MAX || end > datagram.length) return false;
  // A first ClientHello may say DTLS 1.0 in its record, whatever it offers inside.
  if (version !== 0xfefd && !(version === 0xfeff && epoch === 0)) return false;
  if (epoch !== 0 && epoch !== 1) return false;
  if (epoch === 1 && length < ENCRYPTED_BYTES_MIN) return false;
  return { type, epoch, bytes: datagram.subarray(at, end) };
}
