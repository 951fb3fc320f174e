/**
 * What does the cryptography of DTLS, seen from whoever has the sockets. It is given records and gives back what was
 * said in them and what is to be sent; it knows no addresses, no sockets and no limits. Where Node brings DTLS itself,
 * that can stand behind this too.
 */
import type { Certificate } from "./certificate.ts";

export type DtlsEngine = {
  /** Which library, in words. */
  readonly name: string;
  /** Handshakes that begin from now on show this certificate. Throws in words where the library will not have it. */
  setCertificate(certificate: Certificate): void;
  /**
   * Reads a ClientHello and keeps nothing, unless it brings back a good cookie: then a conversation begins. Otherwise
   * `answer` asks for one.
   */
  handleHello(hello: Uint8Array, cookies: Cookies): { readonly answer: Uint8Array; readonly connection: DtlsConnection | null };
  close(): void;
};

/** What a client must show that its datagrams come from where they say. */
export type Cookies = { make(): Uint8Array; accepts(shown: Uint8Array): boolean };

/** One client, from his proven ClientHello to the end. After `over` it holds nothing any more. */
export type DtlsConnection = {
  /** One record, or null for what is already there: the ClientHello that began it. */
  receive(record: Uint8Array | null): StepResult;
  /** One message as a datagram, or null where it cannot be said. */
  encrypt(message: Uint8Array): Uint8Array | null;
  /** What is to be sent again by now. */
  retransmit(): StepResult;
  /** Says goodbye where that is possible, and ends. */
  close(): readonly Uint8Array[];
  /** Ends without a word. */
  free(): void;
};

export type StepResult = {
  readonly state: "shaking" | "open" | "over";
  /** Why it is over: one of a fixed set of words. */
  readonly why?: "alert" | "no_shared_cipher" | "version" | "protocol" | "goodbye";
  readonly messages: readonly Uint8Array[];
  readonly datagrams: readonly Uint8Array[];
};
