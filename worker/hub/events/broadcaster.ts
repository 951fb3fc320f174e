/**
 * Sends the changes of a commit to subscribers. Updates of lobbies and list lines are merged to one per second; joins,
 * leaves, host changes and messages are sent at once. All events are logged for a while, so that a client that
 * reconnects can resume.
 */
import type { Summary } from "#shared/api/lobbies.ts";
import { Coalescer } from "#shared/subscriptions/coalescer.ts";
import { COALESCE_MS, REPLAY_ITEMS_MAX, REPLAY_LENGTH_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import {
  listRemovedReason,
  summaryChange,
  listEvent,
  memberEvents,
  personalEvent,
  removedEvent,
  type RemovedNotices,
  type RemovedNotice,
} from "#shared/subscriptions/change-events.ts";
import { ReplayBuffer } from "#shared/subscriptions/replay-buffer.ts";
import { isMember, lobbyView } from "#shared/api/views.ts";
import type { LobbyRemovedReason, LobbyEvent } from "#shared/api/events.ts";
import type { Delivery, LobbyChange } from "../change-listener.ts";
import { LIST } from "./topics.ts";
import type { Subscriber } from "./subscriber.ts";
import type { PresenceHost, Subscribers } from "./subscribers.ts";
import type { ListChanges } from "../../rpc.ts";

/** An event as it is logged for clients that resume. */
export type LoggedEvent =
  | { readonly kind: "lines"; readonly changes: ListChanges }
  /** To every subscriber of a lobby: `inside` to members, `outside` to others. */
  | {
      readonly kind: "lobby";
      readonly id: string;
      readonly inside: readonly LobbyEvent[];
      readonly outside: readonly LobbyEvent[];
    }
  | { readonly kind: "personal"; readonly id: string; readonly peer: string; readonly news: LobbyEvent }
  | { readonly kind: "view"; readonly lobby: Lobby };

export class Broadcaster {
  readonly #host: PresenceHost;
  readonly #subscribers: Subscribers;
  readonly #lines = new Coalescer<Summary>(COALESCE_MS);
  readonly #views = new Coalescer<Lobby>(COALESCE_MS);
  readonly #replay: ReplayBuffer<LoggedEvent>;

  constructor(house: PresenceHost, watchers: Subscribers, now: number) {
    this.#host = house;
    this.#subscribers = watchers;
    this.#replay = new ReplayBuffer(REPLAY_ITEMS_MAX, REPLAY_LENGTH_MAX, now);
  }

  /** The sequence number of the last event. */
  get seq(): number {
    return this.#replay.seq;
  }

  /** Whether the list has subscribers, or had some recently that may resume. */
  isListKept(now: number): boolean {
    return this.#subscribers.topics.isLogged(LIST, now);
  }

  /** The events of a topic after a sequence number, or null if the log does not hold all of them. */
  eventsAfter(topic: string, seq: number, now: number): ReturnType<ReplayBuffer<LoggedEvent>["since"]> {
    return this.#subscribers.topics.isComplete(topic, seq, now) ? this.#replay.since(seq) : null;
  }

  /** Lines with a pending update, in the state that subscribers have. A snapshot starts from that state. */
  pendingLines(): ReadonlyMap<string, Summary | null> {
    return this.#lines.waiting();
  }

  /** Sends notices to single members first, then the changes that all subscribers see. */
  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], lines: ListChanges, now: number): void {
    this.flush(now);
    for (const { lobby, peer, notice } of deliveries) {
      this.#sendToPeer(lobby.id, peer, personalEvent(lobby.id, notice), now);
    }
    const removals = removalsByLobby(deliveries);
    for (const { old, next } of changes) {
      if (old === null || !this.#subscribers.topics.isLogged(old.id, now)) continue;
      this.#sendLobbyChange(old, next, removals.get(old.id) ?? NO_REMOVALS, now);
    }
    this.publishLines(lines, now);
    for (const { next } of changes) if (next !== null) this.#confirmPresent(next);
  }

  publishLines(changes: ListChanges, now: number): void {
    if (!this.isListKept(now)) return;
    this.#sendLines(this.#lines.push(changes, now), now);
    this.#subscribers.markPending(this.deadline() < Infinity);
  }

  /** Sends pending updates that are due. */
  flush(now: number): void {
    this.#sendLines(this.#lines.due(now), now);
    for (const { next } of this.#views.due(now)) if (next !== null) this.#sendView(next, now);
    this.#subscribers.markPending(this.deadline() < Infinity);
  }

  /** When a pending update is due (ms), or Infinity. */
  deadline(): number {
    return Math.min(this.#lines.deadline(), this.#views.deadline());
  }

  #sendLines(changes: ListChanges, now: number): void {
    if (changes.length === 0) return;
    const seq = this.#replay.add({ kind: "lines", changes }, JSON.stringify(changes).length, now);
    for (const watchers of this.#subscribers.lists()) {
      const { matches: isPicked } = [...watchers][0]!.list!;
      for (const change of changes) {
        const news = listEvent(change, isPicked);
        if (news !== null) this.#send(watchers, eventMessage("lobbies", seq, news), now);
      }
    }
  }

  #sendLobbyChange(old: Lobby, next: Lobby | null, removals: RemovedNotices, now: number): void {
    const { id } = old;
    if (next === null) {
      this.#views.drop(id);
      const reason = listRemovedReason(old, next, removals, now);
      for (const watcher of this.#subscribers.topics.of(id)) {
        const mine = watcher.peer === null ? undefined : removals.get(watcher.peer);
        this.#sendRemoved(watcher, mine === undefined ? removedFor(id, reason) : removedEvent(id, mine), now);
      }
      return;
    }
    const [inside, outside] = [memberEvents(old, next, removals, true), memberEvents(old, next, removals, false)];
    if (inside.length + outside.length > 0) {
      const seq = this.#log({ kind: "lobby", id, inside, outside }, now);
      const [within, without] = [inside, outside].map((all) => all.map((news) => eventMessage("lobby", seq, news)));
      for (const watcher of this.#subscribers.topics.of(id)) {
        for (const text of (isMember(next, watcher.peer) ? within : without)!) this.#send([watcher], text, now);
      }
    }
    for (const watcher of this.#subscribers.topics.of(id)) {
      const removal = watcher.peer === null || isMember(next, watcher.peer) ? undefined : removals.get(watcher.peer);
      if (removal !== undefined) this.#sendRemoved(watcher, removedEvent(id, removal), now);
      else if (lobbyView(next, watcher.peer) === null) this.#sendRemoved(watcher, removedFor(id, "filtered"), now);
    }
    const ready = this.#views.push([{ id, old, next, reason: "closed" }], now);
    for (const change of ready) this.#sendView(change.next!, now);
  }

  /** Sends each subscriber the lobby as it may see it. */
  #sendView(lobby: Lobby, now: number): void {
    const watchers = this.#subscribers.topics.of(lobby.id);
    const seq = this.#log({ kind: "view", lobby }, now);
    const texts = new Map<string, string>();
    for (const watcher of watchers) {
      const inside = isMember(lobby, watcher.peer);
      const whose = inside && watcher.peer === lobby.host ? "host" : inside ? "member" : "stranger";
      const text = texts.get(whose) ?? viewMessage(lobby, watcher.peer, seq);
      if (text === null) continue;
      texts.set(whose, text);
      this.#send([watcher], text, now);
    }
  }

  #sendRemoved(watcher: Subscriber, news: RemovedEvent, now: number): void {
    this.#send([watcher], eventMessage("lobby", this.seq, news), now);
    this.#subscribers.unsubscribeLobby(watcher, news.data.id, now);
  }

  #sendToPeer(id: string, peer: string, news: LobbyEvent | null, now: number): void {
    if (news === null || !this.#subscribers.topics.isLogged(id, now)) return;
    const seq = this.#log({ kind: "personal", id, peer, news }, now);
    this.#send(this.#subscribers.ofMember(id, peer), eventMessage("lobby", seq, news), now);
  }

  #send(watchers: Iterable<Subscriber>, text: string, now: number): void {
    for (const watcher of watchers) this.#subscribers.send(watcher, text, now);
  }

  #log(item: LoggedEvent, now: number): number {
    return this.#replay.add(item, JSON.stringify(item).length, now);
  }

  /** A member that was away or only had a held place is present as soon as its socket is open. */
  #confirmPresent(lobby: Lobby): void {
    for (const { peer, source, held_until, away_since } of lobby.members) {
      const waited = held_until !== undefined || away_since !== null;
      if (waited && source === null && this.#subscribers.isConnected(peer)) this.#host.onHeartbeat(peer);
    }
  }
}

