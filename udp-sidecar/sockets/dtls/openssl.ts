/**
 * OpenSSL's implementation of DTLS. C is not memory-safe, so its rules are in this file: every SSL is freed exactly
 * once together with its two memory BIOs, buffers are used only during a call, and the callbacks stay registered as
 * long as the engine.
 *
 *     record -> BIO_write -> SSL_read -> message              datagram <- BIO_read <- SSL_write <- message
 */
import { DTLS_CLIENT_CHAIN_BYTES_MAX } from "#shared/limits.ts";
import type { Certificate } from "./certificate.ts";
import type { DtlsConnection, Cookies, DtlsEngine, StepResult } from "./engine.ts";
import { type OpenSslLibrary, loadOpenSsl, type Pointer } from "./openssl-ffi.ts";
import { pack } from "./records.ts";
import { allocated, buffer, Ssl } from "./ssl.ts";

// Names and numbers from OpenSSL's headers.
const SSL_CTRL_EXTRA_CHAIN_CERT = 14;
const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_CTRL_SET_MAX_CERT_LIST = 51;
const DTLS_CTRL_HANDLE_TIMEOUT = 74;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const DTLS1_2_VERSION = 0xfefd;
const SSL_MODE_RELEASE_BUFFERS = 16;
const SSL_OP_NO_QUERY_MTU = 1n << 12n;
const SSL_OP_NO_TICKET = 1n << 14n;
const SSL_OP_NO_RENEGOTIATION = 1n << 30n;
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_ZERO_RETURN = 6;
const EVP_PKEY_RSA = 6;
const EVP_PKEY_EC = 408;

/**
 * Authenticated encryption with forward secrecy, which every DTLS 1.2 client supports. AES-GCM only, because the
 * shortest record that reaches OpenSSL (records.ts) depends on the cipher.
 */
const CIPHERS = "ECDHE+AESGCM";

const NOTHING: readonly Uint8Array[] = [];
const CLOSED: StepResult = { state: "over", why: "goodbye", messages: NOTHING, datagrams: NOTHING };

/** Loads OpenSSL. Throws with a sentence if it is not available. */
export async function openSsl(certificate: Certificate, mtu_bytes: number): Promise<DtlsEngine> {
  return new OpenSsl(await loadOpenSsl(), certificate, mtu_bytes);
}

class OpenSsl implements DtlsEngine {
  readonly name: string;
  readonly #library: OpenSslLibrary;
  readonly #mtu_bytes: number;
  readonly #address: Pointer;
  readonly #callbacks: readonly [generate: Pointer, verify: Pointer];
  #ctx: Pointer;
  /** The SSL that reads ClientHellos. It becomes the connection of the first client that returns a valid cookie. */
  #listener: Ssl;
  /** The cookies that the callbacks use while a ClientHello is read. */
  #cookies: Cookies | null = null;

  constructor(library: OpenSslLibrary, certificate: Certificate, mtu_bytes: number) {
    this.#library = library;
    this.#mtu_bytes = mtu_bytes;
    this.name = library.OpenSSL_version(0);
    this.#address = allocated(library.BIO_ADDR_new());
    this.#callbacks = [
      library.registerCallback((_, cookie, length) => this.#generate(cookie, length as Pointer), "generate"),
      library.registerCallback((_, cookie, length) => this.#verify(cookie, length as number), "verify"),
    ];
    this.#ctx = this.#createContext(certificate);
    this.#listener = new Ssl(library, this.#ctx, mtu_bytes);
  }

  setCertificate(certificate: Certificate): void {
    const ctx = this.#createContext(certificate);
    this.#listener.free();
    // Running connections keep the old context alive as long as they need it.
    this.#library.SSL_CTX_free(this.#ctx);
    this.#ctx = ctx;
    this.#listener = new Ssl(this.#library, ctx, this.#mtu_bytes);
  }

  handleHello(hello: Uint8Array, cookies: Cookies): { answer: Uint8Array; connection: DtlsConnection | null } {
    const ssl = this.#listener;
    this.#cookies = cookies;
    ssl.put(hello);
    this.#library.ERR_clear_error();
    const result = this.#library.DTLSv1_listen(ssl.pointer, this.#address);
    this.#library.ERR_clear_error();
    if (result !== 1) {
      const answer = ssl.flight();
      ssl.reset();
      return { answer, connection: null };
    }
    this.#listener = new Ssl(this.#library, this.#ctx, this.#mtu_bytes);
    return { answer: new Uint8Array(), connection: new OpenSslConnection(this.#library, ssl, this.#mtu_bytes) };
  }

  close(): void {
    this.#listener.free();
    this.#library.SSL_CTX_free(this.#ctx);
    this.#library.BIO_ADDR_free(this.#address);
    for (const callback of this.#callbacks) this.#library.unregister(callback);
  }

  #generate(cookie: Pointer, length: Pointer): number {
    const cookieBytes = this.#cookies?.make();
    if (cookieBytes === undefined) return 0;
    this.#library.writeBytes(cookie, cookieBytes);
    this.#library.writeLength(length, cookieBytes.length);
    return 1;
  }

  #verify(cookie: Pointer, length: number): number {
    return this.#cookies?.accepts(this.#library.readBytes(cookie, length)) === true ? 1 : 0;
  }

  #createContext({ chain, key }: Certificate): Pointer {
    const library = this.#library;
    const ctx = allocated(library.SSL_CTX_new(library.DTLS_server_method()));
    try {
      configure(library, ctx);
      library.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MAX_CERT_LIST, DTLS_CLIENT_CHAIN_BYTES_MAX, null);
      const [own, ...others] = chain as [Uint8Array, ...Uint8Array[]];
      assertOk(library, "certificate", library.SSL_CTX_use_certificate_ASN1(ctx, own.length, own));
      for (const other of others) {
        const x509 = allocated(library.d2i_X509(null, [other], other.length));
        assertOk(library, "chain", library.SSL_CTX_ctrl(ctx, SSL_CTRL_EXTRA_CHAIN_CERT, 0, x509));
      }
      const der = key.export({ type: "pkcs8", format: "der" });
      const kind = key.asymmetricKeyType === "rsa" ? EVP_PKEY_RSA : EVP_PKEY_EC;
      assertOk(library, "key", library.SSL_CTX_use_PrivateKey_ASN1(kind, ctx, der, der.length));
    } catch (error) {
      library.SSL_CTX_free(ctx);
      throw error;
    }
    library.SSL_CTX_set_cookie_generate_cb(ctx, this.#callbacks[0]);
    library.SSL_CTX_set_cookie_verify_cb(ctx, this.#callbacks[1]);
    return ctx;
  }
}

/** Settings of both roles. */
export function configure(library: OpenSslLibrary, ctx: Pointer): void {
  assertOk(library, "version", library.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, DTLS1_2_VERSION, null));
  assertOk(library, "ciphers", library.SSL_CTX_set_cipher_list(ctx, CIPHERS));
  library.SSL_CTX_ctrl(ctx, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, null);
  library.SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SESS_CACHE_MODE, 0, null);
  library.SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
}

