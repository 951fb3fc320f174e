/**
 * The send credit of endpoints that have not proved that they receive. The source of a UDP datagram can be forged, so a
 * sidecar without this limit would send a victim much more than the attacker sent (RFC 9000 section 8.1 limits QUIC
 * servers for the same reason).
 *
 *     sent to all endpoints <= one fixed allowance for each source + what all datagrams earned
 *
 * - An endpoint earns `EARNED_FACTOR` times the bytes that arrive from it, and `EARLY_FACTOR` times while its source's
 *   early bytes last. Only this endpoint can use them, so a forger cannot use up the credit of its neighbours.
 * - A request that causes a datagram to another endpoint gives it part of what the request earned.
 * - Every source (IPv4 address, IPv6 /64) has a fixed allowance, whatever number of endpoints and lobbies it has: real
 *   requests are short. A part of it is for start lines alone. They are long, are sent to many members at once, and a
 *   member that misses them all misses the game.
 * - The allowances of all sources together have a budget, so that many forged sources do not add up.
 * - Loopback endpoints need no credit: kernels discard datagrams from outside with such a source (RFC 1122 section
 *   3.2.1.3), so it cannot be forged. A developer's machine has all players at one source.
 * - All of these refill slowly. The tables are bounded: an endpoint or source that is forgotten begins again.
 */
import { type Endpoint, isLoopback, sameEndpoint, sourceOf } from "#shared/net/endpoint.ts";
import {
  CREDIT_ALL_BURST_BYTES,
  CREDIT_ALL_PER_S,
  CREDIT_ALLOWANCE_BYTES,
  CREDIT_EARLY_BYTES,
  CREDIT_EARLY_FACTOR as EARLY_FACTOR,
  CREDIT_FACTOR as EARNED_FACTOR,
  CREDIT_REFILL_S,
  CREDIT_SAVED_BYTES_MAX,
  CREDIT_START_BYTES,
  SOURCES_MAX,
} from "#shared/limits.ts";
import { type Bucket, fullBucket, refill } from "#shared/rate-limit/token-bucket.ts";
import type { CreditTerms } from "../protocols/wire.ts";
import { RecentMap } from "./recent-map.ts";

/** The part of the allowance for all datagrams. */
const GENERAL_BYTES = CREDIT_ALLOWANCE_BYTES - CREDIT_START_BYTES;

const ALL = { per_s: CREDIT_ALL_PER_S, burst: CREDIT_ALL_BURST_BYTES };

/** `general` and `starts`: what is left of the allowance for all datagrams, and for start lines alone. */
type SourceCredit = { general: number; starts: number; early: number; at: number };

/**
 * The credit of one endpoint. `late`: the early bytes of its source did not cover its last datagram. `loopback`: it needs
 * no credit.
 */
export type EndpointCredit = {
  earned: number;
  readonly source: SourceCredit;
  late: boolean;
  readonly loopback: boolean;
};

export class SendCredit {
  readonly #endpoints: RecentMap<string, EndpointCredit>;
  readonly #sources: RecentMap<string, SourceCredit>;
  /** What the allowances of all sources together may still send. */
  readonly #all: Bucket = fullBucket(ALL, 0);
  /** Recent lookups by port: a reply follows its request, and clients send again. */
  readonly #recent = Array.from<Lookup | null>({ length: LOOKUPS }).fill(null);

  constructor(size_max = SOURCES_MAX) {
    this.#endpoints = new RecentMap(size_max);
    this.#sources = new RecentMap(size_max);
  }

  get size(): number {
    return this.#endpoints.size;
  }

  /** A datagram of this length arrived from the endpoint. */
  receive(from: Endpoint, bytes: number, now: number): EndpointCredit {
    const credit = this.of(from, now);
    const { source } = credit;
    const early = Math.min(source.early, bytes);
    source.early -= early;
    const late = bytes - early;
    credit.late = late > 0;
    const earned = early * EARLY_FACTOR + late * EARNED_FACTOR;
    credit.earned = Math.min(CREDIT_SAVED_BYTES_MAX, credit.earned + earned);
    return credit;
  }

