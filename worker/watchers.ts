/**
 * Everybody who watches this hub over a WebSocket (shared/watch.ts says what is said). The hub calls `publish` after
 * its rows are written; what waits to be merged is told when it asks at `deadline`.
 */
import type { Summary } from "#shared/api.ts";
import { Coalescer } from "#shared/coalescer.ts";
import {
  COALESCE_MS,
  REPLAY_ITEMS_MAX,
  REPLAY_LENGTH_MAX,
  WATCHER_SILENCE_MS,
  WATCHERS_MAX,
  WATCHERS_PER_SOURCE_MAX,
} from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby.ts";
import {
  lineChange,
  lineNews,
  memberNews,
  personalNews,
  removedReason,
  type Removals,
  goneReason,
} from "#shared/news.ts";
import type { RefusalCode, Removal } from "#shared/refusals.ts";
import { Replay } from "#shared/replay.ts";
import { isMember, viewOf } from "#shared/views.ts";
import { type GoneReason, type News, WatchClose } from "#shared/watch.ts";
import type { Delivery, LobbyChange } from "./events.ts";
import type { Lines } from "./feeds.ts";
import { Watcher } from "./watcher.ts";

/** What was told, as it is kept for those who come back. */
export type Told =
  | { readonly kind: "lines"; readonly changes: Lines }
  /** To every watcher of a lobby: in one way to members, in another to strangers. */
  | { readonly kind: "lobby"; readonly id: string; readonly inside: readonly News[]; readonly outside: readonly News[] }
  | { readonly kind: "personal"; readonly id: string; readonly peer: string; readonly news: News }
  | { readonly kind: "view"; readonly lobby: Lobby };

/** What watchers need of their hub. */
export type House = {
  /** When a socket last pinged (ms), or null. */
  readonly pingedAt: (socket: WebSocket) => number | null;
  /** A peer gave a sign of life, or stopped giving any: then `at` is the last one. */
  readonly heard: (peer: string) => void;
  readonly closed: (peer: string, at: number) => void;
};

export class Watchers {
  readonly #house: House;
  readonly #all = new Map<WebSocket, Watcher>();
  readonly #sources = new Map<string, number>();
  /** Who watches the list, by filter; who watches each lobby. */
  readonly #lists = new Map<string, Set<Watcher>>();
  readonly #lobbies = new Map<string, Set<Watcher>>();
  readonly #peers = new Map<string, Set<Watcher>>();
  readonly #lines = new Coalescer<Summary>(COALESCE_MS);
  readonly #views = new Coalescer<Lobby>(COALESCE_MS);
  /** Who carries the note that something waits. */
  #owing: Watcher | null = null;
  readonly replay: Replay<Told>;

  constructor(house: House, sockets: readonly WebSocket[], now: number) {
    this.#house = house;
    this.replay = new Replay(REPLAY_ITEMS_MAX, REPLAY_LENGTH_MAX, now);
    for (const socket of sockets) {
      const watcher = Watcher.awoken(socket, now);
      if (watcher !== null) this.#enlist(watcher);
    }
  }

  get size(): number {
    return this.#all.size;
  }

  get watchesList(): boolean {
    return this.#lists.size > 0;
  }

  of(socket: WebSocket): Watcher | undefined {
    return this.#all.get(socket);
  }

