/** Counts the lobbies and memberships that each source holds or has requested. */
import { type FairQuota, SourceCounter } from "#shared/net/source-counter.ts";

/** A hosted lobby also counts as a membership. */
export type SourceUsage = { readonly lobbies: number; readonly memberships: number };

export class SourceQuota {
  readonly #lobbies = new SourceCounter();
  readonly #memberships = new SourceCounter();

  of(address: string): SourceUsage {
    return { lobbies: this.#lobbies.of(address), memberships: this.#memberships.of(address) };
  }

  /** Whether this source may add an entry of this kind beside those that it has requested. */
  hasRoom(address: string, kind: keyof SourceUsage, quota: FairQuota, waiting: number): boolean {
    return (kind === "lobbies" ? this.#lobbies : this.#memberships).hasRoom(address, quota, waiting);
  }

  /** Adds or removes one membership, and one lobby if `hosts`. */
  count(address: string, hosts: boolean, by: 1 | -1): void {
    this.#memberships.add(address, by);
    if (hosts) this.#lobbies.add(address, by);
  }
}
