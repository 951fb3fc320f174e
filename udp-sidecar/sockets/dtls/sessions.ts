/**
 * The sessions of all ports: sorts records, keeps what a proven client may have, and forgets the rest.
 *
 *     ClientHello           -> the engine, which keeps nothing until a cookie comes back
 *     other records in clear-> the handshake of their source, if there is one: a live session has nothing in clear
 *     encrypted records     -> the live session; those of a handshake to the handshake that replaces it
 *
 * A new handshake from the same source leaves the live session alone until it is complete. It owns no socket and no
 * clock: whoever drives it says what came, and what time it is.
 */
import { type Endpoint, formatEndpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { DTLS_CLAIM_QUIET_MS, DTLS_EARLY_RECORDS_MAX, DTLS_RETRANSMIT_CHECK_MS, SOURCES_MAX } from "#shared/limits.ts";
import { BucketTable } from "#shared/rate-limit/token-bucket.ts";
import type { DtlsConfig } from "../../config/dtls.ts";
import type { Counters } from "../../core/counters.ts";
import { SourceCounter } from "../../core/source-counter.ts";
import { EndpointClaims } from "./endpoint-claims.ts";
import { CookieSigner } from "./cookies.ts";
import type { DtlsConnection, DtlsEngine, StepResult } from "./engine.ts";
import { type DtlsRecord, HANDSHAKE, helloOf, recordsOf } from "./records.ts";

export type DtlsLimits = Pick<
  DtlsConfig,
  | "dtls_sessions_max"
  | "dtls_handshakes_max"
  | "dtls_per_source_max"
  | "dtls_handshake"
  | "dtls_handshake_s"
  | "dtls_idle_s"
>;

/** A socket of ours, as the sessions know it. */
export type SocketRef = { readonly id: number; readonly port: number };

export type DtlsOutput<L extends SocketRef> = {
  send(lane: L, to: Endpoint, datagram: Uint8Array): void;
  /** Somebody said this; `from` is where he is to be met, which he may have claimed. */
  deliver(lane: L, from: Endpoint, message: Uint8Array): void;
};

type DtlsSession<L> = {
  readonly source: SourceSessions<L>;
  readonly connection: DtlsConnection;
  /** The random bytes of its ClientHello: the same again is a repetition. */
  readonly hello: string;
  readonly started_at: number;
  last_received_at: number;
  /** Encrypted records it was given before it was complete. */
  early_records: number;
  /** Where its client is to be met. */
  endpoint: Endpoint;
};

/** Everything about one source at one of our sockets. */
type SourceSessions<L> = {
  readonly key: string;
  readonly socket: L;
  readonly from: Endpoint;
  live: DtlsSession<L> | null;
  handshaking: DtlsSession<L> | null;
};

export class DtlsSessions<L extends SocketRef> {
  readonly #engine: DtlsEngine;
  readonly #limits: DtlsLimits;
  readonly #out: DtlsOutput<L>;
  readonly #counters: Counters;
  readonly #cookies: CookieSigner;
  readonly #limiter: BucketTable;
  readonly #sources = new Map<string, SourceSessions<L>>();
  /** Who is answered at a port under an endpoint: the one who spoke last, for a client may have two of our addresses. */
  readonly #byEndpoint = new Map<string, DtlsSession<L>>();
  readonly #handshaking = new Set<DtlsSession<L>>();
  /** Live sessions; the one that was heard least recently comes first. */
  readonly #live = new Set<DtlsSession<L>>();
  readonly #perSource = new SourceCounter();
  readonly #claims = new EndpointClaims<DtlsSession<L>>();
  #ticked_at = 0;

  constructor(engine: DtlsEngine, limits: DtlsLimits, out: DtlsOutput<L>, counters: Counters, now: number) {
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

  /** Sources about which anything is kept. */
  get size(): number {
    return this.#sources.size;
  }

  get handshaking(): number {
    return this.#handshaking.size;
  }

  receive(lane: L, from: Endpoint, datagram: Uint8Array, now: number): void {
    const key = `${lane.id} ${formatEndpoint(from)}`;
    for (const record of recordsOf(datagram)) {
      if (record === false) return this.#drop("malformed");
      const hello = helloOf(record);
      // Nothing belongs behind a ClientHello, and reading one costs more than anything else.
      if (hello !== null) return this.#handleHello(key, lane, from, record, hello, now);
      this.#handleRecord(record, this.#sources.get(key), now);
    }
  }

  /** A datagram in clear: true where it was a claim and is dealt with. */
  handleClaim(from: Endpoint, datagram: Uint8Array, now: number): boolean {
    const claim = this.#claims.verify(datagram, from, now);
    if (claim === null) return false;
    const { session, confirmed } = claim;
    const holder = this.#byEndpoint.get(endpointKey(session.source.socket.port, from));
    const taken = holder !== undefined && holder !== session && now - holder.last_received_at < DTLS_CLAIM_QUIET_MS;
    if (from.address !== session.source.from.address || taken) {
      this.#drop(taken ? "claim_taken" : "claim_elsewhere");
      return true;
    }
    this.#claims.bind(session, from);
    // Where it really is it stays within reach; only what it claimed before is another's to have.
    if (!sameEndpoint(session.endpoint, session.source.from)) this.#unlist(session, session.endpoint);
    session.endpoint = from;
    this.#list(session);
    this.#encryptAndSend(session, Buffer.from(confirmed));
    return true;
  }

  /** Says something to whoever has a session there; false where nobody has, and then it may not be said at all. */
  send(port: number, to: Endpoint, message: Uint8Array): boolean {
    const session = this.#byEndpoint.get(endpointKey(port, to));
    return session !== undefined && this.#encryptAndSend(session, message);
  }

  /** What time brings: repetitions, and the end of what took too long. */
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

  /** Says goodbye to everybody. */
  close(): void {
    for (const { handshaking: shaking, live } of this.#sources.values()) {
      if (shaking !== null) this.#end(shaking, "shutdown");
      if (live !== null) this.#close(live, "shutdown");
    }
  }

  // --- in --------------------------------------------------------------------------------------------------------

  #handleHello(key: string, lane: L, from: Endpoint, { bytes }: DtlsRecord, hello: string, now: number): void {
    const slot = this.#sources.get(key);
    // What it is answered with is on its way, and is repeated by itself.
    if (slot?.handshaking?.hello === hello || slot?.live?.hello === hello) return this.#drop("repeated_hello");
    const { answer, connection: begun } = this.#engine.handleHello(bytes, this.#cookies.for(key, now));
    if (begun !== null) return this.#startHandshake(key, lane, from, begun, hello, now);
    if (answer.length === 0) return this.#drop("bad_hello");
    // Nothing is proved yet: nobody may be sent more than somebody sent us.
    if (answer.length > bytes.length) return this.#drop("short_hello");
    this.#counters.add("dtls_greetings", "answered");
    this.#out.send(lane, from, answer);
  }

  #startHandshake(key: string, lane: L, from: Endpoint, conversation: DtlsConnection, hello: string, now: number): void {
    const full = this.#reasonFull(from, now);
    if (full !== null) {
      conversation.free();
      return this.#counters.add("dtls_failures", full);
    }
    const slot = this.#sources.get(key) ?? { key, socket: lane, from, live: null, handshaking: null };
    if (slot.handshaking !== null) this.#end(slot.handshaking, "superseded");
    // The oldest makes room: an honest client is done in a moment, and whoever only begins is not.
    const [oldest] = this.#handshaking;
    if (oldest !== undefined && this.#handshaking.size >= this.#limits.dtls_handshakes_max)
      this.#end(oldest, "crowded_out");
    this.#sources.set(key, slot);
    const session: DtlsSession<L> = { source: slot, connection: conversation, hello, started_at: now, last_received_at: now, early_records: 0, endpoint: from };
    slot.handshaking = session;
    this.#handshaking.add(session);
    this.#perSource.add(from.address, 1);
    this.#counters.add("dtls_handshakes", "started");
    this.#applyStep(session, conversation.receive(null), now);
  }

  #reasonFull({ address }: Endpoint, now: number): string | null {
    const { dtls_sessions_max, dtls_per_source_max } = this.#limits;
    if (!this.#limiter.consume(address, now)) return "source_rate";
    if (this.#perSource.of(address) >= dtls_per_source_max) return "source_share";
    return this.#live.size + this.#handshaking.size >= dtls_sessions_max ? "sessions_full" : null;
  }

  #handleRecord({ type, epoch, bytes }: DtlsRecord, slot: SourceSessions<L> | undefined, now: number): void {
    if (slot === undefined) return this.#drop("no_session");
    const ofHandshake = epoch === 0 || (type === HANDSHAKE && slot.handshaking !== null);
    const session = ofHandshake ? slot.handshaking : (slot.live ?? slot.handshaking);
    if (session === null) return this.#drop("in_clear");
    if (epoch === 1 && session === slot.handshaking && ++session.early_records > DTLS_EARLY_RECORDS_MAX) return this.#drop("early");
    this.#applyStep(session, session.connection.receive(bytes), now);
  }

  #applyStep(session: DtlsSession<L>, { state, why, messages: heard, datagrams: out }: StepResult, now: number): void {
    const { source: slot } = session;
    for (const datagram of out) this.#out.send(slot.socket, slot.from, datagram);
    if (state === "open" && slot.handshaking === session) this.#complete(session, now);
    if (slot.live === session) for (const message of heard) this.#deliverMessage(session, message, now);
    if (state === "over") this.#end(session, why ?? "protocol");
  }

  #complete(session: DtlsSession<L>, now: number): void {
    const { source: slot } = session;
    // Its client has forgotten it: whatever it were told, nobody could read it.
    if (slot.live !== null) this.#end(slot.live, "replaced");
    slot.handshaking = null;
    this.#handshaking.delete(session);
    slot.live = session;
    this.#live.add(session);
    session.last_received_at = now;
    this.#list(session);
    this.#counters.add("dtls_handshakes", "completed");
  }

  #deliverMessage(session: DtlsSession<L>, message: Uint8Array, now: number): void {
    session.last_received_at = now;
    this.#live.delete(session);
    this.#live.add(session);
    this.#list(session);
    const token = this.#claims.issueToken(message, session, now);
    if (token === null) this.#out.deliver(session.source.socket, session.endpoint, message);
    else this.#encryptAndSend(session, Buffer.from(token));
  }

  // --- out and away ----------------------------------------------------------------------------------------------

  #encryptAndSend(session: DtlsSession<L>, message: Uint8Array): boolean {
    const datagram = session.connection.encrypt(message);
    if (datagram === null) return false;
    this.#out.send(session.source.socket, session.source.from, datagram);
    return true;
  }

  #close(session: DtlsSession<L>, why: string): void {
    for (const datagram of session.connection.close()) {
      this.#out.send(session.source.socket, session.source.from, datagram);
    }
    this.#end(session, why);
  }

  /** Forgets a session and counts why: as a failure where it has never been complete. */
  #end(session: DtlsSession<L>, why: string): void {
    const { source: slot, connection: conversation, endpoint } = session;
    if (slot.handshaking === session) {
      slot.handshaking = null;
      this.#handshaking.delete(session);
      this.#counters.add("dtls_failures", why);
    } else if (slot.live === session) {
      slot.live = null;
      this.#live.delete(session);
      this.#counters.add("dtls_endings", why);
    } else return;
    conversation.free();
    this.#claims.forget(session);
    this.#perSource.add(slot.from.address, -1);
    for (const at of [slot.from, endpoint]) this.#unlist(session, at);
    if (slot.live === null && slot.handshaking === null) this.#sources.delete(slot.key);
  }

  /** From now on this session is answered where it is met. Who had only claimed that place is back at his own. */
  #list(session: DtlsSession<L>): void {
    const place = endpointKey(session.source.socket.port, session.endpoint);
    const holder = this.#byEndpoint.get(place);
    if (holder === session) return;
    if (holder !== undefined) holder.endpoint = holder.source.from;
    this.#byEndpoint.set(place, session);
  }

  #unlist(session: DtlsSession<L>, at: Endpoint): void {
    const place = endpointKey(session.source.socket.port, at);
    if (this.#byEndpoint.get(place) === session) this.#byEndpoint.delete(place);
  }

  #drop(why: string): void {
    this.#counters.add("dtls_dropped", why);
  }
}

const endpointKey = (port: number, at: Endpoint): string => `${port} ${formatEndpoint(at)}`;