  all(): Watcher[] {
    return [...this.#all.values()];
  }

  /** Why another socket of this source is not taken, or null. */
  refusal(source: string | null): RefusalCode | null {
    if (this.#all.size >= WATCHERS_MAX) return "hub_unavailable";
    const full = source !== null && (this.#sources.get(source) ?? 0) >= WATCHERS_PER_SOURCE_MAX;
    return full ? "quota_exceeded" : null;
  }

  add(socket: WebSocket, source: string | null, now: number): void {
    this.#enlist(Watcher.fresh(socket, source, now));
  }

  /** Whether a peer has an open socket here: then he is there. */
  listens(peer: string): boolean {
    return this.#peers.has(peer);
  }

  greet(watcher: Watcher, peer: string | null): void {
    watcher.greet(peer);
    if (peer === null) return;
    enter(this.#peers, peer, watcher);
    this.#house.heard(peer);
  }

  // --- subscribing ---------------------------------------------------------------------------------------------

  watchList(watcher: Watcher, filter: Readonly<Record<string, string>> | null): void {
    if (watcher.list !== null) leave(this.#lists, watcher.list.name, watcher);
    watcher.watchList(filter);
    if (watcher.list !== null) enter(this.#lists, watcher.list.name, watcher);
  }

  watchLobby(watcher: Watcher, id: string): void {
    watcher.watchLobby(id, true);
    enter(this.#lobbies, id, watcher);
  }

  leaveLobby(watcher: Watcher, id: string): void {
    if (!watcher.lobbies.has(id)) return;
    watcher.watchLobby(id, false);
    leave(this.#lobbies, id, watcher);
  }

  /** Lines that wait to be told, as they were told last: who comes now begins there. */
  waitingLines(): ReadonlyMap<string, Summary | null> {
    return this.#lines.waiting();
  }

  /** Ends a socket, once. */
  end(watcher: Watcher, code: number, reason: string, last?: string): void {
    watcher.end(code, reason, last);
    if (!this.#all.delete(watcher.socket)) return;
    const { source, list, peer } = watcher;
    if (source !== null) this.#sources.set(source, (this.#sources.get(source) ?? 1) - 1);
    if (source !== null && this.#sources.get(source) === 0) this.#sources.delete(source);
    if (list !== null) leave(this.#lists, list.name, watcher);
    for (const id of watcher.lobbies) leave(this.#lobbies, id, watcher);
    if (peer !== null) leave(this.#peers, peer, watcher);
    if (peer !== null && !this.listens(peer)) {
      this.#house.closed(peer, watcher.heardAt(this.#house.pingedAt(watcher.socket)));
    }
    if (watcher !== this.#owing) return;
    this.#owing = null;
    this.#owe(this.deadline() < Infinity);
  }

  /** After a sleep: whether something was lost that had waited to be told. Asked once. */
  wasOwed(): boolean {
    const owed = this.all().filter((watcher) => watcher.owed);
    for (const watcher of owed) watcher.owe(false);
    return owed.length > 0;
  }

  #enlist(watcher: Watcher): void {
    const { socket, source, list, lobbies, peer } = watcher;
    this.#all.set(socket, watcher);
    if (source !== null) this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1);
    if (list !== null) enter(this.#lists, list.name, watcher);
    for (const id of lobbies) enter(this.#lobbies, id, watcher);
    if (peer !== null) enter(this.#peers, peer, watcher);
  }

  // --- telling -------------------------------------------------------------------------------------------------

  /** In the order in which it happened: first what is told in person, then what everybody sees of it. */
  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], lines: Lines, now: number): void {
    if (this.#all.size === 0) return;
    this.flush(now);
    for (const { lobby, peer, notice } of deliveries) {
      this.#tellPeer(lobby.id, peer, personalNews(lobby.id, notice), now);
    }
    const removals = removalsOf(deliveries);
    for (const { old, next } of changes) {
      if (old !== null && this.#lobbies.has(old.id)) this.#tellLobby(old, next, removals.get(old.id) ?? NOBODY, now);
    }
    this.publishLines(lines, now);
    for (const { next } of changes) if (next !== null) this.#confirm(next);
  }

  publishLines(changes: Lines, now: number): void {
    if (!this.watchesList) return;
    this.#tellLines(this.#lines.take(changes, now), now);
    this.#owe(this.deadline() < Infinity);
  }

  /** Tells what has waited long enough. */
  flush(now: number): void {
    this.#tellLines(this.#lines.due(now), now);
    for (const { next } of this.#views.due(now)) if (next !== null) this.#tellView(next, now);
    this.#owe(this.deadline() < Infinity);
  }

  /** When something that waits is due, or Infinity. */
  deadline(): number {
    return Math.min(this.#lines.deadline(), this.#views.deadline());
  }

  /** Ends those who do not ping any more. */
  look(now: number): void {
    for (const watcher of this.all()) {
      const silent = now - watcher.heardAt(this.#house.pingedAt(watcher.socket)) > WATCHER_SILENCE_MS;
      if (silent) this.end(watcher, WatchClose.silent, "no ping");
    }
  }

  #tellLines(changes: Lines, now: number): void {
    if (changes.length === 0) return;
    const seq = this.replay.add({ kind: "lines", changes }, JSON.stringify(changes).length, now);
    for (const watchers of this.#lists.values()) {
      const { isPicked } = [...watchers][0]!.list!;
      for (const change of changes) {
        const news = lineNews(change, isPicked);
        if (news !== null) this.#tell(watchers, told("lobbies", seq, news));
      }
    }
  }

  #tellLobby(old: Lobby, next: Lobby | null, removals: Removals, now: number): void {
    const { id } = old;
    if (next === null) {
      this.#views.drop(id);
      const reason = goneReason(old, next, removals, now);
      for (const watcher of this.#lobbies.get(id) ?? []) {
        const mine = watcher.peer === null ? undefined : removals.get(watcher.peer);
        this.#tellGone(watcher, id, mine === undefined ? reason : removedReason(mine));
      }
      return;
    }
    const [inside, outside] = [memberNews(old, next, removals, true), memberNews(old, next, removals, false)];
    if (inside.length + outside.length > 0) {
      const seq = this.#keep({ kind: "lobby", id, inside, outside }, now);
      for (const watcher of this.#lobbies.get(id) ?? []) {
        for (const news of isMember(next, watcher.peer) ? inside : outside)
          this.#tell([watcher], told("lobby", seq, news));
      }
    }
    for (const watcher of this.#lobbies.get(id) ?? []) {
      const removal = watcher.peer === null || isMember(next, watcher.peer) ? undefined : removals.get(watcher.peer);
      if (removal !== undefined) this.#tellGone(watcher, id, removedReason(removal));
      else if (viewOf(next, watcher.peer) === null) this.#tellGone(watcher, id, "filtered");
    }
    const ready = this.#views.take([{ id, old, next, reason: "closed" }], now);
    for (const change of ready) this.#tellView(change.next!, now);
  }

  /** The lobby as each of its watchers may see it. */
  #tellView(lobby: Lobby, now: number): void {
    const watchers = this.#lobbies.get(lobby.id);
    if (watchers === undefined) return;
    const seq = this.#keep({ kind: "view", lobby }, now);
    const texts = new Map<string, string>();
    for (const watcher of watchers) {
      const inside = isMember(lobby, watcher.peer);
      const whose = inside && watcher.peer === lobby.host ? "host" : inside ? "member" : "stranger";
      const text = texts.get(whose) ?? viewText(lobby, watcher.peer, seq);
      if (text === null) continue;
      texts.set(whose, text);
      this.#tell([watcher], text);
    }
  }

  #tellGone(watcher: Watcher, id: string, reason: GoneReason): void {
    const news: News = { type: "lobby.removed", data: { id, reason } };
    const seq = this.replay.seq;
    this.#tell([watcher], told("lobby", seq, news));
    this.leaveLobby(watcher, id);
  }

  #tellPeer(id: string, peer: string, news: News | null, now: number): void {
    if (news === null) return;
    const seq = this.#keep({ kind: "personal", id, peer, news }, now);
    const mine = [...(this.#lobbies.get(id) ?? [])].filter((watcher) => watcher.peer === peer);
    this.#tell(mine, told("lobby", seq, news));
  }

  #tell(watchers: Iterable<Watcher>, text: string): void {
    for (const watcher of watchers) this.tell(watcher, text);
  }

  tell(watcher: Watcher, text: string): void {
    if (watcher.tell(text, this.#house.pingedAt(watcher.socket) ?? 0)) return;
    this.end(watcher, WatchClose.slow, "takes in less than it is told", `{"type":"resync","data":{}}`);
  }

  #keep(item: Told, now: number): number {
    return this.replay.add(item, JSON.stringify(item).length, now);
  }

  /** Who is in a lobby and has a socket open takes his seat at once. */
  #confirm(lobby: Lobby): void {
    for (const { peer, source, held_until, away_since } of lobby.members) {
      const waited = held_until !== undefined || away_since !== null;
      if (waited && source === null && this.listens(peer)) this.#house.heard(peer);
    }
  }

  /** Says on one socket, which survives a sleep, whether something waits in memory, which does not. */
  #owe(owed: boolean): void {
    const [first = null] = owed ? this.#all.values() : [];
    if (owed && this.#owing !== null) return;
    this.#owing?.owe(false);
    first?.owe(true);
    this.#owing = first;
  }
}

export const told = (topic: "lobbies" | "lobby", seq: number, { type, data }: News): string =>
  JSON.stringify({ type, topic, seq, data });

export function viewText(lobby: Lobby, reader: string | null, seq: number): string | null {
  const view = viewOf(lobby, reader);
  return view === null ? null : told("lobby", seq, { type: "lobby.updated", data: { lobby: view } });
}

const NOBODY: Removals = new Map();

/** What changes make of the lines of lists. */
export function linesOf(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): Lines {
  const removals = removalsOf(deliveries);
  return changes.flatMap(({ old, next }) => {
    const line = lineChange(old, next, removals.get((next ?? old)!.id) ?? NOBODY, now);
    return line === null ? [] : [line];
  });
}

function removalsOf(deliveries: readonly Delivery[]): Map<string, Map<string, Removal>> {
  const removals = new Map<string, Map<string, Removal>>();
  for (const { lobby, peer, notice } of deliveries) {
    if (notice.kind !== "removed") continue;
    const mine = removals.get(lobby.id) ?? new Map<string, Removal>();
    removals.set(lobby.id, mine.set(peer, notice.reason));
  }
  return removals;
}

function enter<K>(table: Map<K, Set<Watcher>>, key: K, watcher: Watcher): void {
  table.set(key, (table.get(key) ?? new Set()).add(watcher));
}

function leave<K>(table: Map<K, Set<Watcher>>, key: K, watcher: Watcher): void {
  const watchers = table.get(key);
  if (watchers?.delete(watcher) === true && watchers.size === 0) table.delete(key);
}
