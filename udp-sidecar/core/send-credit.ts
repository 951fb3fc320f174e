/**
 * The send credit of endpoints that have not proved that they receive. The source of a UDP datagram can be forged, so a
 * sidecar without this limit would send a victim much more than the attacker sent (RFC 9000 section 8.1 limits QUIC
 * servers for the same reason).
 *
 *     sent to an endpoint <= allowance of its source + what its own datagrams earn
 *
 * - An endpoint earns `EARNED_FACTOR` times the bytes that arrive from it, and `EARLY_FACTOR` times while its source's
 *   early bytes last. Only this endpoint can use them, so a forger cannot use up the credit of its neighbours.
 * - Every source (IPv4 address, IPv6 /64) has an allowance for the first replies to short requests. The first bytes of a
 *   source earn nothing, because the allowance already covers them.
 * - A source has a second allowance for start lines alone. They are long, are sent to many members at once, and a member that
 *   misses them all misses the game.
 * - The allowances of all sources together have a budget, so that many forged sources do not add up.
 * - Loopback endpoints need no credit: kernels discard datagrams from outside with such a source (RFC 1122 section
 *   3.2.1.3), so it cannot be forged. A developer's machine has all players at one source.
 * - All of these refill slowly. The tables are bounded: an endpoint or source that is forgotten begins again.
 */
import { type Endpoint, isLoopback, sourceOf } from "#shared/net/endpoint.ts";
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

/** The bytes that a source's datagrams must have before they earn credit. */
const COVERED_BYTES = CREDIT_ALLOWANCE_BYTES / EARLY_FACTOR;

const ALL = { per_s: CREDIT_ALL_PER_S, burst: CREDIT_ALL_BURST_BYTES };

type SourceCredit = { allowance: number; starts: number; covered: number; early: number; at: number };

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
  /** The last lookup: a reply follows its request. */
  #last: { readonly at: Endpoint; readonly credit: EndpointCredit } | null = null;

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
    const covered = Math.min(source.covered, bytes);
    const early = Math.min(source.early, bytes - covered);
    source.covered -= covered;
    source.early -= early;
    const late = bytes - covered - early;
    credit.late = late > 0;
    const earned = early * EARLY_FACTOR + late * EARNED_FACTOR;
    credit.earned = Math.min(CREDIT_SAVED_BYTES_MAX, credit.earned + earned);
    return credit;
  }

  /** Whether so many bytes can be sent on these terms. */
  covers(
    { earned, source, loopback }: EndpointCredit,
    bytes: number,
    { reserve = 0, start }: CreditTerms = {},
  ): boolean {
    if (loopback) return true;
    const own = Math.max(0, earned);
    if (own >= bytes + reserve) return true;
    const allowed = source.allowance + (start === true ? source.starts : 0);
    return own + allowed >= bytes + reserve && this.#all.tokens >= bytes - own;
  }

  /** Takes so many bytes: first those that the endpoint earned, then those of its source. */
  spend(credit: EndpointCredit, bytes: number, { start }: CreditTerms = {}): void {
    if (credit.loopback) return;
    const { source } = credit;
    const own = Math.min(Math.max(0, credit.earned), bytes);
    const starts = start === true ? Math.min(source.starts, bytes - own) : 0;
    credit.earned -= own;
    source.starts -= starts;
    source.allowance -= bytes - own - starts;
    this.#all.tokens -= bytes - own;
  }

  /**
   * The datagram of `payer` causes one of this length to another endpoint, and pays for it. While the early bytes of its
   * source last, the payer keeps its credit for its own reply, and pays for a second copy to another source.
   */
  transfer(payer: Endpoint, to: EndpointCredit, bytes: number, now: number): void {
    const from = this.of(payer, now);
    const copies = from.late || from.source === to.source ? 1 : 2;
    to.earned = Math.min(CREDIT_SAVED_BYTES_MAX, to.earned + copies * bytes);
    if (from.late) from.earned -= bytes;
  }

  /** The credit of an endpoint; refills its source. */
  of(at: Endpoint, now: number): EndpointCredit {
    if (this.#last?.at === at) return this.#last.credit;
    const key = `${at.address} ${at.port}`;
    let credit = this.#endpoints.get(key);
    if (credit === undefined) {
      const source = this.#sourceOf(at.address, now);
      credit = { earned: 0, late: false, source, loopback: isLoopback(at.address) };
      this.#endpoints.set(key, credit);
    }
    this.#refill(credit.source, now);
    refill(this.#all, ALL, now);
    this.#last = { at, credit };
    return credit;
  }

  #sourceOf(address: string, now: number): SourceCredit {
    const key = sourceOf(address);
    let source = this.#sources.get(key);
    if (source === undefined) {
      const [allowance, starts] = [CREDIT_ALLOWANCE_BYTES, CREDIT_START_BYTES];
      source = { allowance, starts, covered: COVERED_BYTES, early: CREDIT_EARLY_BYTES, at: now };
      this.#sources.set(key, source);
    }
    return source;
  }

  #refill(source: SourceCredit, now: number): void {
    const share = (now - source.at) / (CREDIT_REFILL_S * 1_000);
    if (share <= 0) return;
    source.at = now;
    source.allowance = Math.min(CREDIT_ALLOWANCE_BYTES, source.allowance + share * CREDIT_ALLOWANCE_BYTES);
    source.starts = Math.min(CREDIT_START_BYTES, source.starts + share * CREDIT_START_BYTES);
    source.covered = Math.min(COVERED_BYTES, source.covered + share * COVERED_BYTES);
    source.early = Math.min(CREDIT_EARLY_BYTES, source.early + share * CREDIT_EARLY_BYTES);
  }
}
