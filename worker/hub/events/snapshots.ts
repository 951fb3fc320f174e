/**
 * The start of a subscription: a snapshot, or the missed events if the client resumes soon enough. The broadcaster
 * sends what follows.
 */
import { SNAPSHOT_LENGTH_MAX, SNAPSHOT_LOBBIES_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { listEvent } from "#shared/subscriptions/change-events.ts";
import type { Query } from "#shared/listing/query.ts";
import { NEWEST_FIRST } from "#shared/listing/order.ts";
import { firstSeqAt } from "#shared/subscriptions/replay-buffer.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import { isMember, lobbyView } from "#shared/api/views.ts";
import type { ConnectionEvent } from "#shared/connect/schema.ts";
import type { LobbyEvent } from "#shared/api/events.ts";
import type { ShardFeedReceiver } from "./shard-feed.ts";
import { eventMessage, type LoggedEvent, type Broadcaster } from "./broadcaster.ts";
import { LIST } from "./topics.ts";
import type { FilterText, Subscriber } from "./subscriber.ts";
import type { Subscribers } from "./subscribers.ts";

/** Reads lobbies for snapshots. */
export type LobbyReader = {
  readonly lobby: (id: string) => Lobby | undefined;
  readonly page: (query: Query) => Page;
  /** An event of a peer's connection in its present state, or null if it is no longer current. */
  readonly connectionEvent: (id: string, peer: string, type: ConnectionEvent["type"]) => ConnectionEvent | null;
};

type Missed = NonNullable<ReturnType<Broadcaster["eventsAfter"]>>;

export class Snapshots {
  readonly #reader: LobbyReader;
  readonly #subscribers: Subscribers;
  readonly #broadcaster: Broadcaster;
  readonly #replicas: ShardFeedReceiver;

  constructor(reader: LobbyReader, subscribers: Subscribers, broadcaster: Broadcaster, replicas: ShardFeedReceiver) {
    this.#reader = reader;
    this.#subscribers = subscribers;
    this.#broadcaster = broadcaster;
    this.#replicas = replicas;
  }

  /** Subscribes to the list. The replicas of other hubs must be loaded. */
  sendList(subscriber: Subscriber, filter: FilterText, since: number | undefined, re: number | undefined): void {
    const now = Date.now();
    this.#broadcaster.flush(now);
    const missed = since === undefined ? null : this.#broadcaster.eventsAfter(LIST, since, now);
    this.#subscribers.subscribeList(subscriber, filter, this.#broadcaster.seq, now);
    if (missed === null) this.#sendListSnapshot(subscriber, re);
    else this.#resumeList(subscriber, missed, re);
  }

  /** Subscribes to a lobby that the subscriber may see. */
  sendLobby(subscriber: Subscriber, lobby: Lobby, since: number | undefined, re: number | undefined): void {
    const now = Date.now();
    this.#broadcaster.flush(now);
    const isKnown = since !== undefined && !isNewcomer(lobby, subscriber.peer, since);
    const missed = isKnown ? this.#broadcaster.eventsAfter(lobby.id, since, now) : null;
    this.#subscribers.subscribeLobby(subscriber, lobby.id, this.#broadcaster.seq, now);
    if (missed === null) this.#sendLobbySnapshot(subscriber, lobby, re);
    else this.#resumeLobby(subscriber, lobby, missed, re);
  }

  /** Sends every subscriber new snapshots. */
  async resyncAll(): Promise<void> {
    const loaded = await this.#replicas.load();
    for (const subscriber of this.#subscribers.all()) {
      if (subscriber.list !== null && loaded) this.#sendListSnapshot(subscriber);
      for (const id of subscriber.lobbies) this.#resyncLobby(subscriber, id);
    }
  }

  /** The list in the state that other subscribers of this filter have; pending updates follow as events. */
  #sendListSnapshot(subscriber: Subscriber, re?: number): void {
    const { filter, matches } = subscriber.list!;
    const sorting = { near: [], order: NEWEST_FIRST };
    const rest = { limit: SNAPSHOT_LOBBIES_MAX, after: null, count: false, fields: null };
    const query = { ...filter, ...sorting, ...rest };
    const { items: lines, more } = this.#replicas.page(this.#reader.page(query), query);
    const waiting = this.#broadcaster.pendingLines();
    const known = lines.filter(({ key }) => !waiting.has(key.at(-1) as string)).map(({ json }) => json);
    for (const line of waiting.values()) if (line !== null && matches(line)) known.push(JSON.stringify(line));
    const shown = limitToSnapshot(known);
    const complete = !more && shown.length === known.length;
    const head = `{"type":"snapshot","topic":"lobbies","seq":${this.#broadcaster.seq}`;
    const answers = re === undefined ? "" : `,"re":${re}`;
    this.#send(subscriber, `${head}${answers},"data":{"lobbies":[${shown.join()}],"complete":${complete}}}`);
  }

  #resumeList(subscriber: Subscriber, missed: Missed, re: number | undefined): void {
    this.#send(subscriber, resumedMessage(re, { topic: "lobbies" }));
    for (const { seq, item } of missed) {
      if (item.kind !== "lines") continue;
      for (const change of item.changes) {
        const event = listEvent(change, subscriber.list!.matches);
        if (event !== null) this.#send(subscriber, eventMessage("lobbies", seq, event));
      }
    }
  }

  #sendLobbySnapshot(subscriber: Subscriber, lobby: Lobby, re?: number): void {
    const [seq, data] = [this.#broadcaster.seq, { lobby: lobbyView(lobby, subscriber.peer) }];
    const answers = re === undefined ? {} : { re };
    this.#send(subscriber, JSON.stringify({ type: "snapshot", topic: "lobby", seq, ...answers, data }));
  }

  #resumeLobby(subscriber: Subscriber, lobby: Lobby, missed: Missed, re: number | undefined): void {
    this.#send(subscriber, resumedMessage(re, { topic: "lobby", lobby_id: lobby.id }));
    const inside = isMember(lobby, subscriber.peer);
    for (const { seq, item } of missed) {
      const current =
        item.kind === "connection" && item.id === lobby.id && item.peer === subscriber.peer
          ? this.#reader.connectionEvent(item.connection, item.peer, item.type)
          : null;
      if (current !== null) this.#send(subscriber, eventMessage("lobby", seq, current));
      for (const event of eventsFor(item, lobby.id, subscriber.peer, inside))
        this.#send(subscriber, eventMessage("lobby", seq, event));
    }
  }

  #resyncLobby(subscriber: Subscriber, id: string): void {
    const lobby = this.#reader.lobby(id);
    if (lobby !== undefined && lobbyView(lobby, subscriber.peer) !== null)
      return this.#sendLobbySnapshot(subscriber, lobby);
    const event: LobbyEvent = { type: "lobby.removed", data: { lobby_id: id, cause: "closed", removed_by: null } };
    this.#send(subscriber, eventMessage("lobby", this.#broadcaster.seq, event));
    this.#subscribers.unsubscribeLobby(subscriber, id, Date.now());
  }

  #send(subscriber: Subscriber, text: string): void {
    this.#subscribers.send(subscriber, text, Date.now());
  }
}

