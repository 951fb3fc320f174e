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
import { type Endpoint, formatEndpoint, sameEndpoint, sourceOf } from "#shared/net/endpoint.ts";
import { DTLS_CLAIM_QUIET_MS, DTLS_EARLY_RECORDS_MAX, DTLS_LOOK_MS, SOURCES_MAX } from "#shared/limits.ts";
import { Guard } from "#shared/rate-limit/token-bucket.ts";
import type { DtlsConfig } from "../../config/dtls.ts";
import type { Tally } from "../../core/counters.ts";
import { Claims } from "./endpoint-claims.ts";
import { CookieJar } from "./cookies.ts";
import type { Conversation, Engine, Took } from "./engine.ts";
import { type DtlsRecord, HANDSHAKE, helloOf, recordsOf } from "./records.ts";

export type Limits = Pick<
  DtlsConfig,
  | "dtls_sessions_max"
  | "dtls_handshakes_max"
  | "dtls_per_source_max"
  | "dtls_handshake"
  | "dtls_handshake_s"
  | "dtls_idle_s"
>;

/** A socket of ours, as the sessions know it. */
export type Lane = { readonly id: number; readonly port: number };

export type Out<L extends Lane> = {
  send(lane: L, to: Endpoint, datagram: Uint8Array): void;
  /** Somebody said this; `from` is where he is to be met, which he may have claimed. */
  hear(lane: L, from: Endpoint, message: Uint8Array): void;
};

type Session<L> = {
  readonly slot: Slot<L>;
  readonly conversation: Conversation;
  /** The random bytes of its ClientHello: the same again is a repetition. */
  readonly hello: string;
  readonly began_at: number;
  heard_at: number;
  /** Encrypted records it was given before it was complete. */
  early: number;
  /** Where its client is to be met. */
  endpoint: Endpoint;
};

/** Everything about one source at one of our sockets. */
type Slot<L> = {
  readonly key: string;
  readonly lane: L;
  readonly from: Endpoint;
  live: Session<L> | null;
  shaking: Session<L> | null;
};

export class Sessions<L extends Lane> {
  readonly #engine: Engine;
  readonly #limits: Limits;
  readonly #out: Out<L>;
  readonly #tally: Tally;
  readonly #cookies: CookieJar;
  readonly #guard: Guard;
  readonly #slots = new Map<string, Slot<L>>();
  /** Who is answered at a port under an endpoint: the one who spoke last, for a client may have two of our addresses. */
  readonly #answered = new Map<string, Session<L>>();
  readonly #shaking = new Set<Session<L>>();
  /** Live sessions; the one that was heard least recently comes first. */
  readonly #live = new Set<Session<L>>();
  readonly #perSource = new Map<string, number>();
  readonly #claims = new Claims<Session<L>>();
  #looked_at = 0;

  constructor(engine: Engine, limits: Limits, out: Out<L>, tally: Tally, now: number) {
    this.#engine = engine;
    this.#limits = limits;
    this.#out = out;
    this.#tally = tally;
    this.#cookies = new CookieJar(now);
    this.#guard = new Guard(limits.dtls_handshake, SOURCES_MAX);
  }

  get live(): number {
    return this.#live.size;
  }

  /** Sources about which anything is kept. */
  get size(): number {
    return this.#slots.size;
  }

  get shaking(): number {
    return this.#shaking.size;
  }

  receive(lane: L, from: Endpoint, datagram: Uint8Array, now: number): void {
    const key = `${lane.id} ${formatEndpoint(from)}`;
    for (const record of recordsOf(datagram)) {
      if (record === false) return this.#drop("malformed");
      const hello = helloOf(record);
      // Nothing belongs behind a ClientHello, and reading one costs more than anything else.
      if (hello !== null) return this.#greet(key, lane, from, record, hello, now);
      this.#deliver(record, this.#slots.get(key), now);
    }
  }

