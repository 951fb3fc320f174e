/** Counts per source (IPv4 /32, IPv6 /64), for quotas. A source whose count is zero takes no memory. */
import { sourceOf } from "#shared/net/endpoint.ts";

export class SourceCounter {
  readonly #counts = new Map<string, number>();

  /** Sources whose count is not zero. */
  get size(): number {
    return this.#counts.size;
  }

  of(address: string): number {
    return this.#counts.get(sourceOf(address)) ?? 0;
  }

  add(address: string, by: 1 | -1): void {
    const source = sourceOf(address);
    const count = (this.#counts.get(source) ?? 0) + by;
    if (count === 0) this.#counts.delete(source);
    else this.#counts.set(source, count);
  }
}
