/** An OpenSSL connection object, freed exactly once. openssl.ts uses it for both roles. */
import type { OpenSslLibrary, Pointer } from "./openssl-ffi.ts";

const BIO_CTRL_RESET = 1;
const SSL_CTRL_SET_MTU = 17;

/** The maximum of one SSL_read, or of one BIO_read of a flight. */
export const buffer = new Uint8Array(65_536);

/** An SSL with its two memory BIOs. */
export class Ssl {
  readonly #library: OpenSslLibrary;
  readonly #in: Pointer;
  readonly #out: Pointer;
  #pointer: Pointer | null;

  constructor(library: OpenSslLibrary, ctx: Pointer, mtu_bytes: number) {
    this.#library = library;
    this.#pointer = allocated(library.SSL_new(ctx));
    this.#in = allocated(library.BIO_new(library.BIO_s_mem()));
    this.#out = allocated(library.BIO_new(library.BIO_s_mem()));
    library.SSL_set_bio(this.#pointer, this.#in, this.#out);
    library.SSL_ctrl(this.#pointer, SSL_CTRL_SET_MTU, mtu_bytes, null);
  }

  get pointer(): Pointer {
    if (this.#pointer === null) throw new Error("an SSL was used after it was freed");
    return this.#pointer;
  }

  get isFreed(): boolean {
    return this.#pointer === null;
  }

  put(record: Uint8Array): void {
    if (this.#pointer !== null) this.#library.BIO_write(this.#in, record, record.length);
  }

  /** All bytes that wait to be sent. */
  flight(): Uint8Array {
    if (this.#pointer === null) return new Uint8Array();
    const length = this.#library.BIO_read(this.#out, buffer, buffer.length);
    return length <= 0 ? new Uint8Array() : buffer.slice(0, length);
  }

  /** Discards bytes that were put and not read. */
  reset(): void {
    if (this.#pointer !== null) this.#library.BIO_ctrl(this.#in, BIO_CTRL_RESET, 0, null);
  }

  free(): void {
    if (this.#pointer === null) return;
    this.#library.SSL_free(this.#pointer);
    this.#pointer = null;
  }
}

/** Throws if C returned no memory. */
export function allocated(pointer: Pointer | null): Pointer {
  if (pointer === null) throw new Error("OpenSSL has no memory left");
  return pointer;
}
