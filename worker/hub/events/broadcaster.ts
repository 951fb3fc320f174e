/**
 * Sends the changes of a commit to subscribers. Updates of lobbies and list lines are merged to one per second; joins,
 * leaves, host changes and messages are sent at once. All events are logged for a while, so that a client that
 * reconnects can resume.
 */
import type { Summary } from "#shared/listing/summary.ts";
import { Coalescer } from "#shared/subscriptions/coalescer.ts";
import { COALESCE_MS, REPLAY_ITEMS_MAX, REPLAY_LENGTH_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import {
  lobbyRemovedEvent,
  type LobbyRemoved,
  removalCause,
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
import type { LobbyEvent } from "#shared/api/events.ts";
import type { ConnectionEvent } from "#shared/connect/schema.ts";
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
  | { readonly kind: "personal"; readonly id: string; readonly peer: string; readonly event: LobbyEvent }
  /** Only which event it was: its data is secret, and its times are relative to when it is sent. */
  | {
      readonly kind: "connection";
      readonly id: string;
      readonly peer: string;
      readonly connection: string;
      readonly type: ConnectionEvent["type"];
    }
  | { readonly kind: "view"; readonly lobby: Lobby };

export class Broadcaster {
  readonly #host: PresenceHost;
  readonly #subscribers: Subscribers;
  readonly #lines = new Coalescer<Summary>(COALESCE_MS);
  readonly #views = new Coalescer<Lobby>(COALESCE_MS);
  readonly #replay: ReplayBuffer<LoggedEvent>;

  constructor(host: PresenceHost, subscribers: Subscribers, now: number) {
    this.#host = host;
    this.#subscribers = subscribers;
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
    for (const subscribers of this.#subscribers.lists()) {
      const { matches } = [...subscribers][0]!.list!;
      for (const change of changes) {
        const event = listEvent(change, matches);
        if (event !== null) this.#send(subscribers, eventMessage("lobbies", seq, event), now);
      }
    }
  }

  #sendLobbyChange(old: Lobby, next: Lobby | null, removals: RemovedNotices, now: number): void {
    const { id } = old;
    if (next === null) {
      this.#views.drop(id);
      const ended = lobbyRemovedEvent(old, removalCause(old, next, removals, now));
      for (const subscriber of this.#subscribers.topics.of(id)) {
        const { peer } = subscriber;
        const removal = peer === null ? undefined : removals.get(peer);
        const event = peer === null || removal === undefined ? ended : removedEvent(old, next, peer, removal);
        this.#sendRemoved(subscriber, event, now);
      }
      return;
    }
    const [inside, outside] = [true, false].map((is_member) =>
      memberEvents(old, next, removals, is_member, this.#host.snapshotRevision(id)),
    ) as [LobbyEvent[], LobbyEvent[]];
    if (inside.length + outside.length > 0) {
      const seq = this.#log({ kind: "lobby", id, inside, outside }, now);
      const [inside_texts, outside_texts] = [inside, outside].map((all) =>
        all.map((event) => eventMessage("lobby", seq, event)),
      );
      for (const subscriber of this.#subscribers.topics.of(id)) {
        for (const text of (isMember(next, subscriber.peer) ? inside_texts : outside_texts)!)
          this.#send([subscriber], text, now);
      }
    }
    for (const subscriber of this.#subscribers.topics.of(id)) {
      const { peer } = subscriber;
      const removal = peer === null || isMember(next, peer) ? undefined : removals.get(peer);
      if (peer !== null && removal !== undefined)
        this.#sendRemoved(subscriber, removedEvent(old, next, peer, removal), now);
      else if (lobbyView(next, peer) === null) this.#sendRemoved(subscriber, lobbyRemovedEvent(old, "filtered"), now);
    }
    const ready = this.#views.push([{ id, old, next, cause: "closed" }], now);
    for (const change of ready) this.#sendView(change.next!, now);
  }

  /** Sends each subscriber the lobby as it may see it. */
  #sendView(lobby: Lobby, now: number): void {
    const subscribers = this.#subscribers.topics.of(lobby.id);
    const seq = this.#log({ kind: "view", lobby }, now);
    const texts = new Map<string, string>();
    for (const subscriber of subscribers) {
      const inside = isMember(lobby, subscriber.peer);
      const audience = inside && subscriber.peer === lobby.host ? "host" : inside ? "member" : "stranger";
      const text = texts.get(audience) ?? viewMessage(lobby, subscriber.peer, seq);
      if (text === null) continue;
      texts.set(audience, text);
      this.#send([subscriber], text, now);
    }
  }

  #sendRemoved(subscriber: Subscriber, event: LobbyRemoved, now: number): void {
    this.#send([subscriber], eventMessage("lobby", this.seq, event), now);
    this.#subscribers.unsubscribeLobby(subscriber, event.data.lobby_id, now);
  }

  #sendToPeer(id: string, peer: string, event: LobbyEvent | null, now: number): void {
    if (event === null || !this.#subscribers.topics.isLogged(id, now)) return;
    const seq = this.#log({ kind: "personal", id, peer, event }, now);
    this.#send(this.#subscribers.ofMember(id, peer), eventMessage("lobby", seq, event), now);
  }

  /** Sends an event of a connection to the member's subscribers of the lobby. */
  sendConnection(id: string, peer: string, event: ConnectionEvent, now: number): void {
    if (!this.#subscribers.topics.isLogged(id, now)) return;
    const { type, data } = event;
    const seq = this.#log({ kind: "connection", id, peer, connection: data.connection_id, type }, now);
    this.#send(this.#subscribers.ofMember(id, peer), eventMessage("lobby", seq, event), now);
  }

  #send(subscribers: Iterable<Subscriber>, text: string, now: number): void {
    for (const subscriber of subscribers) this.#subscribers.send(subscriber, text, now);
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

export const eventMessage = (
  topic: "lobbies" | "lobby",
  seq: number,
  { type, data }: LobbyEvent | ConnectionEvent,
): string => JSON.stringify({ type, topic, seq, data });

export function viewMessage(lobby: Lobby, reader: string | null, seq: number): string | null {
  const view = lobbyView(lobby, reader);
  return view === null ? null : eventMessage("lobby", seq, { type: "lobby.updated", data: { lobby: view } });
}

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
    const removal = removals.get(lobby.id) ?? new Map<string, RemovedNotice>();
    removals.set(lobby.id, removal.set(peer, notice));
  }
  return removals;
}