/** A connection in either role, after its SSL was set to that role. */
export class OpenSslConnection implements DtlsConnection {
  readonly #library: OpenSslLibrary;
  readonly #ssl: Ssl;
  readonly #mtu_bytes: number;
  #open = false;

  constructor(library: OpenSslLibrary, ssl: Ssl, mtu_bytes: number) {
    this.#library = library;
    this.#ssl = ssl;
    this.#mtu_bytes = mtu_bytes;
  }

  receive(record: Uint8Array | null): StepResult {
    if (this.#ssl.isFreed) return CLOSED;
    if (record !== null) this.#ssl.put(record);
    const messages: Uint8Array[] = [];
    for (;;) {
      this.#library.ERR_clear_error();
      const length = this.#library.SSL_read(this.#ssl.pointer, buffer, buffer.length);
      if (length <= 0) return this.#readFailed(length, messages);
      messages.push(buffer.slice(0, length));
      // A record of an open connection holds one message, and triggers no datagram.
      if (this.#open) return { state: "open", messages, datagrams: NOTHING };
    }
  }

  encrypt(message: Uint8Array): Uint8Array | null {
    // Some clients read an empty message as the end.
    if (!this.#open || this.#ssl.isFreed || message.length === 0) return null;
    this.#library.ERR_clear_error();
    const written = this.#library.SSL_write(this.#ssl.pointer, message, message.length);
    this.#library.ERR_clear_error();
    return written === message.length ? this.#ssl.flight() : null;
  }

  retransmit(): StepResult {
    if (this.#ssl.isFreed) return CLOSED;
    this.#library.ERR_clear_error();
    const state = this.#open ? "open" : "shaking";
    if (this.#library.SSL_ctrl(this.#ssl.pointer, DTLS_CTRL_HANDLE_TIMEOUT, 0, null) >= 0) {
      return { state, messages: NOTHING, datagrams: this.#takeFlight() };
    }
    return this.#end("protocol", NOTHING);
  }

  close(): readonly Uint8Array[] {
    if (this.#ssl.isFreed) return NOTHING;
    this.#library.ERR_clear_error();
    if (this.#open) this.#library.SSL_shutdown(this.#ssl.pointer);
    this.#library.ERR_clear_error();
    const datagrams = this.#takeFlight();
    this.free();
    return datagrams;
  }

  free(): void {
    this.#ssl.free();
  }

  /** SSL_read returned no message: there is none yet, or the connection has ended. */
  #readFailed(result: number, messages: readonly Uint8Array[]): StepResult {
    const error = this.#library.SSL_get_error(this.#ssl.pointer, result);
    if (error === SSL_ERROR_WANT_READ) {
      this.#open ||= this.#library.SSL_is_init_finished(this.#ssl.pointer) === 1;
      return { state: this.#open ? "open" : "shaking", messages, datagrams: this.#takeFlight() };
    }
    if (error === SSL_ERROR_ZERO_RETURN) {
      return { state: "over", why: "goodbye", messages, datagrams: this.close() };
    }
    const reason = this.#library.ERR_reason_error_string(this.#library.ERR_peek_last_error()) ?? "";
    this.#library.ERR_clear_error();
    return this.#end(failureReason(reason), messages);
  }

  #end(why: StepResult["why"] & string, messages: readonly Uint8Array[]): StepResult {
    const datagrams = this.#takeFlight();
    this.free();
    return { state: "over", why, messages, datagrams };
  }

  #takeFlight(): readonly Uint8Array[] {
    const flight = this.#ssl.flight();
    return flight.length === 0 ? NOTHING : pack(flight, this.#mtu_bytes);
  }
}

/** Maps OpenSSL's hundreds of reasons to a few words. */
function failureReason(reason: string): StepResult["why"] & string {
  if (/ alert /.test(` ${reason} `)) return "alert";
  if (/no shared cipher/.test(reason)) return "no_shared_cipher";
  return /unsupported protocol|version/.test(reason) ? "version" : "protocol";
}

function assertOk(library: OpenSslLibrary, setting: string, result: number): void {
  if (result === 1) return;
  const reason = library.ERR_reason_error_string(library.ERR_peek_last_error()) ?? "no reason given";
  library.ERR_clear_error();
  throw new Error(`OpenSSL refuses the ${setting}: ${reason}`);
}
