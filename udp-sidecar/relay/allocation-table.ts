/** The relay's allocations, found by their key, by a port, or by a peer. */
import { type Allocation, peerKey, type Side } from "./allocation.ts";

/** The side that a port belongs to, and its counterpart. */
type PortOwner = { readonly side: Side; readonly other: Side; readonly allocation: Allocation };

export class AllocationTable {
  readonly #byKey = new Map<string, Allocation>();
  readonly #byPort = new Map<number, PortOwner>();
  readonly #byPeer = new Map<string, Set<Allocation>>();

  get size(): number {
    return this.#byKey.size;
  }

  all(): Iterable<Allocation> {
    return this.#byKey.values();
  }

  /** Those whose peers have sent nothing, the oldest first. */
  *unused(): Generator<Allocation> {
    for (const allocation of this.all()) if (allocation.sides.every((side) => side.endpoint === null)) yield allocation;
  }

  get(key: string): Allocation | undefined {
    return this.#byKey.get(key);
  }

  atPort(port: number): PortOwner | undefined {
    return this.#byPort.get(port);
  }

  ofPeer(game: string, peer: string): Iterable<Allocation> {
    return this.#byPeer.get(peerKey(game, peer)) ?? [];
  }

  add(allocation: Allocation): void {
    this.#byKey.set(allocation.key, allocation);
    for (const [index, side] of allocation.sides.entries()) {
      this.#byPort.set(side.port, { side, other: allocation.sides[1 - index]!, allocation });
      const key = peerKey(allocation.game.key, side.peer);
      const known = this.#byPeer.get(key);
      if (known === undefined) this.#byPeer.set(key, new Set([allocation]));
      else known.add(allocation);
    }
  }

  /** False if the allocation is not in the table, for example because it has ended. */
  remove(allocation: Allocation): boolean {
    if (this.#byKey.get(allocation.key) !== allocation) return false;
    this.#byKey.delete(allocation.key);
    for (const { port, peer } of allocation.sides) {
      this.#byPort.delete(port);
      const key = peerKey(allocation.game.key, peer);
      const known = this.#byPeer.get(key);
      known?.delete(allocation);
      if (known?.size === 0) this.#byPeer.delete(key);
    }
    return true;
  }
}