  /** A datagram in clear: true where it was a claim and is dealt with. */
  claim(from: Endpoint, datagram: Uint8Array, now: number): boolean {
    const claim = this.#claims.hear(datagram, from, now);
    if (claim === null) return false;
    const { session, confirmed } = claim;
    const holder = this.#answered.get(placeOf(session.slot.lane.port, from));
    const taken = holder !== undefined && holder !== session && now - holder.heard_at < DTLS_CLAIM_QUIET_MS;
    if (from.address !== session.slot.from.address || taken) {
      this.#drop(taken ? "claim_taken" : "claim_elsewhere");
      return true;
    }
    this.#claims.settle(session, from);
    // Where it really is it stays within reach; only what it claimed before is another's to have.
    if (!sameEndpoint(session.endpoint, session.slot.from)) this.#unlist(session, session.endpoint);
    session.endpoint = from;
    this.#place(session);
    this.#say(session, Buffer.from(confirmed));
    return true;
  }

  /** Says something to whoever has a session there; false where nobody has, and then it may not be said at all. */
  say(port: number, to: Endpoint, message: Uint8Array): boolean {
    const session = this.#answered.get(placeOf(port, to));
    return session !== undefined && this.#say(session, message);
  }

  /** What time brings: repetitions, and the end of what took too long. */
  pass(now: number): void {
    if (now >= this.#looked_at && now - this.#looked_at < DTLS_LOOK_MS) return;
    this.#looked_at = now;
    const { dtls_handshake_s, dtls_idle_s } = this.#limits;
    for (const session of this.#shaking) {
      if (now - session.began_at >= dtls_handshake_s * 1_000) this.#end(session, "timeout");
      else this.#took(session, session.conversation.repeat(), now);
    }
    for (const session of this.#live) {
      if (now - session.heard_at < dtls_idle_s * 1_000) break;
      this.#close(session, "idle");
    }
  }

  /** Says goodbye to everybody. */
  close(): void {
    for (const { shaking, live } of this.#slots.values()) {
      if (shaking !== null) this.#end(shaking, "shutdown");
      if (live !== null) this.#close(live, "shutdown");
    }
  }

  // --- in --------------------------------------------------------------------------------------------------------

  #greet(key: string, lane: L, from: Endpoint, { bytes }: DtlsRecord, hello: string, now: number): void {
    const slot = this.#slots.get(key);
    // What it is answered with is on its way, and is repeated by itself.
    if (slot?.shaking?.hello === hello || slot?.live?.hello === hello) return this.#drop("repeated_hello");
    const { answer, begun } = this.#engine.greet(bytes, this.#cookies.for(key, now));
    if (begun !== null) return this.#begin(key, lane, from, begun, hello, now);
    if (answer.length === 0) return this.#drop("bad_hello");
    // Nothing is proved yet: nobody may be sent more than somebody sent us.
    if (answer.length > bytes.length) return this.#drop("short_hello");
    this.#tally.add("dtls_greetings", "answered");
    this.#out.send(lane, from, answer);
  }

  #begin(key: string, lane: L, from: Endpoint, conversation: Conversation, hello: string, now: number): void {
    const full = this.#isFull(from, now);
    if (full !== null) {
      conversation.free();
      return this.#tally.add("dtls_failures", full);
    }
    const slot = this.#slots.get(key) ?? { key, lane, from, live: null, shaking: null };
    if (slot.shaking !== null) this.#end(slot.shaking, "superseded");
    // The oldest makes room: an honest client is done in a moment, and whoever only begins is not.
    const [oldest] = this.#shaking;
    if (oldest !== undefined && this.#shaking.size >= this.#limits.dtls_handshakes_max)
      this.#end(oldest, "crowded_out");
    this.#slots.set(key, slot);
    const session: Session<L> = { slot, conversation, hello, began_at: now, heard_at: now, early: 0, endpoint: from };
    slot.shaking = session;
    this.#shaking.add(session);
    this.#count(from, 1);
    this.#tally.add("dtls_handshakes", "started");
    this.#took(session, conversation.take(null), now);
  }

