/**
 * DTLS clients that use the same OpenSSL, and server sessions without sockets. Each datagram between them is a value that
 * a test may inspect, store, modify or drop.
 */
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { Counters } from "../../udp-sidecar/core/counters.ts";
import { type Certificate, createIfMissing, readCertificate } from "../../udp-sidecar/sockets/dtls/certificate.ts";
import type { DtlsConnection, DtlsEngine } from "../../udp-sidecar/sockets/dtls/engine.ts";
import { type OpenSslLibrary, loadOpenSsl, type Pointer } from "../../udp-sidecar/sockets/dtls/openssl-ffi.ts";
import { configure, openSsl, OpenSslConnection } from "../../udp-sidecar/sockets/dtls/openssl.ts";
import { allocated, Ssl } from "../../udp-sidecar/sockets/dtls/ssl.ts";
import { recordsOf } from "../../udp-sidecar/sockets/dtls/records.ts";
import type { DtlsLimits, SocketRef } from "../../udp-sidecar/sockets/dtls/session.ts";
import { DtlsSessions } from "../../udp-sidecar/sockets/dtls/sessions.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const MTU_BYTES = 1_232;
export const T0 = Date.UTC(2025, 0, 1);
export const LIMITS: DtlsLimits = {
  dtls_sessions_max: 1_000,
  dtls_handshakes_max: 1_000,
  dtls_per_source_max: 1_000,
  dtls_handshake: { per_s: 32, burst: 256 },
  dtls_handshake_s: 10,
  dtls_idle_s: 120,
};

/** A certificate as the first start of a sidecar creates it. */
export function freshCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "parley-dtls-"));
  const [cert, key] = [join(folder, "dtls.crt"), join(folder, "dtls.key")];
  try {
    createIfMissing(cert, key);
    return readCertificate(cert, key, Date.now());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Creates clients, which trust every certificate, because trust is tested elsewhere. */
export class DtlsClientFactory {
  readonly #library: OpenSslLibrary;
  readonly #ctx: Pointer;

  private constructor(library: OpenSslLibrary) {
    this.#library = library;
    this.#ctx = allocated(library.SSL_CTX_new(library.DTLS_client_method()));
    configure(library, this.#ctx);
  }

  static async load(): Promise<DtlsClientFactory> {
    return new DtlsClientFactory(await loadOpenSsl());
  }

  /** Its first step without a datagram returns the first ClientHello. */
  create(): DtlsConnection {
    const ssl = new Ssl(this.#library, this.#ctx, MTU_BYTES);
    this.#library.SSL_set_connect_state(ssl.pointer);
    return new OpenSslConnection(this.#library, ssl, MTU_BYTES);
  }
}

/** A client at an endpoint, and the messages that it received. */
export class DtlsTestClient {
  readonly at: Endpoint;
  readonly received: string[] = [];
  state: "shaking" | "open" | "over" = "shaking";
  why: string | undefined;
  readonly conversation: DtlsConnection;

  constructor(conversation: DtlsConnection, at: Endpoint) {
    this.conversation = conversation;
    this.at = at;
  }

  /** Handles a datagram and returns the answers. */
  step(datagram: Uint8Array | null): readonly Uint8Array[] {
    const records = datagram === null ? [null] : [...recordsOf(datagram)];
    return records.flatMap((record) => {
      if (record === false) return [];
      const took = this.conversation.receive(record === null ? null : record.bytes);
      this.state = took.state;
      this.why = took.why ?? this.why;
      this.received.push(...took.messages.map((message) => Buffer.from(message).toString()));
      return took.datagrams;
    });
  }

  encrypt(text: string): Uint8Array {
    const datagram = this.conversation.encrypt(Buffer.from(text));
    if (datagram === null) throw new Error("the client has no session");
    return datagram;
  }
}

/** Server sessions of port 3478 that echo every message, and a network without delay. */
export class DtlsTestServer {
  readonly counters = new Counters();
  readonly sessions: DtlsSessions<SocketRef>;
  /** The messages that the server received, with their sources. */
  readonly received: string[] = [];
  /** The datagrams that the server sent, newest last. */
  readonly sent: { readonly to: Endpoint; readonly datagram: Uint8Array }[] = [];
  /** Bytes received and sent. */
  bytes = { in: 0, out: 0 };
  now = T0;
  readonly lane: SocketRef = { id: 0, port: 3_478 };
  readonly engine: DtlsEngine;
  readonly #clients: DtlsClientFactory;
  readonly #at = new Map<string, DtlsTestClient>();
  #next = 1;

  private constructor(engine: DtlsEngine, clients: DtlsClientFactory, limits: DtlsLimits) {
    this.engine = engine;
    this.#clients = clients;
    const out = {
      send: (_: SocketRef, to: Endpoint, datagram: Uint8Array) => {
        this.bytes.out += datagram.length;
        this.sent.push({ to, datagram });
      },
      deliver: ({ port }: SocketRef, from: Endpoint, message: Uint8Array) => {
        this.received.push(`${formatEndpoint(from)} ${Buffer.from(message).toString()}`);
        this.sessions.send(port, from, message);
      },
    };
    this.sessions = new DtlsSessions(engine, limits, out, this.counters, T0);
  }

  static async open(limits: Partial<DtlsLimits> = {}, certificate = freshCertificate()): Promise<DtlsTestServer> {
    return new DtlsTestServer(await openSsl(certificate, MTU_BYTES), await DtlsClientFactory.load(), {
      ...LIMITS,
      ...limits,
    });
  }

  /** A client that has sent nothing yet, at a new address by default. */
  client(at: Endpoint = this.#address()): DtlsTestClient {
    const client = new DtlsTestClient(this.#clients.create(), at);
    this.#at.set(formatEndpoint(at), client);
    return client;
  }

  /** A client with an open session. */
  connect(at?: Endpoint): DtlsTestClient {
    const client = this.client(at);
    this.deliver(client, client.step(null));
    if (client.state !== "open") throw new Error(`no session: ${client.state} ${client.why}`);
    return client;
  }

  /** Delivers datagrams to the server, and then all answers in both directions. */
  deliver(from: DtlsTestClient, datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.deliverOne(from.at, datagram);
    for (let item = this.sent.shift(); item !== undefined; item = this.sent.shift()) {
      const to = this.#at.get(formatEndpoint(item.to));
      if (to === undefined) continue;
      for (const answer of to.step(item.datagram)) this.deliverOne(to.at, answer);
    }
  }

  /** Delivers one datagram from any endpoint to the server; the answers wait in `sent`. */
  deliverOne(from: Endpoint, datagram: Uint8Array): void {
    this.bytes.in += datagram.length;
    this.sessions.receive(this.lane, from, datagram, this.now);
  }

  /** The client sends a message and expects its echo. */
  echoes(client: DtlsTestClient, text: string): boolean {
    const before = client.received.length;
    this.deliver(client, [client.encrypt(text)]);
    return client.received.length === before + 1 && client.received.at(-1) === text;
  }

  /** Frees a client, because some tests create thousands. */
  removeClient(client: DtlsTestClient): void {
    client.conversation.free();
    this.#at.delete(formatEndpoint(client.at));
  }

  count(what: "dtls_failures" | "dtls_endings" | "dtls_dropped" | "dtls_handshakes", which: string): number {
    return this.counters.get(what, which);
  }

  #address(): Endpoint {
    const n = this.#next++;
    return { address: `198.51.${(n >> 8) & 255}.${n & 255}`, port: 1_024 + (n >> 16) };
  }
}
