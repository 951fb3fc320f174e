/**
 * DTLS 1.2 records (RFC 6347), parsed only as far as sorting them needs: where each ends, which session it may belong
 * to, and how the records of a flight are packed into datagrams. Pure functions.
 *
 *     type(1) version(2) epoch(2) sequence(6) length(2) | body
 */

export type DtlsRecord = {
  readonly type: number;
  /** 0 before the key change, 1 after it; without renegotiation there is no third. */
  readonly epoch: 0 | 1;
  /** The whole record, header included. */
  readonly bytes: Uint8Array;
};

export const HANDSHAKE = 22;

const HEADER_BYTES = 13;
/** RFC 6347 section 4.1: 2^14, and the expansion of a cipher. */
const BODY_BYTES_MAX = 16_384 + 2_048;
/**
 * With AES-GCM, the only ciphers that the sidecar accepts, an encrypted record has a nonce of 8 bytes, a tag of 16, and
 * at least one more byte (RFC 5288). OpenSSL ends a session when it gets a shorter one, from any sender.
 */
const ENCRYPTED_BYTES_MIN = 25;
const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_BYTES = 12;
const RANDOM_BYTES = 32;

/** DTLS begins with its content type and the version's high byte; no text wire begins like that. */
export const isDtlsRecord = (bytes: Uint8Array): boolean => bytes[0]! >= 20 && bytes[0]! <= 23 && bytes[1] === 0xfe;

/** The well-formed records of a datagram; `false` for the rest, which is dropped. */
export function* recordsOf(datagram: Uint8Array): Generator<DtlsRecord | false> {
  for (let at = 0; at < datagram.length;) {
    const record = recordAt(datagram, at);
    yield record;
    if (record === false) return;
    at += record.bytes.length;
  }
}

/**
 * The client's random bytes if the record starts a ClientHello. They distinguish a new handshake from a retransmission.
 */
export function helloOf({ type, epoch, bytes }: DtlsRecord): string | null {
  const from = HEADER_BYTES + HANDSHAKE_HEADER_BYTES + 2;
  const isHello = type === HANDSHAKE && epoch === 0 && bytes[HEADER_BYTES] === CLIENT_HELLO;
  if (!isHello || bytes.length < from + RANDOM_BYTES) return null;
  return Buffer.from(bytes.subarray(from, from + RANDOM_BYTES)).toString("base64");
}

/** Packs the records of a flight into datagrams, as many as fit into each. */
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
  // The record of a first ClientHello may state DTLS 1.0, even if the client offers 1.2 inside.
  if (version !== 0xfefd && !(version === 0xfeff && epoch === 0)) return false;
  if (epoch !== 0 && epoch !== 1) return false;
  if (epoch === 1 && length < ENCRYPTED_BYTES_MIN) return false;
  return { type, epoch, bytes: datagram.subarray(at, end) };
}
