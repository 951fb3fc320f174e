/**
 * The hub's memory of its rows: every lobby by id, by name and in the order of the list. Rebuilt on wake, never true
 * on its own. A `Draft` collects what a batch of events would change; the hub saves it and only then commits it here.
 */
import { LOBBIES_PER_HUB_MAX, PAGES_MEMOISED_MAX } from "#shared/limits.ts";
import { newestFirst, page, type Page, type Query, queryText } from "#shared/listing.ts";
import { type Event, type Lobby, step, type Tell, type Wire } from "#shared/lobby.ts";

/** A tell, and the lobby it speaks of as it is now (or was, where it is over). */
export type Told = { readonly tell: Tell; readonly lobby: Lobby | null };

export class Directory {
  readonly #lobbies = new Map<string, Lobby>();
  readonly #names = new Map<string, string>();
  readonly #ordered: Lobby[] = [];
  readonly #pages = new Map<string, Page>();

  constructor(lobbies: readonly Lobby[]) {
    for (const lobby of lobbies) {
      this.#lobbies.set(lobby.id, lobby);
      this.#names.set(nameKey(lobby.wire, lobby.name), lobby.id);
      this.#ordered.push(lobby);
    }
    this.#ordered.sort(newestFirst);
  }

  get size(): number {
    return this.#lobbies.size;
  }

  byId(id: string): Lobby | undefined {
    return this.#lobbies.get(id);
  }

  byName(wire: Wire, name: string): Lobby | undefined {
    const id = this.#names.get(nameKey(wire, name));
    return id === undefined ? undefined : this.#lobbies.get(id);
  }

  all(): readonly Lobby[] {
    return this.#ordered;
  }

  /** One page of the list, rendered once until something changes. */
  page(query: Query): Page {
    const key = queryText(query);
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    const made = page(this.#ordered, query);
    if (this.#pages.size >= PAGES_MEMOISED_MAX) this.#pages.clear();
    this.#pages.set(key, made);
    return made;
  }

  commit(changes: ReadonlyMap<string, Lobby | null>): void {
    if (changes.size > 0) this.#pages.clear();
    for (const [id, next] of changes) {
      const old = this.#lobbies.get(id);
      const at = this.#placeOf(next ?? old ?? null);
      if (next === null) {
        this.#lobbies.delete(id);
        if (old !== undefined) {
          this.#ordered.splice(at, 1);
          const key = nameKey(old.wire, old.name);
          // The same draft may have given the name to a new lobby.
          if (this.#names.get(key) === id) this.#names.delete(key);
        }
      } else {
        this.#lobbies.set(id, next);
        this.#names.set(nameKey(next.wire, next.name), id);
        this.#ordered.splice(at, old === undefined ? 0 : 1, next);
      }
    }
  }

  /** Where a lobby stands in the order, or would stand. */
  #placeOf(lobby: Lobby | null): number {
    let low = 0;
    let high = lobby === null ? 0 : this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (newestFirst(this.#ordered[middle]!, lobby!) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class Draft {
  readonly lobbies = new Map<string, Lobby | null>();
  readonly tells: Told[] = [];
  readonly #names = new Map<string, Lobby | null>();
  readonly #base: Directory;
  readonly #now: number;
  #made = 0;

  constructor(base: Directory, now: number) {
    this.#base = base;
    this.#now = now;
  }

  /** Applies an event to the lobby of this name. A hub that is full makes no new one and says nothing. */
  apply(wire: Wire, name: string, event: Event): void {
    const key = nameKey(wire, name);
    const drafted = this.#names.get(key);
    const given = drafted === undefined ? (this.#base.byName(wire, name) ?? null) : drafted;
    if (given === null && event.kind === "host" && this.#base.size + this.#made >= LOBBIES_PER_HUB_MAX) return;
    const { lobby, tells } = step(given, event, this.#now);
    for (const tell of tells) this.tells.push({ tell, lobby: lobby ?? given });
    if (lobby === given) return;
    if (given !== null && lobby?.id !== given.id) this.lobbies.set(given.id, null);
    if (lobby !== null) this.lobbies.set(lobby.id, lobby);
    if (given === null) this.#made++;
    this.#names.set(key, lobby);
  }

  applyTo(lobby: Lobby, event: Event): void {
    this.apply(lobby.wire, lobby.name, event);
  }
}

const nameKey = (wire: Wire, name: string): string => `${wire}/${name}`;
