/**
 * Memory for a batch of datagrams as recvmmsg(2) and sendmmsg(2) want it: headers, one buffer descriptor each, socket
 * names and payloads.
 *
 *     mmsghdr  name:8 name_length:4 pad:4 iov:8 iov_count:8 control:8 control_length:8 flags:4 pad:4 length:4 pad:4
 *     iovec    base:8 length:8
 */
import { NAME_BYTES } from "./socket-names.ts";
import type { Libc, Pointer } from "./libc.ts";

const HEADER_BYTES = 64;
const [NAME_LENGTH_AT, IOV_AT, IOV_COUNT_AT, LENGTH_AT] = [8, 16, 24, 56];
const IOV_BYTES = 16;
const NAME_STRIDE = 32;
/** Payloads at multiples of a page would share the same lines of the CPU's cache. */
const SKEW_BYTES = 64;

export class MessageBlock {
  readonly view: DataView;
  readonly #bytes: Buffer;
  readonly #at: Pointer;
  readonly #names: number;
  readonly #payloads: number;
  readonly #iovs: number;
  readonly #stride: number;

  constructor(libc: Libc, count: number, payload_bytes: number) {
    this.#stride = payload_bytes + SKEW_BYTES;
    this.#iovs = count * HEADER_BYTES;
    this.#names = this.#iovs + count * IOV_BYTES;
    this.#payloads = this.#names + count * NAME_STRIDE;
    const { at, bytes } = libc.allocate(this.#payloads + count * this.#stride);
    this.#at = at;
    this.#bytes = Buffer.from(bytes);
    this.view = new DataView(bytes);
    for (let n = 0; n < count; n++) {
      const [header, iov] = [n * HEADER_BYTES, this.#iovs + n * IOV_BYTES];
      this.view.setBigUint64(header, at + BigInt(this.nameAt(n)), true);
      this.view.setUint32(header + NAME_LENGTH_AT, NAME_BYTES, true);
      this.view.setBigUint64(header + IOV_AT, at + BigInt(iov), true);
      this.view.setBigUint64(header + IOV_COUNT_AT, 1n, true);
      this.view.setBigUint64(iov, at + BigInt(this.#payloads + n * this.#stride), true);
      this.view.setBigUint64(iov + 8, BigInt(payload_bytes), true);
    }
  }

  /** Where the header of this message is in C. */
  pointer(n: number): Pointer {
    return this.#at + BigInt(n * HEADER_BYTES);
  }

  nameAt(n: number): number {
    return this.#names + n * NAME_STRIDE;
  }

  /** A copy of a received datagram, because the next batch overwrites this one. */
  received(n: number): Buffer {
    const length = this.view.getUint32(n * HEADER_BYTES + LENGTH_AT, true);
    const start = this.#payloads + n * this.#stride;
    // The kernel has shortened the length of the name for an IPv4 socket.
    this.view.setUint32(n * HEADER_BYTES + NAME_LENGTH_AT, NAME_BYTES, true);
    const copy = Buffer.allocUnsafe(length);
    this.#bytes.copy(copy, 0, start, start + length);
    return copy;
  }

  /** Puts a datagram into the block, whose name is already there. */
  put(n: number, bytes: Uint8Array, name_length: number): void {
    this.#bytes.set(bytes, this.#payloads + n * this.#stride);
    this.view.setUint32(n * HEADER_BYTES + NAME_LENGTH_AT, name_length, true);
    this.view.setUint32(this.#iovs + n * IOV_BYTES + 8, bytes.length, true);
  }

  payload(n: number): Uint8Array {
    const start = this.#payloads + n * this.#stride;
    return this.#bytes.subarray(start, start + this.view.getUint32(this.#iovs + n * IOV_BYTES + 8, true));
  }
}
