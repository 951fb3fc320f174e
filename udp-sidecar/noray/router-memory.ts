/**
 * What this sidecar has learned of its clients' routers, so that a pair that cannot be punched is relayed at once. Stock
 * clients wait 8 s for a punch before they request the relay.
 *
 * The relay shows whether a router maps per destination: a client's datagrams arrive there from another port than the
 * registrar saw. A pid that is sent to two registrar ports shows it before the first meeting. A pair that requests the relay soon after it was introduced has failed to punch. From both follows which
 * other pairs are hopeless:
 *
 *     per destination x per destination             hopeless
 *     per destination x restricted                  hopeless; restricted: could not be punched by such a router before
 *     a pair that has failed                        hopeless
 *
 * A wrong conclusion costs a relay, never a connection. It is forgotten after a day.
 */
import { ROUTER_KNOWN_MS, ROUTERS_MAX, PUNCH_FAILED_WITHIN_MS } from "#shared/limits.ts";
import { sourceOf } from "#shared/net/endpoint.ts";

/** Facts with an expiry. When full, the oldest is forgotten. */
class Facts {
  readonly #known = new Map<string, number>();
  readonly #kept_ms: number;

  constructor(kept_ms: number) {
    this.#kept_ms = kept_ms;
  }

  add(key: string, now: number): void {
    this.#known.delete(key);
    this.#known.set(key, now);
    const [oldest] = this.#known.keys();
    if (this.#known.size > ROUTERS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  remove(key: string): void {
    this.#known.delete(key);
  }

  has(key: string, now: number): boolean {
    const at = this.#known.get(key);
    return at !== undefined && now - at < this.#kept_ms;
  }
}

export class RouterMemory {
  readonly #perDestination = new Facts(ROUTER_KNOWN_MS);
  readonly #restricted = new Facts(ROUTER_KNOWN_MS);
  readonly #failed = new Facts(ROUTER_KNOWN_MS);
  /** Pairs that were introduced, and may still punch. */
  readonly #introduced = new Facts(PUNCH_FAILED_WITHIN_MS);

  /** These two addresses received each other to punch. */
  introduced(a: string, b: string, now: number): void {
    this.#introduced.add(pairOf(a, b), now);
  }

  /** They request the relay: soon after an introduction this means that the punch has failed. */
  requestsRelay(a: string, b: string, now: number): void {
    const pair = pairOf(a, b);
    if (!this.#introduced.has(pair, now)) return;
    this.#introduced.remove(pair);
    this.#failed.add(pair, now);
    this.#conclude(a, b, now);
  }

  /** The first datagrams of `address` at the relay show how its router maps. */
  observed(address: string, other: string, isPerDestination: boolean, now: number): void {
    this.registered(address, isPerDestination, now);
    this.#conclude(address, other, now);
  }

  /** A pid from `address` arrived at two registrar ports, from one endpoint or from two. */
  registered(address: string, isPerDestination: boolean, now: number): void {
    if (isPerDestination) this.#perDestination.add(sourceOf(address), now);
    else this.#perDestination.remove(sourceOf(address));
  }

  isHopeless(a: string, b: string, now: number): boolean {
    const isHard = (address: string): boolean => this.#perDestination.has(sourceOf(address), now);
    const isClosed = (address: string): boolean => isHard(address) || this.#restricted.has(sourceOf(address), now);
    return this.#failed.has(pairOf(a, b), now) || (isHard(a) && isClosed(b)) || (isHard(b) && isClosed(a));
  }

  /** A router that a per-destination one could not punch is restricted, unless it is such a one itself. */
  #conclude(a: string, b: string, now: number): void {
    if (!this.#failed.has(pairOf(a, b), now)) return;
    const [hardA, hardB] = [a, b].map((address) => this.#perDestination.has(sourceOf(address), now));
    if (hardA === true && hardB === false) this.#restricted.add(sourceOf(b), now);
    if (hardB === true && hardA === false) this.#restricted.add(sourceOf(a), now);
  }
}

const pairOf = (a: string, b: string): string => [sourceOf(a), sourceOf(b)].toSorted().join(" ");