const resumedMessage = (re: number | undefined, data: object): string =>
  JSON.stringify({ type: "resumed", ...(re !== undefined && { re }), data });

/** A peer that joined later must not get events for members from before. */
function isNewcomer(lobby: Lobby, peer: string | null, since: number): boolean {
  const member = lobby.members.find((m) => m.source === null && m.peer === peer);
  return member !== undefined && firstSeqAt(member.joined_at) > since;
}

/** The first lines, as many as fit into a snapshot. */
function limitToSnapshot(lines: readonly string[]): readonly string[] {
  let length = 0;
  const end = lines.findIndex((line) => (length += line.length + 1) > SNAPSHOT_LENGTH_MAX);
  return lines.slice(0, Math.min(end < 0 ? lines.length : end, SNAPSHOT_LOBBIES_MAX));
}

/** The events of a logged item that this reader gets. */
function eventsFor(item: LoggedEvent, id: string, peer: string | null, inside: boolean): readonly LobbyEvent[] {
  if (item.kind === "lobby" && item.id === id) return inside ? item.inside : item.outside;
  if (item.kind === "personal" && item.id === id) return item.peer === peer ? [item.event] : [];
  if (item.kind !== "view" || item.lobby.id !== id) return [];
  const lobby = lobbyView(item.lobby, peer);
  return lobby === null ? [] : [{ type: "lobby.updated", data: { lobby } }];
}
