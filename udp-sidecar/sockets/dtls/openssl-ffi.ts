/**
 * OpenSSL's C functions, called through koffi. They are loaded from the running Node binary or from the shared library
 * that it is linked to. Of DTLS, only this file and openssl.ts deal with C.
 */

/** An address in C. Its type is known only to the caller. */
export type Pointer = bigint;

type OpenSslCalls = {
  DTLS_server_method(): Pointer;
  DTLS_client_method(): Pointer;
  DTLSv1_listen(ssl: Pointer, address: Pointer): number;
  SSL_CTX_new(method: Pointer): Pointer | null;
  SSL_CTX_free(ctx: Pointer): void;
  SSL_CTX_ctrl(ctx: Pointer, command: number, number: number, pointer: Pointer | null): number;
  SSL_CTX_set_options(ctx: Pointer, options: bigint): void;
  SSL_CTX_set_cipher_list(ctx: Pointer, list: string): number;
  SSL_CTX_use_certificate_ASN1(ctx: Pointer, length: number, der: Uint8Array): number;
  SSL_CTX_use_PrivateKey_ASN1(type: number, ctx: Pointer, der: Uint8Array, length: number): number;
  SSL_CTX_set_cookie_generate_cb(ctx: Pointer, callback: Pointer): void;
  SSL_CTX_set_cookie_verify_cb(ctx: Pointer, callback: Pointer): void;
  SSL_new(ctx: Pointer): Pointer | null;
  SSL_free(ssl: Pointer): void;
  SSL_set_bio(ssl: Pointer, into: Pointer, out: Pointer): void;
  SSL_set_connect_state(ssl: Pointer): void;
  SSL_ctrl(ssl: Pointer, command: number, number: number, pointer: null): number;
  SSL_read(ssl: Pointer, bytes: Uint8Array, length: number): number;
  SSL_write(ssl: Pointer, bytes: Uint8Array, length: number): number;
  SSL_shutdown(ssl: Pointer): number;
  SSL_get_error(ssl: Pointer, result: number): number;
  SSL_is_init_finished(ssl: Pointer): number;
  BIO_s_mem(): Pointer;
  BIO_new(method: Pointer): Pointer | null;
  BIO_ctrl(bio: Pointer, command: number, number: number, pointer: null): number;
  BIO_read(bio: Pointer, bytes: Uint8Array, length: number): number;
  BIO_write(bio: Pointer, bytes: Uint8Array, length: number): number;
  BIO_ADDR_new(): Pointer | null;
  BIO_ADDR_free(address: Pointer): void;
  d2i_X509(into: null, der: [Uint8Array], length: number): Pointer | null;
  X509_free(certificate: Pointer): void;
  ERR_clear_error(): void;
  ERR_peek_last_error(): number | bigint;
  ERR_reason_error_string(error: number | bigint): string | null;
  OpenSSL_version(what: number): string;
};