export const eventMessage = (topic: "lobbies" | "lobby", seq: number, { type, data }: LobbyEvent): string =>
  JSON.stringify({ type, topic, seq, data });

export function viewMessage(lobby: Lobby, reader: string | null, seq: number): string | null {
  const view = lobbyView(lobby, reader);
  return view === null ? null : eventMessage("lobby", seq, { type: "lobby.updated", data: { lobby: view } });
}

type RemovedEvent = LobbyEvent & { readonly type: "lobby.removed" };

const removedFor = (id: string, reason: LobbyRemovedReason): RemovedEvent => ({
  type: "lobby.removed",
  data: { id, reason },
});

const NO_REMOVALS: RemovedNotices = new Map();

/** The changes of list lines that follow from changes of lobbies. */
export function listChangesOf(
  deliveries: readonly Delivery[],
  changes: readonly LobbyChange[],
  now: number,
): ListChanges {
  const removals = removalsByLobby(deliveries);
  return changes.flatMap(({ old, next }) => {
    const line = summaryChange(old, next, removals.get((next ?? old)!.id) ?? NO_REMOVALS, now);
    return line === null ? [] : [line];
  });
}

function removalsByLobby(deliveries: readonly Delivery[]): Map<string, RemovedNotices> {
  const removals = new Map<string, Map<string, RemovedNotice>>();
  for (const { lobby, peer, notice } of deliveries) {
    if (notice.kind !== "removed") continue;
    const mine = removals.get(lobby.id) ?? new Map<string, RemovedNotice>();
    removals.set(lobby.id, mine.set(peer, notice));
  }
  return removals;
}
