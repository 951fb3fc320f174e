/**
 * The DTLS sessions of all ports: sorts records, keeps limited state for clients with a valid cookie, and drops the
 * rest.
 *
 *     ClientHello           -> the engine, which keeps no state before a valid cookie
 *     other clear records   -> the handshake of their source, if there is one: a live session has no clear records
 *     encrypted records     -> the live session; handshake records: the new handshake
 *
 * A new handshake from the same source does not affect the live session until it is complete. This file owns no socket
 * and no clock; the UDP ports pass datagrams and the time.
 */
import { type Endpoint, formatEndpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { DTLS_CLAIM_QUIET_MS, DTLS_EARLY_RECORDS_MAX, DTLS_RETRANSMIT_CHECK_MS, SOURCES_MAX } from "#shared/limits.ts";
import { BucketTable } from "#shared/rate-limit/token-bucket.ts";
import type { Counters } from "../../core/counters.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import { EndpointClaims } from "./endpoint-claims.ts";
import { EndpointIndex } from "./endpoint-index.ts";
import { CookieSigner } from "./cookies.ts";
import type { DtlsConnection, DtlsEngine, StepResult } from "./engine.ts";
import type { DtlsLimits, DtlsOutput, DtlsSession, SocketRef, SourceSessions } from "./session.ts";
import { type DtlsRecord, HANDSHAKE, helloOf, recordsOf } from "./records.ts";

export class DtlsSessions<S extends SocketRef> {
  readonly #engine: DtlsEngine;
  readonly #limits: DtlsLimits;
  readonly #out: DtlsOutput<S>;
  readonly #counters: Counters;
  readonly #cookies: CookieSigner;
  readonly #limiter: BucketTable;
  readonly #sources = new Map<string, SourceSessions<S>>();
  readonly #byEndpoint = new EndpointIndex<S>();
  readonly #handshaking = new Set<DtlsSession<S>>();
  /** Live sessions, the longest silent first. */
  readonly #live = new Set<DtlsSession<S>>();
  readonly #perSource = new SourceCounter();
  readonly #claims = new EndpointClaims<DtlsSession<S>>();
  #ticked_at = 0;

  constructor(engine: DtlsEngine, limits: DtlsLimits, out: DtlsOutput<S>, counters: Counters, now: number) {
    this.#engine = engine;
    this.#limits = limits;
    this.#out = out;
    this.#counters = counters;
    this.#cookies = new CookieSigner(now);
    this.#limiter = new BucketTable(limits.dtls_handshake, SOURCES_MAX);
  }

  get live(): number {
    return this.#live.size;
  }

  /** Sources with any state. */
  get size(): number {
    return this.#sources.size;
  }

  get handshaking(): number {
    return this.#handshaking.size;
  }

  receive(socket: S, from: Endpoint, datagram: Uint8Array, now: number): void {
    const key = `${socket.id} ${formatEndpoint(from)}`;
    for (const record of recordsOf(datagram)) {
      if (record === false) return this.#drop("malformed");
      const hello = helloOf(record);
      // No record follows a ClientHello, and reading one is the most expensive step.
      if (hello !== null) return this.#handleHello(key, socket, from, record, hello, now);
      this.#handleRecord(record, this.#sources.get(key), now);
    }
  }

  /** Handles a datagram in clear text. True if it was a claim. */
  handleClaim(from: Endpoint, datagram: Uint8Array, now: number): boolean {
    const claim = this.#claims.verify(datagram, from, now);
    if (claim === null) return false;
    const { session, confirmation } = claim;
    const holder = this.#byEndpoint.get(session.source.socket.port, from);
    const isTaken = holder !== undefined && holder !== session && now - holder.last_received_at < DTLS_CLAIM_QUIET_MS;
    if (from.address !== session.source.from.address || isTaken) {
      this.#drop(isTaken ? "claim_taken" : "claim_elsewhere");
      return true;
    }
    this.#claims.bind(session, from);
    // The session's real endpoint stays listed; only an earlier claimed one is released.
    if (!sameEndpoint(session.endpoint, session.source.from)) this.#byEndpoint.delete(session, session.endpoint);
    session.endpoint = from;
    this.#byEndpoint.set(session);
    this.#encryptAndSend(session, Buffer.from(confirmation));
    return true;
  }

  /**
   * Sends a message to the session at this endpoint. False if there is none; the message must then not be sent in clear
   * text.
   */
  send(port: number, to: Endpoint, message: Uint8Array): boolean {
    const session = this.#byEndpoint.get(port, to);
    return session !== undefined && this.#encryptAndSend(session, message);
  }

  /** Retransmits, and ends handshakes and sessions that took too long. */
  tick(now: number): void {
    if (now >= this.#ticked_at && now - this.#ticked_at < DTLS_RETRANSMIT_CHECK_MS) return;
    this.#ticked_at = now;
    const { dtls_handshake_s, dtls_idle_s } = this.#limits;
    for (const session of this.#handshaking) {
      if (now - session.started_at >= dtls_handshake_s * 1_000) this.#end(session, "timeout");
      else this.#applyStep(session, session.connection.retransmit(), now);
    }
    for (const session of this.#live) {
      if (now - session.last_received_at < dtls_idle_s * 1_000) break;
      this.#close(session, "idle");
    }
  }

  /** Closes all sessions. */
  close(): void {
    for (const { handshaking, live } of this.#sources.values()) {
      if (handshaking !== null) this.#end(handshaking, "shutdown");
      if (live !== null) this.#close(live, "shutdown");
    }
  }

  // --- in --------------------------------------------------------------------------------------------------------

  #handleHello(key: string, socket: S, from: Endpoint, { bytes }: DtlsRecord, hello: string, now: number): void {
    const source = this.#sources.get(key);
    // The reply was sent and is retransmitted automatically.
    if (source?.handshaking?.hello === hello || source?.live?.hello === hello) return this.#drop("repeated_hello");
    const { answer, connection } = this.#engine.handleHello(bytes, this.#cookies.for(key, now));
    if (connection !== null) return this.#startHandshake(key, socket, from, connection, hello, now);
    if (answer.length === 0) return this.#drop("bad_hello");
    // The source is not verified yet, so the reply must not be longer than the request.
    if (answer.length > bytes.length) return this.#drop("short_hello");
    this.#counters.add("dtls_greetings", "answered");
    this.#out.send(socket, from, answer);
  }

  #startHandshake(
    key: string,
    socket: S,
    from: Endpoint,
    connection: DtlsConnection,
    hello: string,
    now: number,
  ): void {
    const refusal = this.#refusalFor(from, now);
    if (refusal !== null) {
      connection.free();
      return this.#counters.add("dtls_failures", refusal);
    }
    const source = this.#sources.get(key) ?? { key, socket, from, live: null, handshaking: null };
    if (source.handshaking !== null) this.#end(source.handshaking, "superseded");
    // The oldest handshake is evicted: a normal client completes quickly, an attacker never does.
    const [oldest] = this.#handshaking;
    if (oldest !== undefined && this.#handshaking.size >= this.#limits.dtls_handshakes_max)
      this.#end(oldest, "crowded_out");
    this.#sources.set(key, source);
    const session: DtlsSession<S> = {
      source,
      connection,
      hello,
      started_at: now,
      last_received_at: now,
      early_records: 0,
      endpoint: from,
    };
    source.handshaking = session;
    this.#handshaking.add(session);
    this.#perSource.add(from.address, 1);
    this.#counters.add("dtls_handshakes", "started");
    this.#applyStep(session, connection.receive(null), now);
  }

  #refusalFor({ address }: Endpoint, now: number): string | null {
    const { dtls_sessions_max: size_max, dtls_per_source_max: per_source_max } = this.#limits;
    if (!this.#limiter.consume(address, now)) return "source_rate";
    if (this.#live.size + this.#handshaking.size >= size_max) return "sessions_full";
    return this.#perSource.hasRoom(address, { size_max, per_source_max }) ? null : "source_share";
  }

  #handleRecord({ type, epoch, bytes }: DtlsRecord, source: SourceSessions<S> | undefined, now: number): void {
    if (source === undefined) return this.#drop("no_session");
    const isHandshake = epoch === 0 || (type === HANDSHAKE && source.handshaking !== null);
    const session = isHandshake ? source.handshaking : (source.live ?? source.handshaking);
    if (session === null) return this.#drop("in_clear");
    if (epoch === 1 && session === source.handshaking && ++session.early_records > DTLS_EARLY_RECORDS_MAX)
      return this.#drop("early");
    this.#applyStep(session, session.connection.receive(bytes), now);
  }

  #applyStep(session: DtlsSession<S>, { state, why, messages, datagrams }: StepResult, now: number): void {
    const { source } = session;
    for (const datagram of datagrams) this.#out.send(source.socket, source.from, datagram);
    if (state === "open" && source.handshaking === session) this.#complete(session, now);
    if (source.live === session) for (const message of messages) this.#deliverMessage(session, message, now);
    if (state === "over") this.#end(session, why ?? "protocol");
  }

  #complete(session: DtlsSession<S>, now: number): void {
    const { source } = session;
    // The client has discarded the old session and could not read its messages.
    if (source.live !== null) this.#end(source.live, "replaced");
    source.handshaking = null;
    this.#handshaking.delete(session);
    source.live = session;
    this.#live.add(session);
    session.last_received_at = now;
    this.#byEndpoint.set(session);
    this.#counters.add("dtls_handshakes", "completed");
  }

  #deliverMessage(session: DtlsSession<S>, message: Uint8Array, now: number): void {
    session.last_received_at = now;
    this.#live.delete(session);
    this.#live.add(session);
    this.#byEndpoint.set(session);
    const token = this.#claims.issueToken(message, session, now);
    if (token === null) this.#out.deliver(session.source.socket, session.endpoint, message);
    else this.#encryptAndSend(session, Buffer.from(token));
  }

  // --- out and away ----------------------------------------------------------------------------------------------

  #encryptAndSend(session: DtlsSession<S>, message: Uint8Array): boolean {
    const datagram = session.connection.encrypt(message);
    if (datagram === null) return false;
    this.#out.send(session.source.socket, session.source.from, datagram);
    return true;
  }

  #close(session: DtlsSession<S>, why: string): void {
    for (const datagram of session.connection.close()) {
      this.#out.send(session.source.socket, session.source.from, datagram);
    }
    this.#end(session, why);
  }

  /** Removes a session and counts why: as a failure if its handshake was not complete. */
  #end(session: DtlsSession<S>, why: string): void {
    const { source, connection, endpoint } = session;
    if (source.handshaking === session) {
      source.handshaking = null;
      this.#handshaking.delete(session);
      this.#counters.add("dtls_failures", why);
    } else if (source.live === session) {
      source.live = null;
      this.#live.delete(session);
      this.#counters.add("dtls_endings", why);
    } else return;
    connection.free();
    this.#claims.forget(session);
    this.#perSource.add(source.from.address, -1);
    for (const at of [source.from, endpoint]) this.#byEndpoint.delete(session, at);
    if (source.live === null && source.handshaking === null) this.#sources.delete(source.key);
  }

  #drop(why: string): void {
    this.#counters.add("dtls_dropped", why);
  }
}