const DECLARATIONS: { readonly [K in keyof OpenSslCalls]: string } = {
  DTLS_server_method: "const void *DTLS_server_method()",
  DTLS_client_method: "const void *DTLS_client_method()",
  DTLSv1_listen: "int DTLSv1_listen(void *ssl, void *address)",
  SSL_CTX_new: "void *SSL_CTX_new(const void *method)",
  SSL_CTX_free: "void SSL_CTX_free(void *ctx)",
  SSL_CTX_ctrl: "long SSL_CTX_ctrl(void *ctx, int command, long number, void *pointer)",
  SSL_CTX_set_options: "uint64_t SSL_CTX_set_options(void *ctx, uint64_t options)",
  SSL_CTX_set_cipher_list: "int SSL_CTX_set_cipher_list(void *ctx, const char *list)",
  SSL_CTX_use_certificate_ASN1: "int SSL_CTX_use_certificate_ASN1(void *ctx, int length, const uint8_t *der)",
  SSL_CTX_use_PrivateKey_ASN1: "int SSL_CTX_use_PrivateKey_ASN1(int type, void *ctx, const uint8_t *der, long length)",
  SSL_CTX_set_cookie_generate_cb: "void SSL_CTX_set_cookie_generate_cb(void *ctx, void *callback)",
  SSL_CTX_set_cookie_verify_cb: "void SSL_CTX_set_cookie_verify_cb(void *ctx, void *callback)",
  SSL_new: "void *SSL_new(void *ctx)",
  SSL_free: "void SSL_free(void *ssl)",
  SSL_set_bio: "void SSL_set_bio(void *ssl, void *into, void *out)",
  SSL_set_connect_state: "void SSL_set_connect_state(void *ssl)",
  SSL_ctrl: "long SSL_ctrl(void *ssl, int command, long number, void *pointer)",
  SSL_read: "int SSL_read(void *ssl, _Out_ uint8_t *bytes, int length)",
  SSL_write: "int SSL_write(void *ssl, const uint8_t *bytes, int length)",
  SSL_shutdown: "int SSL_shutdown(void *ssl)",
  SSL_get_error: "int SSL_get_error(const void *ssl, int result)",
  SSL_is_init_finished: "int SSL_is_init_finished(const void *ssl)",
  BIO_s_mem: "const void *BIO_s_mem()",
  BIO_new: "void *BIO_new(const void *method)",
  BIO_ctrl: "long BIO_ctrl(void *bio, int command, long number, void *pointer)",
  BIO_read: "int BIO_read(void *bio, _Out_ uint8_t *bytes, int length)",
  BIO_write: "int BIO_write(void *bio, const uint8_t *bytes, int length)",
  BIO_ADDR_new: "void *BIO_ADDR_new()",
  BIO_ADDR_free: "void BIO_ADDR_free(void *address)",
  d2i_X509: "void *d2i_X509(void *into, const uint8_t **der, long length)",
  X509_free: "void X509_free(void *certificate)",
  ERR_clear_error: "void ERR_clear_error()",
  ERR_peek_last_error: "unsigned long ERR_peek_last_error()",
  ERR_reason_error_string: "const char *ERR_reason_error_string(unsigned long error)",
  OpenSSL_version: "const char *OpenSSL_version(int what)",
};

export type OpenSslLibrary = OpenSslCalls & {
  /** Registers one of OpenSSL's two kinds of cookie callback; it stays valid until `unregister`. */
  registerCallback(callback: (ssl: Pointer, cookie: Pointer, length: Pointer | number) => number, kind: Kind): Pointer;
  unregister(callback: Pointer): void;
  readBytes(at: Pointer, length: number): Uint8Array;
  writeBytes(at: Pointer, bytes: Uint8Array): void;
  writeLength(at: Pointer, length: number): void;
};
type Kind = "generate" | "verify";

/** Where OpenSSL may be: in the program itself, or in a library that a distribution's Node is linked to. */
const LIBRARIES = [null, "libssl.so.3", "libssl.so.1.1", "libssl.3.dylib"];

/** Throws with a sentence if koffi is not installed or OpenSSL is not found. */
export async function loadOpenSsl(): Promise<OpenSslLibrary> {
  const koffi = await import("koffi").catch(() => {
    throw new Error("the optional package koffi is not installed, or has no build for this system");
  });
  let cause: unknown;
  for (const path of LIBRARIES) {
    try {
      const library = koffi.load(path);
      const calls = Object.entries(DECLARATIONS).map(([name, declaration]) => [name, library.func(declaration)]);
      const cookie = ["void *", "uint8_t *"];
      const kinds = {
        generate: koffi.pointer(koffi.proto("int", [...cookie, "unsigned int *"])),
        verify: koffi.pointer(koffi.proto("int", [...cookie, "unsigned int"])),
      };
      return {
        ...(Object.fromEntries(calls) as OpenSslCalls),
        registerCallback: (callback, kind) => koffi.register(callback, kinds[kind]),
        unregister: (callback) => koffi.unregister(callback),
        readBytes: (at, length) => new Uint8Array(koffi.view(at, length)).slice(),
        writeBytes: (at, bytes) => koffi.encode(at, "uint8_t", bytes, bytes.length),
        writeLength: (at, length) => koffi.encode(at, "unsigned int", length),
      };
    } catch (error) {
      cause = error;
    }
  }
  throw new Error(
    `OpenSSL's DTLS was not found in this Node: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
}