  /** Whether so many bytes can be sent on these terms. */
  covers(
    { earned, source, loopback }: EndpointCredit,
    bytes: number,
    { reserve = 0, start, share = 1 }: CreditTerms = {},
  ): boolean {
    if (loopback || earned >= bytes + reserve) return true;
    const allowed = share * (source.general + (start === true ? source.starts : 0));
    return earned + allowed >= bytes + reserve && this.#all.tokens >= bytes - earned;
  }

  /** Takes so many bytes: first those that the endpoint earned, then those of its source. */
  spend(credit: EndpointCredit, bytes: number, { start }: CreditTerms = {}): void {
    if (credit.loopback) return;
    const { source } = credit;
    const own = this.charge(credit, bytes);
    const starts = start === true ? Math.min(source.starts, bytes - own) : 0;
    source.starts -= starts;
    source.general -= bytes - own - starts;
    this.#all.tokens -= bytes - own;
  }

  /**
   * The datagram of `payer` causes datagrams to another endpoint, and pays for what that has not earned: for one of them, or
   * for two while the early bytes of both sources last. If it arrived at another sidecar, it is charged there.
   */
  transfer(payer: Endpoint, to: EndpointCredit, datagrams: readonly Uint8Array[]): void {
    const from = this.#lookup(payer)?.credit ?? this.#endpoints.get(keyOf(payer));
    const bytes = datagrams[0]?.length ?? 0;
    const missing = datagrams.length * bytes - to.earned;
    if (missing <= 0) return;
    const isEarly = from?.late === false && to.source.early >= bytes;
    if (isEarly) to.source.early -= bytes;
    const wanted = Math.min(missing, isEarly ? 2 * bytes : bytes);
    // Before the addition: payer and receiver may be the same endpoint.
    const paid = from === undefined ? wanted : this.charge(from, wanted);
    to.earned += paid;
  }

  /** Takes at most so many bytes of what the endpoint earned, and returns how many. */
  charge(credit: EndpointCredit, bytes: number): number {
    const paid = Math.min(credit.earned, bytes);
    credit.earned -= paid;
    return paid;
  }

  /** The credit of an endpoint; refills its source. */
  of(at: Endpoint, now: number): EndpointCredit {
    const recent = this.#lookup(at);
    const credit = recent !== null && now - recent.found_at < LOOKUP_MS ? recent.credit : this.#find(at, now);
    this.#refill(credit.source, now);
    refill(this.#all, ALL, now);
    return credit;
  }

  #lookup(at: Endpoint): Lookup | null {
    const recent = this.#recent[at.port & (LOOKUPS - 1)]!;
    return recent !== null && sameEndpoint(recent.at, at) ? recent : null;
  }

  #find(at: Endpoint, now: number): EndpointCredit {
    const key = keyOf(at);
    let credit = this.#endpoints.get(key);
    if (credit === undefined) {
      const source = this.#sourceOf(at.address, now);
      credit = { earned: 0, late: false, source, loopback: isLoopback(at.address) };
      this.#endpoints.set(key, credit);
    }
    this.#recent[at.port & (LOOKUPS - 1)] = { at, credit, found_at: now };
    return credit;
  }

  #sourceOf(address: string, now: number): SourceCredit {
    const key = sourceOf(address);
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = { general: GENERAL_BYTES, starts: CREDIT_START_BYTES, early: CREDIT_EARLY_BYTES, at: now };
      this.#sources.set(key, source);
    }
    return source;
  }

  #refill(source: SourceCredit, now: number): void {
    const share = (now - source.at) / (CREDIT_REFILL_S * 1_000);
    if (share <= 0) return;
    source.at = now;
    source.general = Math.min(GENERAL_BYTES, source.general + share * GENERAL_BYTES);
    source.starts = Math.min(CREDIT_START_BYTES, source.starts + share * CREDIT_START_BYTES);
    source.early = Math.min(CREDIT_EARLY_BYTES, source.early + share * CREDIT_EARLY_BYTES);
  }
}

type Lookup = { readonly at: Endpoint; readonly credit: EndpointCredit; readonly found_at: number };
const LOOKUPS = 1_024;
/** After this time the table of endpoints is asked again, because it forgets those that nobody asks for. */
const LOOKUP_MS = 1_000;

const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`;
