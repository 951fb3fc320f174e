/** All subscribers of this hub, by socket, source, peer, list filter and topic, with the limits on their number. */
import {
  HELLO_MS,
  SUBSCRIBER_SILENCE_MS,
  SUBSCRIBERS_MAX,
  SUBSCRIBERS_PER_SOURCE_MAX,
  SUBSCRIBERS_UNGREETED_PER_SOURCE_MAX,
} from "#shared/limits.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { EventsCloseCode } from "#shared/api/events.ts";
import { LIST, Topics } from "./topics.ts";
import { type FilterText, Subscriber } from "./subscriber.ts";

/** What subscribers need of their hub. */
export type PresenceHost = {
  /** When a socket's client last pinged (ms), or null. */
  readonly lastPingAt: (socket: WebSocket) => number | null;
  /** A peer gave a sign of life, or its last socket closed. */
  readonly onHeartbeat: (peer: string) => void;
  /** The revision of a lobby's snapshot, or null. */
  readonly snapshotRevision: (lobby: string) => number | null;
  readonly onDisconnect: (peer: string) => void;
};

export class Subscribers {
  readonly #host: PresenceHost;
  readonly #all = new Map<WebSocket, Subscriber>();
  /** Those that have not sent hello, the oldest first. */
  readonly #ungreeted = new Set<Subscriber>();
  #helloTimer: ReturnType<typeof setTimeout> | null = null;
  readonly #perSource = new SourceCounter();
  readonly #ungreetedPerSource = new SourceCounter();
  readonly #peers = new Map<string, Set<Subscriber>>();
  /** Subscribers to the list, by filter. */
  readonly #lists = new Map<string, Set<Subscriber>>();
  readonly topics = new Topics<Subscriber>();
  /** The subscriber whose attachment says that memory holds a pending update. */
  #marked: Subscriber | null = null;

