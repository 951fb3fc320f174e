/**
 * The interface of a DTLS implementation: records in, messages and records out. It knows no addresses, sockets or
 * limits, so that Node's DTLS can replace OpenSSL's if Node ever has one.
 */
import type { Certificate } from "./certificate.ts";

export type DtlsEngine = {
  /** Name and version of the library. */
  readonly name: string;
  /** New handshakes use this certificate. Throws with a sentence if the library refuses it. */
  setCertificate(certificate: Certificate): void;
  /**
   * Reads a ClientHello. Without a valid cookie it keeps no state and `answer` requests one; with a valid cookie it
   * returns a connection.
   */
  handleHello(
    hello: Uint8Array,
    cookies: Cookies,
  ): { readonly answer: Uint8Array; readonly connection: DtlsConnection | null };
  close(): void;
};

/** The cookies for one client address. */
export type Cookies = { make(): Uint8Array; accepts(cookie: Uint8Array): boolean };

/** One client, from its ClientHello with a valid cookie to the end. In the state `over` it holds no resources. */
export type DtlsConnection = {
  /** Handles one record, or null for the ClientHello that started the connection. */
  receive(record: Uint8Array | null): StepResult;
  /** One message as a datagram, or null if it cannot be encrypted. */
  encrypt(message: Uint8Array): Uint8Array | null;
  /** Retransmits what is due. */
  retransmit(): StepResult;
  /** Sends close_notify if possible, and ends. */
  close(): readonly Uint8Array[];
  /** Ends without a datagram. */
  free(): void;
};

export type StepResult = {
  readonly state: "shaking" | "open" | "over";
  /** Why it ended: one of a fixed set of words. */
  readonly why?: "alert" | "no_shared_cipher" | "version" | "protocol" | "goodbye";
  readonly messages: readonly Uint8Array[];
  readonly datagrams: readonly Uint8Array[];
};
