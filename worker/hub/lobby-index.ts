/**
 * The hub's lobbies in memory: by id, name, code and member, and sorted for lists. It is rebuilt from rows on wake. A
 * `LobbyTransaction` collects the changes of a batch of events; the hub saves it before it commits it here.
 */
import type { Summary } from "#shared/listing/summary.ts";
import { LOBBIES_PER_HUB_MAX, WIRE_LOBBIES_PER_HUB_MAX } from "#shared/limits.ts";
import { summaryOf } from "#shared/listing/listing.ts";
import { step } from "#shared/lobby/step.ts";
import type { Event, Lobby, Wire } from "#shared/lobby/lobby.ts";
import type { AddressedNotice } from "#shared/lobby/notices.ts";
import type { Query } from "#shared/listing/query.ts";
import { type Page, LobbyListIndex } from "#shared/listing/sorted-index.ts";

/** A notice and its lobby: the current state, or the last if it ended. */
export type PendingNotice = { readonly notice: AddressedNotice; readonly lobby: Lobby | null };

export class LobbyIndex {
  readonly #by_id = new Map<string, Lobby>();
  readonly #by_name = new Map<string, string>();
  readonly #by_code = new Map<string, string>();
  /** Lobbies by member, for members that speak HTTP. */
  readonly #by_peer = new Map<string, Set<string>>();
  /** Made when a list is first requested: a hub that wakes for something else needs none. */
  #listed: LobbyListIndex | null = null;

  constructor(lobbies: readonly Lobby[]) {
    for (const lobby of lobbies) this.#put(lobby);
  }

  get size(): number {
    return this.#by_id.size;
  }

  byId(id: string): Lobby | undefined {
    return this.#by_id.get(id);
  }

  byName(wire: Wire, name: string): Lobby | undefined {
    const id = this.#by_name.get(nameKey(wire, name));
    return id === undefined ? undefined : this.#by_id.get(id);
  }

  byCode(code: string): Lobby | undefined {
    return this.#by_id.get(this.#by_code.get(code) ?? "");
  }

  /** The lobbies in which a peer that speaks HTTP is a member. */
  lobbiesOf(peer: string): Lobby[] {
    return Array.from(this.#by_peer.get(peer) ?? [], (id) => this.#by_id.get(id)!);
  }

  all(): readonly Lobby[] {
    return [...this.#by_id.values()];
  }

  lines(): Summary[] {
    return [...this.#list().values()];
  }

  page(query: Query): Page {
    return this.#list().page(query);
  }

  commit(changes: ReadonlyMap<string, Lobby | null>): void {
    for (const [id, next] of changes) {
      const old = this.#by_id.get(id);
      if (next !== null) this.#put(next);
      else if (old !== undefined) this.#remove(old);
    }
  }

  #list(): LobbyListIndex {
    if (this.#listed !== null) return this.#listed;
    const listed = new LobbyListIndex();
    for (const lobby of this.#by_id.values()) listed.set(lobby.id, summaryOf(lobby));
    return (this.#listed = listed);
  }

  #put(lobby: Lobby): void {
    this.#index(this.#by_id.get(lobby.id) ?? null, lobby);
    this.#by_id.set(lobby.id, lobby);
    this.#by_name.set(nameKey(lobby.wire, lobby.name), lobby.id);
    this.#listed?.set(lobby.id, summaryOf(lobby));
  }

  #remove(lobby: Lobby): void {
    const { id, wire, name } = lobby;
    this.#index(lobby, null);
    this.#by_id.delete(id);
    this.#listed?.set(id, null);
    // The same transaction may have given the name to a new lobby.
    if (this.#by_name.get(nameKey(wire, name)) === id) this.#by_name.delete(nameKey(wire, name));
  }

  #index(old: Lobby | null, next: Lobby | null): void {
    if (old?.code !== next?.code) {
      if (old?.code && this.#by_code.get(old.code) === old.id) this.#by_code.delete(old.code);
      if (next?.code) this.#by_code.set(next.code, next.id);
    }
    if (old?.members === next?.members) return;
    for (const peer of httpMembersOf(old)) {
      const seats = this.#by_peer.get(peer);
      if (seats?.delete(old!.id) === true && seats.size === 0) this.#by_peer.delete(peer);
    }
    for (const peer of httpMembersOf(next)) {
      this.#by_peer.set(peer, (this.#by_peer.get(peer) ?? new Set()).add(next!.id));
    }
  }
}

export class LobbyTransaction {
  readonly lobbies = new Map<string, Lobby | null>();
  readonly notices: PendingNotice[] = [];
  readonly #names = new Map<string, Lobby | null>();
  /** The committed state. The transaction is not visible in it. */
  readonly base: LobbyIndex;
  readonly #now: number;
  #created = 0;

  constructor(base: LobbyIndex, now: number) {
    this.base = base;
    this.#now = now;
  }

  /** Applies an event to the lobby of this name. A full hub ignores an event that would create one. */
  apply(wire: Wire, name: string, event: Event): void {
    const key = nameKey(wire, name);
    const changed = this.#names.get(key);
    const current = changed === undefined ? (this.base.byName(wire, name) ?? null) : changed;
    if (current === null && event.kind === "host" && this.base.size + this.#created >= lobbiesMax(wire)) return;
    const { lobby, notices } = step(current, event, this.#now);
    for (const notice of notices) this.notices.push({ notice, lobby: lobby ?? current });
    if (lobby === current) return;
    if (current !== null && lobby?.id !== current.id) this.lobbies.set(current.id, null);
    if (lobby !== null) this.lobbies.set(lobby.id, lobby);
    if (current === null) this.#created++;
    this.#names.set(key, lobby);
  }

  applyTo(lobby: Lobby, event: Event): void {
    this.apply(lobby.wire, lobby.name, event);
  }
}

const httpMembersOf = (lobby: Lobby | null): string[] =>
  lobby?.members.flatMap(({ peer, source }) => (source === null ? [peer] : [])) ?? [];

const nameKey = (wire: Wire, name: string): string => `${wire}/${name}`;

/** Anyone can forge the hosts of a wire, so wires cannot take the places of HTTP. */
const lobbiesMax = (wire: Wire): number => (wire === "native" ? LOBBIES_PER_HUB_MAX : WIRE_LOBBIES_PER_HUB_MAX);