  constructor(host: PresenceHost, sockets: readonly WebSocket[], now: number) {
    this.#host = host;
    for (const socket of sockets) {
      const subscriber = Subscriber.restored(socket, now);
      if (subscriber !== null) this.#register(subscriber, 0, now);
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

  /** Why another socket of this source is refused, or null. A full hub closes the oldest socket without hello. */
  refusal(source: string | null, now: number): RefusalCode | null {
    if (source !== null && !this.#hasRoom(source)) return "quota_exceeded";
    const [oldest] = this.#ungreeted;
    if (this.#all.size >= SUBSCRIBERS_MAX && oldest !== undefined) this.#endSilent(oldest, "crowded out", now);
    return this.#all.size >= SUBSCRIBERS_MAX ? "hub_unavailable" : null;
  }

  add(socket: WebSocket, source: string | null, now: number): void {
    this.#register(Subscriber.create(socket, source, now), 0, now);
  }

  authenticate(subscriber: Subscriber, peer: string | null): void {
    subscriber.authenticate(peer);
    this.#forgetUngreeted(subscriber);
    if (peer === null) return;
    enter(this.#peers, peer, subscriber);
    this.#host.onHeartbeat(peer);
  }

  /** `seq`: the sequence number of the last event. */
  subscribeList(subscriber: Subscriber, filter: FilterText, seq: number, now: number): void {
    this.unsubscribeList(subscriber, now);
    subscriber.setList(filter);
    enter(this.#lists, subscriber.list!.name, subscriber);
    this.topics.add(LIST, subscriber, seq, now);
  }

  unsubscribeList(subscriber: Subscriber, now: number): void {
    if (subscriber.list === null) return;
    leave(this.#lists, subscriber.list.name, subscriber);
    subscriber.setList(null);
    this.topics.remove(LIST, subscriber, now);
  }

  subscribeLobby(subscriber: Subscriber, id: string, seq: number, now: number): void {
    subscriber.setLobby(id, true);
    this.topics.add(id, subscriber, seq, now);
  }

  unsubscribeLobby(subscriber: Subscriber, id: string, now: number): void {
    if (!subscriber.lobbies.has(id)) return;
    subscriber.setLobby(id, false);
    this.topics.remove(id, subscriber, now);
  }

  /** Sends a text; a client that reads too slowly is disconnected. */
  send(subscriber: Subscriber, text: string, now: number): void {
    if (subscriber.send(text, this.#host.lastPingAt(subscriber.socket) ?? 0)) return;
    this.end(subscriber, now, EventsCloseCode.slow, "reads too slowly", RESYNC);
  }

  /** The sockets of a member that subscribe to this lobby. */
  ofMember(lobby: string, peer: string): Subscriber[] {
    return [...this.topics.of(lobby)].filter((subscriber) => subscriber.peer === peer);
  }

  /** Ends a socket, once. */
  end(subscriber: Subscriber, now: number, code: number, reason: string, last?: string): void {
    subscriber.end(code, reason, last);
    if (!this.#all.delete(subscriber.socket)) return;
    const { source, list, peer, lobbies } = subscriber;
    this.#forgetUngreeted(subscriber);
    if (source !== null) this.#perSource.add(source, -1);
    if (list !== null) leave(this.#lists, list.name, subscriber);
    for (const topic of [LIST, ...lobbies]) this.topics.remove(topic, subscriber, now);
    if (peer !== null) leave(this.#peers, peer, subscriber);
    if (peer !== null && !this.isConnected(peer)) this.#host.onDisconnect(peer);
    if (subscriber !== this.#marked) return;
    this.#marked = null;
    this.markPending(true);
  }

  /** Ends sockets whose clients no longer ping. */
  closeSilent(now: number): void {
    for (const subscriber of this.all()) {
      const silent = now - subscriber.lastSeenAt(this.#host.lastPingAt(subscriber.socket)) > SUBSCRIBER_SILENCE_MS;
      if (silent) this.#endSilent(subscriber, "no ping", now);
    }
  }

  /** Ends sockets that should have sent hello by now. */
  #closeUngreeted(now: number): void {
    this.#helloTimer = null;
    for (const subscriber of this.#ungreeted) {
      if (now < subscriber.since + HELLO_MS) break;
      this.#endSilent(subscriber, "no hello", now);
    }
    this.#watchHello(now);
  }

  /**
   * Runs a timer while a socket owes its hello: the alarm would cost a row for every socket. A pending timer keeps the hub
   * awake, so it ends with the last hello.
   */
  #watchHello(now: number): void {
    const [oldest] = this.#ungreeted;
    if (oldest === undefined) return;
    this.#helloTimer ??= setTimeout(() => this.#closeUngreeted(Date.now()), oldest.since + HELLO_MS - now);
  }

  /** Records on one socket, which survives a sleep, whether memory, which does not, holds a pending update. */
  markPending(pending: boolean): void {
    if (pending && this.#marked !== null) return;
    this.#marked?.markPending(false);
    const [first = null] = pending ? this.#all.values() : [];
    first?.markPending(true);
    this.#marked = first;
  }

  /** After a sleep: whether a pending update was lost. Clears the mark. */
  takePending(): boolean {
    const pending = this.all().filter((subscriber) => subscriber.isPending);
    for (const subscriber of pending) subscriber.markPending(false);
    return pending.length > 0;
  }

  #hasRoom(source: string): boolean {
    return this.#perSource.hasRoom(source, QUOTA) && this.#ungreetedPerSource.hasRoom(source, UNGREETED_QUOTA);
  }

  #forgetUngreeted(subscriber: Subscriber): void {
    if (!this.#ungreeted.delete(subscriber)) return;
    if (subscriber.source !== null) this.#ungreetedPerSource.add(subscriber.source, -1);
    if (this.#ungreeted.size > 0 || this.#helloTimer === null) return;
    clearTimeout(this.#helloTimer);
    this.#helloTimer = null;
  }

  #endSilent(subscriber: Subscriber, reason: string, now: number): void {
    this.end(subscriber, now, EventsCloseCode.silent, reason);
  }

  #register(subscriber: Subscriber, seq: number, now: number): void {
    const { socket, source, list, lobbies, peer } = subscriber;
    this.#all.set(socket, subscriber);
    if (source !== null) this.#perSource.add(source, 1);
    if (!subscriber.authenticated) {
      this.#ungreeted.add(subscriber);
      this.#watchHello(now);
      if (source !== null) this.#ungreetedPerSource.add(source, 1);
    }
    if (peer !== null) enter(this.#peers, peer, subscriber);
    if (list !== null) enter(this.#lists, list.name, subscriber);
    if (list !== null) this.topics.add(LIST, subscriber, seq, now);
    for (const id of lobbies) this.topics.add(id, subscriber, seq, now);
  }
}

const QUOTA = { size_max: SUBSCRIBERS_MAX, per_source_max: SUBSCRIBERS_PER_SOURCE_MAX };
const UNGREETED_QUOTA = { size_max: SUBSCRIBERS_MAX, per_source_max: SUBSCRIBERS_UNGREETED_PER_SOURCE_MAX };
const RESYNC = `{"type":"resync","data":{}}`;

function enter<K>(table: Map<K, Set<Subscriber>>, key: K, subscriber: Subscriber): void {
  table.set(key, (table.get(key) ?? new Set()).add(subscriber));
}

function leave<K>(table: Map<K, Set<Subscriber>>, key: K, subscriber: Subscriber): void {
  const subscribers = table.get(key);
  if (subscribers?.delete(subscriber) === true && subscribers.size === 0) table.delete(key);
}
