/**
 * This sidecar's copy of the directory: the lobbies that its clients can list or open by name. The hubs send the whole
 * directory after each hello, and every change at once.
 */
import type { Directory } from "#shared/link/messages.ts";
import { type DirectoryEntry, publicName } from "#shared/listing/directory.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";

type Held = { readonly entry: DirectoryEntry; readonly shard: number };

export class LobbyDirectory {
  readonly #byId = new Map<string, Held>();
  readonly #idByName = new Map<string, string>();
  readonly #sorted = new Map<WireName, readonly DirectoryEntry[]>();

  get size(): number {
    return this.#byId.size;
  }

  apply(shard: number, { reset, items }: Directory): void {
    this.#sorted.clear();
    if (reset) for (const [id, held] of this.#byId) if (held.shard === shard) this.#remove(id);
    for (const item of items) {
      this.#remove(item.id);
      if ("ended" in item) continue;
      this.#byId.set(item.id, { entry: item, shard });
      this.#idByName.set(publicName(item), item.id);
    }
  }

  /** The listed lobbies of a wire that can be joined, newest first. */
  list(wire: WireName): readonly DirectoryEntry[] {
    let sorted = this.#sorted.get(wire);
    if (sorted === undefined) {
      sorted = Array.from(this.all())
        .filter((entry) => entry.wire === wire && entry.listed && entry.joinable && !entry.away)
        .toSorted((a, b) => b.created_at_ms - a.created_at_ms || (a.id < b.id ? -1 : 1));
      this.#sorted.set(wire, sorted);
    }
    return sorted;
  }

  *all(): Generator<DirectoryEntry> {
    for (const { entry } of this.#byId.values()) yield entry;
  }

  find(name: string): DirectoryEntry | undefined {
    return this.#byId.get(this.#idByName.get(name) ?? "")?.entry;
  }

  /** The sidecar ended this lobby itself; the hub's confirmation follows. */
  forget(name: string): void {
    this.#sorted.clear();
    this.#remove(this.#idByName.get(name) ?? "");
  }

  #remove(id: string): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    this.#byId.delete(id);
    if (this.#idByName.get(publicName(held.entry)) === id) this.#idByName.delete(publicName(held.entry));
  }
}
