/**
 * The hub's memory of its rows: every lobby by id and by name, and the lines of its lists. Rebuilt on wake, never true
 * on its own. A `Draft` collects what a batch of events would change; the hub saves it and only then commits it here.
 */
import type { Summary } from "#shared/api/lobbies.ts";
import { LOBBIES_PER_HUB_MAX } from "#shared/limits.ts";
import { lineOf } from "#shared/listing/listing.ts";
import { step } from "#shared/lobby/step.ts";
import type { Event, Lobby, Tell, Wire } from "#shared/lobby/lobby.ts";
import type { Query } from "#shared/listing/query.ts";
import { type Page, Shelves } from "#shared/listing/sorted-index.ts";

/** A tell, and the lobby it speaks of as it is now (or was, where it is over). */
export type Told = { readonly tell: Tell; readonly lobby: Lobby | null };

export class LobbyIndex {
  readonly #lobbies = new Map<string, Lobby>();
  readonly #names = new Map<string, string>();
  readonly #codes = new Map<string, string>();
  /** The lobbies in which a peer without a source has a seat. */
  readonly #seats = new Map<string, Set<string>>();
  readonly #shelves = new Shelves();

  constructor(lobbies: readonly Lobby[]) {
    for (const lobby of lobbies) this.#put(lobby);
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

  byCode(code: string): Lobby | undefined {
    return this.#lobbies.get(this.#codes.get(code) ?? "");
  }

  /** Where this peer, who speaks HTTP, is a member. */
  seatsOf(peer: string): Lobby[] {
    return Array.from(this.#seats.get(peer) ?? [], (id) => this.#lobbies.get(id)!);
  }

  all(): readonly Lobby[] {
    return [...this.#lobbies.values()];
  }

  lines(): Summary[] {
    return [...this.#shelves.lines()];
  }

  page(query: Query): Page {
    return this.#shelves.page(query);
  }

  commit(changes: ReadonlyMap<string, Lobby | null>): void {
    for (const [id, next] of changes) {
      const old = this.#lobbies.get(id);
      if (next !== null) this.#put(next);
      else if (old !== undefined) this.#take(old);
    }
  }

  #put(lobby: Lobby): void {
    this.#index(this.#lobbies.get(lobby.id) ?? null, lobby);
    this.#lobbies.set(lobby.id, lobby);
    this.#names.set(nameKey(lobby.wire, lobby.name), lobby.id);
    this.#shelves.put(lobby.id, lineOf(lobby));
  }

  #take(lobby: Lobby): void {
    const { id, wire, name } = lobby;
    this.#index(lobby, null);
    this.#lobbies.delete(id);
    this.#shelves.put(id, null);
    // The same draft may have given the name to a new lobby.
    if (this.#names.get(nameKey(wire, name)) === id) this.#names.delete(nameKey(wire, name));
  }

  #index(old: Lobby | null, next: Lobby | null): void {
    if (old?.code !== next?.code) {
      if (old?.code && this.#codes.get(old.code) === old.id) this.#codes.delete(old.code);
      if (next?.code) this.#codes.set(next.code, next.id);
    }
    if (old?.members === next?.members) return;
    for (const peer of speakersOf(old)) {
      const seats = this.#seats.get(peer);
      if (seats?.delete(old!.id) === true && seats.size === 0) this.#seats.delete(peer);
    }
    for (const peer of speakersOf(next)) {
      this.#seats.set(peer, (this.#seats.get(peer) ?? new Set()).add(next!.id));
    }
  }
}

export class LobbyTransaction {
  readonly lobbies = new Map<string, Lobby | null>();
  readonly tells: Told[] = [];
  readonly #names = new Map<string, Lobby | null>();
  /** What is kept; the draft is what would be. */
  readonly base: LobbyIndex;
  readonly #now: number;
  #made = 0;

  constructor(base: LobbyIndex, now: number) {
    this.base = base;
    this.#now = now;
  }

  /** Applies an event to the lobby of this name. A hub that is full makes no new one and says nothing. */
  apply(wire: Wire, name: string, event: Event): void {
    const key = nameKey(wire, name);
    const drafted = this.#names.get(key);
    const given = drafted === undefined ? (this.base.byName(wire, name) ?? null) : drafted;
    if (given === null && event.kind === "host" && this.base.size + this.#made >= LOBBIES_PER_HUB_MAX) return;
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

const speakersOf = (lobby: Lobby | null): string[] =>
  lobby?.members.flatMap(({ peer, source }) => (source === null ? [peer] : [])) ?? [];

const nameKey = (wire: Wire, name: string): string => `${wire}/${name}`;
