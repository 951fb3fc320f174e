/**
 * What this sidecar has learned of its clients' routers, so that a pair that cannot be punched is relayed at once. Stock
 * clients wait 8 s for a punch before they request the relay.
 *
 * A router that maps per destination shows it: datagrams from one socket reach the registrar and another port of the
 * sidecar from two ports. The addon cannot punch it, whatever the other router does. A client of such a host gets the
 * host's datagrams from a port that it then does not connect to, and a host of such a client sends to the registrar's
 * port without an end. A pair that requests the relay soon after it was introduced has failed to punch, for any reason.
 *
 * A wrong conclusion costs a relay, never a connection. It is forgotten after a day.
 */
import { PUNCH_FAILED_WITHIN_MS, ROUTER_KNOWN_MS, ROUTERS_ALIKE, ROUTERS_MAX } from "#shared/limits.ts";
import { sourceOf } from "#shared/net/endpoint.ts";

/** Facts with an expiry. When full, the oldest is forgotten. */
class Facts<T> {
  readonly #known = new Map<string, { readonly fact: T; readonly at: number }>();
  readonly #kept_ms: number;

  constructor(kept_ms: number) {
    this.#kept_ms = kept_ms;
  }

  set(key: string, fact: T, now: number): void {
    this.#known.delete(key);
    this.#known.set(key, { fact, at: now });
    const [oldest] = this.#known.keys();
    if (this.#known.size > ROUTERS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  delete(key: string): void {
    this.#known.delete(key);
  }

  get(key: string, now: number): T | undefined {
    const known = this.#known.get(key);
    return known !== undefined && now - known.at < this.#kept_ms ? known.fact : undefined;
  }
}

export class RouterMemory {
  /** Whether the router of a source maps per destination. */
  readonly #mappings = new Facts<boolean>(ROUTER_KNOWN_MS);
  /** The sources of a network that do, and no others; null as soon as one does not. */
  readonly #networks = new Facts<ReadonlySet<string> | null>(ROUTER_KNOWN_MS);
  readonly #failed = new Facts<true>(ROUTER_KNOWN_MS);
  /** Pairs that were introduced, and may still punch. */
  readonly #introduced = new Facts<true>(PUNCH_FAILED_WITHIN_MS);

  /** These two addresses received each other to punch. */
  introduced(a: string, b: string, now: number): void {
    this.#introduced.set(pairOf(a, b), true, now);
  }

  /** They request the relay: soon after an introduction this means that the punch has failed. */
  requestsRelay(a: string, b: string, now: number): void {
    const pair = pairOf(a, b);
    if (this.#introduced.get(pair, now) !== true) return;
    this.#introduced.delete(pair);
    this.#failed.set(pair, true, now);
  }

  /** Datagrams from one socket behind `address` arrived at two ports of the sidecar, from one endpoint or from two. */
  observed(address: string, isPerDestination: boolean, now: number): void {
    const [source, network] = [sourceOf(address), networkOf(address)];
    this.#mappings.set(source, isPerDestination, now);
    const alike = this.#networks.get(network, now);
    if (!isPerDestination) this.#networks.set(network, null, now);
    else if (alike !== null) {
      // More of them would not change the conclusion.
      const sources = [...(alike ?? [])].filter((other) => other !== source).slice(1 - ROUTERS_ALIKE);
      this.#networks.set(network, new Set([...sources, source]), now);
    }
  }

  /** Whether it is known, or to be expected, how the router of this address maps. */
  knows(address: string, now: number): boolean {
    return this.#mapsPerDestination(address, now) !== undefined;
  }

  isHopeless(a: string, b: string, now: number): boolean {
    const isHard = (address: string): boolean => this.#mapsPerDestination(address, now) === true;
    return isHard(a) || isHard(b) || this.#failed.get(pairOf(a, b), now) === true;
  }

  /** A carrier's routers are alike: an unknown one maps as all others of its network did. */
  #mapsPerDestination(address: string, now: number): boolean | undefined {
    const known = this.#mappings.get(sourceOf(address), now);
    if (known !== undefined) return known;
    const alike = this.#networks.get(networkOf(address), now)?.size ?? 0;
    return alike >= ROUTERS_ALIKE ? true : undefined;
  }
}

const pairOf = (a: string, b: string): string => [sourceOf(a), sourceOf(b)].toSorted().join(" ");
/** The /24 of an IPv4 address; noray has no others. */
const networkOf = (address: string): string => address.slice(0, address.lastIndexOf("."));
