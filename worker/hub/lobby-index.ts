/**
 * The hub's lobbies in memory: by id, name, code and member, and sorted for lists. On wake it is built from the heads of
 * the rows, and a lobby is read when it is first used. A `LobbyTransaction` collects the changes of a batch of events; the
 * hub saves it before it commits it here.
 */
import { type Summary, toSummary } from "#shared/listing/summary.ts";
import { LOBBIES_PER_HUB_MAX, WIRE_LOBBIES_PER_HUB_MAX } from "#shared/limits.ts";
import { summaryOf } from "#shared/listing/listing.ts";
import { step } from "#shared/lobby/step.ts";
import type { Event, Lobby, Wire } from "#shared/lobby/lobby.ts";
import type { AddressedNotice } from "#shared/lobby/notices.ts";
import type { Query } from "#shared/listing/query.ts";
import { type Page, LobbyListIndex } from "#shared/listing/sorted-index.ts";
import { lazySummary, wholeSummary } from "#shared/listing/lazy-summary.ts";
import { headOf, type LobbyHead } from "./storage/lobby-head.ts";

/** A notice and its lobby: the current state, or the last if it ended. */
export type PendingNotice = { readonly notice: AddressedNotice; readonly lobby: Lobby | null };

/** Reads lobbies of which only the head is in memory. */
type LobbyRowReader = {
  readonly read: (id: string) => Lobby;
  /** The stored lobbies around one, with it. */
  readonly readBlock: (id: string) => readonly Lobby[];
};

export class LobbyIndex {
  readonly #by_id = new Map<string, Lobby | LobbyHead>();
  readonly #by_name = new Map<string, string>();
  readonly #by_code = new Map<string, string>();
  /** Lobbies by member, for members that speak HTTP. */
  readonly #by_peer = new Map<string, Set<string>>();
  readonly #rows: LobbyRowReader | null;
  /** Lobbies of which only the head is in memory. */
  #unread = 0;
  /** Made when a list is first requested: a hub that wakes for something else needs none. */
  #listed: LobbyListIndex | null = null;

  /** `rows`: where the lobbies of the heads are read. */
  constructor(stored: readonly (LobbyHead | Lobby)[], rows: LobbyRowReader | null = null) {
    this.#rows = rows;
    for (const one of stored) {
      const head = isRead(one) ? headOf(one) : one;
      if (head === one) this.#unread++;
      this.#by_id.set(one.id, one);
      this.#by_name.set(nameKey(head.wire, head.name), head.id);
      if (head.code !== null) this.#by_code.set(head.code, head.id);
      for (const peer of head.monitored) this.#addSeat(peer, head.id);
      for (const peer of head.unmonitored) this.#addSeat(peer, head.id);
    }
  }

  get size(): number {
    return this.#by_id.size;
  }

  byId(id: string): Lobby | undefined {
    const found = this.#by_id.get(id);
    if (found === undefined || isRead(found)) return found;
    const lobby = this.#rows!.read(id);
    this.#by_id.set(id, lobby);
    this.#unread--;
    return lobby;
  }

  byName(wire: Wire, name: string): Lobby | undefined {
    const id = this.#by_name.get(nameKey(wire, name));
    return id === undefined ? undefined : this.byId(id);
  }

  byCode(code: string): Lobby | undefined {
    return this.byId(this.#by_code.get(code) ?? "");
  }

  /** The lobbies in which a peer that speaks HTTP is a member. */
  lobbiesOf(peer: string): Lobby[] {
    return Array.from(this.#by_peer.get(peer) ?? [], (id) => this.byId(id)!);
  }

  /** All lobbies; reads those of which only the head is in memory. */
  all(): readonly Lobby[] {
    return Array.from(this.#by_id.keys(), (id) => this.#inBlock(id));
  }

  /** The heads of all lobbies. */
  *heads(): Iterable<LobbyHead> {
    for (const one of this.#by_id.values()) yield isRead(one) ? headOf(one) : one;
  }

  /** The number of listed lobbies. */
  get listed_count(): number {
    return this.#list().size;
  }

  lines(): Summary[] {
    return Array.from(this.#list().values(), wholeSummary);
  }

  page(query: Query): Page {
    // An index of a field needs every lobby; a scan reads lobbies until the page is full.
    return this.#list().page(query, { scans: this.#unread > 0 });
  }

  commit(changes: ReadonlyMap<string, Lobby | null>): void {
    for (const [id, next] of changes) {
      const old = this.byId(id);
      if (next !== null) this.#put(next);
      else if (old !== undefined) this.#remove(old);
    }
  }

  #list(): LobbyListIndex {
    if (this.#listed !== null) return this.#listed;
    const lines: Summary[] = [];
    for (const one of this.#by_id.values()) {
      const line = isRead(one) ? summaryOf(one) : this.#lineOf(one);
      if (line !== null) lines.push(line);
    }
    return (this.#listed = new LobbyListIndex(lines));
  }

  #lineOf({ id, listed, created_at }: LobbyHead): Summary | null {
    if (!listed) return null;
    return lazySummary({ id, created_at: new Date(created_at).toISOString() }, this.#summarise);
  }

  readonly #summarise = (id: string): Summary => toSummary(this.#inBlock(id), true);

  /** A lobby. If it must be read, so are its neighbours, of which only the head is in memory. */
  #inBlock(id: string): Lobby {
    const found = this.#by_id.get(id)!;
    if (isRead(found)) return found;
    for (const lobby of this.#rows!.readBlock(id)) {
      const known = this.#by_id.get(lobby.id);
      if (known === undefined || isRead(known)) continue;
      this.#by_id.set(lobby.id, lobby);
      this.#unread--;
    }
    return this.#by_id.get(id) as Lobby;
  }

  #put(lobby: Lobby): void {
    this.#index(this.byId(lobby.id) ?? null, lobby);
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
    for (const peer of httpMembersOf(next)) this.#addSeat(peer, next!.id);
  }

  #addSeat(peer: string, lobby: string): void {
    const seats = this.#by_peer.get(peer);
    if (seats === undefined) this.#by_peer.set(peer, new Set([lobby]));
    else seats.add(lobby);
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

const isRead = (one: Lobby | LobbyHead): one is Lobby => "members" in one;

const httpMembersOf = (lobby: Lobby | null): string[] =>
  lobby?.members.flatMap(({ peer, source }) => (source === null ? [peer] : [])) ?? [];

const nameKey = (wire: Wire, name: string): string => `${wire}/${name}`;

/** Anyone can forge the hosts of a wire, so wires cannot take the places of HTTP. */
const lobbiesMax = (wire: Wire): number => (wire === "native" ? LOBBIES_PER_HUB_MAX : WIRE_LOBBIES_PER_HUB_MAX);
