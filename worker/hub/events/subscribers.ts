/** All subscribers of this hub, by socket, source, peer, list filter and topic, with the limits on their number. */
import { sourceOf } from "#shared/net/endpoint.ts";
import { SUBSCRIBER_SILENCE_MS, SUBSCRIBERS_MAX, SUBSCRIBERS_PER_SOURCE_MAX } from "#shared/limits.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { EventsCloseCode } from "#shared/api/events.ts";
import { LIST, Topics } from "./topics.ts";
import { type FilterText, Subscriber } from "./subscriber.ts";

/** What subscribers need of their hub. */
export type PresenceHost = {
  /** When a socket's client last pinged (ms), or null. */
  readonly lastPingAt: (socket: WebSocket) => number | null;
  /** A peer gave a sign of life, or its last socket closed; `at` is its last sign of life. */
  readonly onHeartbeat: (peer: string) => void;
  readonly onDisconnect: (peer: string, at: number) => void;
};

export class Subscribers {
  readonly #host: PresenceHost;
  readonly #all = new Map<WebSocket, Subscriber>();
  readonly #sources = new Map<string, Set<Subscriber>>();
  readonly #peers = new Map<string, Set<Subscriber>>();
  /** Subscribers to the list, by filter. */
  readonly #lists = new Map<string, Set<Subscriber>>();
  readonly topics = new Topics<Subscriber>();
  /** The subscriber whose attachment says that memory holds a pending update. */
  #marked: Subscriber | null = null;

  constructor(house: PresenceHost, sockets: readonly WebSocket[], now: number) {
    this.#host = house;
    for (const socket of sockets) {
      const watcher = Subscriber.restored(socket, now);
      if (watcher !== null) this.#register(watcher, 0, now);
    }
  }

  get size(): number {
    return this.#all.size;
  }

  of(socket: WebSocket): Subscriber | undefined {
    return this.#all.get(socket);
  }

  all(): Subscriber[] {
    return [...this.#all.values()];
  }

  /** Subscribers to the list, grouped by filter. */
  lists(): Iterable<ReadonlySet<Subscriber>> {
    return this.#lists.values();
  }

  /** Whether a peer has an open socket at this hub. */
  isConnected(peer: string): boolean {
    return this.#peers.has(peer);
  }

  /** Why another socket of this source is refused, or null. */
  refusal(source: string | null): RefusalCode | null {
    if (this.#all.size >= SUBSCRIBERS_MAX) return "hub_unavailable";
    const known = source === null ? undefined : this.#sources.get(sourceOf(source));
    return known !== undefined && known.size >= SUBSCRIBERS_PER_SOURCE_MAX ? "quota_exceeded" : null;
  }

  add(socket: WebSocket, source: string | null, now: number): void {
    this.#register(Subscriber.create(socket, source, now), 0, now);
  }

  authenticate(watcher: Subscriber, peer: string | null): void {
    watcher.greet(peer);
    if (peer === null) return;
    enter(this.#peers, peer, watcher);
    this.#host.onHeartbeat(peer);
  }

  /** `seq`: the sequence number of the last event. */
  subscribeList(watcher: Subscriber, filter: FilterText, seq: number, now: number): void {
    this.unsubscribeList(watcher, now);
    watcher.setList(filter);
    enter(this.#lists, watcher.list!.name, watcher);
    this.topics.add(LIST, watcher, seq, now);
  }

  unsubscribeList(watcher: Subscriber, now: number): void {
    if (watcher.list === null) return;
    leave(this.#lists, watcher.list.name, watcher);
    watcher.setList(null);
    this.topics.remove(LIST, watcher, now);
  }

  subscribeLobby(watcher: Subscriber, id: string, seq: number, now: number): void {
    watcher.setLobby(id, true);
    this.topics.add(id, watcher, seq, now);
  }

  unsubscribeLobby(watcher: Subscriber, id: string, now: number): void {
    if (!watcher.lobbies.has(id)) return;
    watcher.setLobby(id, false);
    this.topics.remove(id, watcher, now);
  }

  /** Sends a text; a client that reads too slowly is disconnected. */
  send(watcher: Subscriber, text: string, now: number): void {
    if (watcher.send(text, this.#host.lastPingAt(watcher.socket) ?? 0)) return;
    this.end(watcher, now, EventsCloseCode.slow, "reads too slowly", RESYNC);
  }

  /** The sockets of a member that subscribe to this lobby. */
  ofMember(lobby: string, peer: string): Subscriber[] {
    return [...this.topics.of(lobby)].filter((watcher) => watcher.peer === peer);
  }

  /** Ends a socket, once. */
  end(watcher: Subscriber, now: number, code: number, reason: string, last?: string): void {
    watcher.end(code, reason, last);
    if (!this.#all.delete(watcher.socket)) return;
    const { source, list, peer, lobbies } = watcher;
    if (source !== null) leave(this.#sources, sourceOf(source), watcher);
    if (list !== null) leave(this.#lists, list.name, watcher);
    for (const topic of [LIST, ...lobbies]) this.topics.remove(topic, watcher, now);
    if (peer !== null) leave(this.#peers, peer, watcher);
    if (peer !== null && !this.isConnected(peer)) {
      this.#host.onDisconnect(peer, watcher.lastSeenAt(this.#host.lastPingAt(watcher.socket)));
    }
    if (watcher !== this.#marked) return;
    this.#marked = null;
    this.markPending(true);
  }

  /** Ends sockets whose clients no longer ping. */
  closeSilent(now: number): void {
    for (const watcher of this.all()) {
      const silent = now - watcher.lastSeenAt(this.#host.lastPingAt(watcher.socket)) > SUBSCRIBER_SILENCE_MS;
      if (silent) this.end(watcher, now, EventsCloseCode.silent, "no ping");
    }
  }

  /** Records on one socket, which survives a sleep, whether memory, which does not, holds a pending update. */
  markPending(owed: boolean): void {
    if (owed && this.#marked !== null) return;
    this.#marked?.markPending(false);
    const [first = null] = owed ? this.#all.values() : [];
    first?.markPending(true);
    this.#marked = first;
  }

  /** After a sleep: whether a pending update was lost. Clears the mark. */
  takePending(): boolean {
    const owed = this.all().filter((watcher) => watcher.isPending);
    for (const watcher of owed) watcher.markPending(false);
    return owed.length > 0;
  }

  #register(watcher: Subscriber, seq: number, now: number): void {
    const { socket, source, list, lobbies, peer } = watcher;
    this.#all.set(socket, watcher);
    if (source !== null) enter(this.#sources, sourceOf(source), watcher);
    if (peer !== null) enter(this.#peers, peer, watcher);
    if (list !== null) enter(this.#lists, list.name, watcher);
    if (list !== null) this.topics.add(LIST, watcher, seq, now);
    for (const id of lobbies) this.topics.add(id, watcher, seq, now);
  }
}

const RESYNC = `{"type":"resync","data":{}}`;

function enter<K>(table: Map<K, Set<Subscriber>>, key: K, watcher: Subscriber): void {
  table.set(key, (table.get(key) ?? new Set()).add(watcher));
}

function leave<K>(table: Map<K, Set<Subscriber>>, key: K, watcher: Subscriber): void {
  const watchers = table.get(key);
  if (watchers?.delete(watcher) === true && watchers.size === 0) table.delete(key);
}
