/**
 * Counts entries per source (IPv4 /32, IPv6 /64) and per wider prefix, and decides who may add one. A prefix whose count
 * is zero takes no memory.
 *
 * While a table is less than half full, only the fixed quota applies. After that a source may hold at most an eighth of the
 * places that are still free, and the last eighth of all places is for sources that hold none. So greedy sources do not
 * take the last one, unless they are as many as these places.
 */
import { prefixesOf, sourceOf } from "./endpoint.ts";

export type FairQuota = { readonly size_max: number; readonly per_source_max: number };

/** What the wider prefixes of `prefixesOf` may hold, as a multiple of one source. */
const PREFIX_FACTORS = [1, 4, 16] as const;
const PLACES_PER_SHARE = 8;

export class SourceCounter {
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** Prefixes whose count is not zero. */
  get size(): number {
    return this.#counts.size;
  }

  of(address: string): number {
    return this.#counts.get(sourceOf(address)) ?? 0;
  }

  /** Whether this source may add an entry beside `waiting` entries that it has requested. */
  hasRoom(address: string, { size_max, per_source_max }: FairQuota, waiting = 0): boolean {
    const free = size_max - this.#total;
    if (free <= 0) return false;
    const share = free * PLACES_PER_SHARE <= size_max ? 1 : Math.ceil(free / PLACES_PER_SHARE);
    const fair = this.#total * 2 < size_max ? per_source_max : share;
    const most = Math.min(per_source_max, fair);
    return prefixesOf(address).every(
      (prefix, index) => (this.#counts.get(prefix) ?? 0) + waiting < most * PREFIX_FACTORS[index]!,
    );
  }

  add(address: string, by: 1 | -1): void {
    this.#total += by;
    for (const prefix of prefixesOf(address)) {
      const count = (this.#counts.get(prefix) ?? 0) + by;
      if (count === 0) this.#counts.delete(prefix);
      else this.#counts.set(prefix, count);
    }
  }
}
