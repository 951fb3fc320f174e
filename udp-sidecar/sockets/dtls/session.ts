/** The types of DTLS sessions, shared by the session table and its index by endpoint. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { DtlsConfig } from "../../config/dtls.ts";
import type { DtlsConnection } from "./engine.ts";

export type DtlsLimits = Pick<
  DtlsConfig,
  | "dtls_sessions_max"
  | "dtls_handshakes_max"
  | "dtls_per_source_max"
  | "dtls_handshake"
  | "dtls_handshake_s"
  | "dtls_idle_s"
>;

/** A socket, as the sessions identify it. */
export type SocketRef = { readonly id: number; readonly port: number };

export type DtlsOutput<S extends SocketRef> = {
  send(lane: S, to: Endpoint, datagram: Uint8Array): void;
  /** A decrypted message; `from` is the client's endpoint, which it may have claimed. */
  deliver(lane: S, from: Endpoint, message: Uint8Array): void;
};

export type DtlsSession<S> = {
  readonly source: SourceSessions<S>;
  readonly connection: DtlsConnection;
  /** The random bytes of its ClientHello, to recognize a retransmission. */
  readonly hello: string;
  readonly started_at: number;
  last_received_at: number;
  /** Encrypted records received before the handshake was complete. */
  early_records: number;
  /** The client's endpoint for other peers; it may be a claimed one. */
  endpoint: Endpoint;
};

/** All state of one source at one socket. */
export type SourceSessions<S> = {
  readonly key: string;
  readonly socket: S;
  readonly from: Endpoint;
  live: DtlsSession<S> | null;
  handshaking: DtlsSession<S> | null;
};