  #isFull({ address }: Endpoint, now: number): string | null {
    const { dtls_sessions_max, dtls_per_source_max } = this.#limits;
    if (!this.#guard.allows(address, now)) return "source_rate";
    if ((this.#perSource.get(sourceOf(address)) ?? 0) >= dtls_per_source_max) return "source_share";
    return this.#live.size + this.#shaking.size >= dtls_sessions_max ? "sessions_full" : null;
  }

  #deliver({ type, epoch, bytes }: DtlsRecord, slot: Slot<L> | undefined, now: number): void {
    if (slot === undefined) return this.#drop("no_session");
    const ofHandshake = epoch === 0 || (type === HANDSHAKE && slot.shaking !== null);
    const session = ofHandshake ? slot.shaking : (slot.live ?? slot.shaking);
    if (session === null) return this.#drop("in_clear");
    if (epoch === 1 && session === slot.shaking && ++session.early > DTLS_EARLY_RECORDS_MAX) return this.#drop("early");
    this.#took(session, session.conversation.take(bytes), now);
  }

  #took(session: Session<L>, { state, why, heard, out }: Took, now: number): void {
    const { slot } = session;
    for (const datagram of out) this.#out.send(slot.lane, slot.from, datagram);
    if (state === "open" && slot.shaking === session) this.#complete(session, now);
    if (slot.live === session) for (const message of heard) this.#hear(session, message, now);
    if (state === "over") this.#end(session, why ?? "protocol");
  }

  #complete(session: Session<L>, now: number): void {
    const { slot } = session;
    // Its client has forgotten it: whatever it were told, nobody could read it.
    if (slot.live !== null) this.#end(slot.live, "replaced");
    slot.shaking = null;
    this.#shaking.delete(session);
    slot.live = session;
    this.#live.add(session);
    session.heard_at = now;
    this.#place(session);
    this.#tally.add("dtls_handshakes", "completed");
  }

  #hear(session: Session<L>, message: Uint8Array, now: number): void {
    session.heard_at = now;
    this.#live.delete(session);
    this.#live.add(session);
    this.#place(session);
    const token = this.#claims.ask(message, session, now);
    if (token === null) this.#out.hear(session.slot.lane, session.endpoint, message);
    else this.#say(session, Buffer.from(token));
  }

  // --- out and away ----------------------------------------------------------------------------------------------

  #say(session: Session<L>, message: Uint8Array): boolean {
    const datagram = session.conversation.say(message);
    if (datagram === null) return false;
    this.#out.send(session.slot.lane, session.slot.from, datagram);
    return true;
  }

  #close(session: Session<L>, why: string): void {
    for (const datagram of session.conversation.close()) {
      this.#out.send(session.slot.lane, session.slot.from, datagram);
    }
    this.#end(session, why);
  }

  /** Forgets a session and counts why: as a failure where it has never been complete. */
  #end(session: Session<L>, why: string): void {
    const { slot, conversation, endpoint } = session;
    if (slot.shaking === session) {
      slot.shaking = null;
      this.#shaking.delete(session);
      this.#tally.add("dtls_failures", why);
    } else if (slot.live === session) {
      slot.live = null;
      this.#live.delete(session);
      this.#tally.add("dtls_endings", why);
    } else return;
    conversation.free();
    this.#claims.forget(session);
    this.#count(slot.from, -1);
    for (const at of [slot.from, endpoint]) this.#unlist(session, at);
    if (slot.live === null && slot.shaking === null) this.#slots.delete(slot.key);
  }

  /** From now on this session is answered where it is met. Who had only claimed that place is back at his own. */
  #place(session: Session<L>): void {
    const place = placeOf(session.slot.lane.port, session.endpoint);
    const holder = this.#answered.get(place);
    if (holder === session) return;
    if (holder !== undefined) holder.endpoint = holder.slot.from;
    this.#answered.set(place, session);
  }

  #unlist(session: Session<L>, at: Endpoint): void {
    const place = placeOf(session.slot.lane.port, at);
    if (this.#answered.get(place) === session) this.#answered.delete(place);
  }

  #count({ address }: Endpoint, by: 1 | -1): void {
    const source = sourceOf(address);
    const count = (this.#perSource.get(source) ?? 0) + by;
    if (count === 0) this.#perSource.delete(source);
    else this.#perSource.set(source, count);
  }

  #drop(why: string): void {
    this.#tally.add("dtls_dropped", why);
  }
}

const placeOf = (port: number, at: Endpoint): string => `${port} ${formatEndpoint(at)}`;
