/** Everybody who watches this hub over a WebSocket: who he is, whence he comes, what he watches. */
import { sourceOf } from "#shared/net/endpoint.ts";
import { WATCHER_SILENCE_MS, WATCHERS_MAX, WATCHERS_PER_SOURCE_MAX } from "#shared/limits.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { WatchClose } from "#shared/api/events.ts";
import { LIST, Topics } from "./topics.ts";
import { type FilterText, Watcher } from "./subscriber.ts";

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
  readonly #sources = new Map<string, Set<Watcher>>();
  readonly #peers = new Map<string, Set<Watcher>>();
  /** Who watches the list, by filter. */
  readonly #lists = new Map<string, Set<Watcher>>();
  readonly topics = new Topics<Watcher>();
  /** Who carries the note that something waits to be told. */
  #owing: Watcher | null = null;

  constructor(house: House, sockets: readonly WebSocket[], now: number) {
    this.#house = house;
    for (const socket of sockets) {
      const watcher = Watcher.awoken(socket, now);
      if (watcher !== null) this.#enlist(watcher, 0, now);
    }
  }

  get size(): number {
    return this.#all.size;
  }

  of(socket: WebSocket): Watcher | undefined {
    return this.#all.get(socket);
  }

  all(): Watcher[] {
    return [...this.#all.values()];
  }

  /** Groups of those who watch the list, each of one filter. */
  lists(): Iterable<ReadonlySet<Watcher>> {
    return this.#lists.values();
  }

  /** Whether a peer has an open socket here: then he is there. */
  listens(peer: string): boolean {
    return this.#peers.has(peer);
  }

  /** Why another socket of this source is not taken, or null. */
  refusal(source: string | null): RefusalCode | null {
    if (this.#all.size >= WATCHERS_MAX) return "hub_unavailable";
    const known = source === null ? undefined : this.#sources.get(sourceOf(source));
    return known !== undefined && known.size >= WATCHERS_PER_SOURCE_MAX ? "quota_exceeded" : null;
  }

  add(socket: WebSocket, source: string | null, now: number): void {
    this.#enlist(Watcher.fresh(socket, source, now), 0, now);
  }

  greet(watcher: Watcher, peer: string | null): void {
    watcher.greet(peer);
    if (peer === null) return;
    enter(this.#peers, peer, watcher);
    this.#house.heard(peer);
  }

  /** `seq`: the number told last. */
  watchList(watcher: Watcher, filter: FilterText, seq: number, now: number): void {
    this.leaveList(watcher, now);
    watcher.watchList(filter);
    enter(this.#lists, watcher.list!.name, watcher);
    this.topics.enter(LIST, watcher, seq, now);
  }

  leaveList(watcher: Watcher, now: number): void {
    if (watcher.list === null) return;
    leave(this.#lists, watcher.list.name, watcher);
    watcher.watchList(null);
    this.topics.leave(LIST, watcher, now);
  }

  watchLobby(watcher: Watcher, id: string, seq: number, now: number): void {
    watcher.watchLobby(id, true);
    this.topics.enter(id, watcher, seq, now);
  }

  leaveLobby(watcher: Watcher, id: string, now: number): void {
    if (!watcher.lobbies.has(id)) return;
    watcher.watchLobby(id, false);
    this.topics.leave(id, watcher, now);
  }

  /** Tells one of them; who takes in too little of what he is told is cut. */
  tell(watcher: Watcher, text: string, now: number): void {
    if (watcher.tell(text, this.#house.pingedAt(watcher.socket) ?? 0)) return;
    this.end(watcher, now, WatchClose.slow, "takes in less than it is told", RESYNC);
  }

  /** Those over which a member watches this lobby. */
  ofMember(lobby: string, peer: string): Watcher[] {
    return [...this.topics.of(lobby)].filter((watcher) => watcher.peer === peer);
  }

  /** Ends a socket, once. */
  end(watcher: Watcher, now: number, code: number, reason: string, last?: string): void {
    watcher.end(code, reason, last);
    if (!this.#all.delete(watcher.socket)) return;
    const { source, list, peer, lobbies } = watcher;
    if (source !== null) leave(this.#sources, sourceOf(source), watcher);
    if (list !== null) leave(this.#lists, list.name, watcher);
    for (const topic of [LIST, ...lobbies]) this.topics.leave(topic, watcher, now);
    if (peer !== null) leave(this.#peers, peer, watcher);
    if (peer !== null && !this.listens(peer)) {
      this.#house.closed(peer, watcher.heardAt(this.#house.pingedAt(watcher.socket)));
    }
    if (watcher !== this.#owing) return;
    this.#owing = null;
    this.owe(true);
  }

  /** Ends those who do not ping any more. */
  look(now: number): void {
    for (const watcher of this.all()) {
      const silent = now - watcher.heardAt(this.#house.pingedAt(watcher.socket)) > WATCHER_SILENCE_MS;
      if (silent) this.end(watcher, now, WatchClose.silent, "no ping");
    }
  }

  /** Says on one socket, which survives a sleep, whether something waits in memory, which does not. */
  owe(owed: boolean): void {
    if (owed && this.#owing !== null) return;
    this.#owing?.owe(false);
    const [first = null] = owed ? this.#all.values() : [];
    first?.owe(true);
    this.#owing = first;
  }

  /** After a sleep: whether something was lost that had waited to be told. Asked once. */
  wasOwed(): boolean {
    const owed = this.all().filter((watcher) => watcher.owed);
    for (const watcher of owed) watcher.owe(false);
    return owed.length > 0;
  }

  #enlist(watcher: Watcher, seq: number, now: number): void {
    const { socket, source, list, lobbies, peer } = watcher;
    this.#all.set(socket, watcher);
    if (source !== null) enter(this.#sources, sourceOf(source), watcher);
    if (peer !== null) enter(this.#peers, peer, watcher);
    if (list !== null) enter(this.#lists, list.name, watcher);
    if (list !== null) this.topics.enter(LIST, watcher, seq, now);
    for (const id of lobbies) this.topics.enter(id, watcher, seq, now);
  }
}

const RESYNC = `{"type":"resync","data":{}}`;

function enter<K>(table: Map<K, Set<Watcher>>, key: K, watcher: Watcher): void {
  table.set(key, (table.get(key) ?? new Set()).add(watcher));
}

function leave<K>(table: Map<K, Set<Watcher>>, key: K, watcher: Watcher): void {
  const watchers = table.get(key);
  if (watchers?.delete(watcher) === true && watchers.size === 0) table.delete(key);
}
