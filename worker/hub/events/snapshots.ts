/**
 * The start of a subscription: a snapshot, or the missed events if the client resumes soon enough. The broadcaster
 * sends what follows.
 */
import { SNAPSHOT_LENGTH_MAX, SNAPSHOT_LOBBIES_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { listEvent } from "#shared/subscriptions/change-events.ts";
import { NEWEST_FIRST, type Query } from "#shared/listing/query.ts";
import { firstSeqAt } from "#shared/subscriptions/replay-buffer.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import { isMember, lobbyView } from "#shared/api/views.ts";
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
};

type Missed = NonNullable<ReturnType<Broadcaster["eventsAfter"]>>;

export class Snapshots {
  readonly #reader: LobbyReader;
  readonly #subscribers: Subscribers;
  readonly #broadcaster: Broadcaster;
  readonly #replicas: ShardFeedReceiver;

  constructor(sights: LobbyReader, watchers: Subscribers, teller: Broadcaster, others: ShardFeedReceiver) {
    this.#reader = sights;
    this.#subscribers = watchers;
    this.#broadcaster = teller;
    this.#replicas = others;
  }

  /** Subscribes to the list. The replicas of other hubs must be loaded. */
  sendList(watcher: Subscriber, filter: FilterText, since: number | undefined, re: number | undefined): void {
    const now = Date.now();
    this.#broadcaster.flush(now);
    const missed = since === undefined ? null : this.#broadcaster.eventsAfter(LIST, since, now);
    this.#subscribers.subscribeList(watcher, filter, this.#broadcaster.seq, now);
    if (missed === null) this.#sendListSnapshot(watcher, re);
    else this.#resumeList(watcher, missed, re);
  }

  /** Subscribes to a lobby that the subscriber may see. */
  sendLobby(watcher: Subscriber, lobby: Lobby, since: number | undefined, re: number | undefined): void {
    const now = Date.now();
    this.#broadcaster.flush(now);
    const isKnown = since !== undefined && !isNewcomer(lobby, watcher.peer, since);
    const missed = isKnown ? this.#broadcaster.eventsAfter(lobby.id, since, now) : null;
    this.#subscribers.subscribeLobby(watcher, lobby.id, this.#broadcaster.seq, now);
    if (missed === null) this.#sendLobbySnapshot(watcher, lobby, re);
    else this.#resumeLobby(watcher, lobby, missed, re);
  }

  /** Sends every subscriber new snapshots. */
  async resyncAll(): Promise<void> {
    const loaded = await this.#replicas.load();
    for (const watcher of this.#subscribers.all()) {
      if (watcher.list !== null && loaded) this.#sendListSnapshot(watcher);
      for (const id of watcher.lobbies) this.#resyncLobby(watcher, id);
    }
  }

  /** The list in the state that other subscribers of this filter have; pending updates follow as events. */
  #sendListSnapshot(watcher: Subscriber, re?: number): void {
    const { filter, matches: isPicked } = watcher.list!;
    const sorting = { near: [], order: NEWEST_FIRST };
    const rest = { limit: SNAPSHOT_LOBBIES_MAX, after: null, count: false, fields: null };
    const query = { ...filter, ...sorting, ...rest };
    const { items: lines, more } = this.#replicas.page(this.#reader.page(query), query);
    const waiting = this.#broadcaster.pendingLines();
    const known = lines.filter(({ key }) => !waiting.has(key.at(-1) as string)).map(({ json }) => json);
    for (const line of waiting.values()) if (line !== null && isPicked(line)) known.push(JSON.stringify(line));
    const shown = limitToSnapshot(known);
    const complete = !more && shown.length === known.length;
    const head = `{"type":"snapshot","topic":"lobbies","seq":${this.#broadcaster.seq}`;
    const answers = re === undefined ? "" : `,"re":${re}`;
    this.#send(watcher, `${head}${answers},"data":{"lobbies":[${shown.join()}],"complete":${complete}}}`);
  }

  #resumeList(watcher: Subscriber, missed: Missed, re: number | undefined): void {
    this.#send(watcher, resumedMessage(re, { topic: "lobbies" }));
    for (const { seq, item } of missed) {
      if (item.kind !== "lines") continue;
      for (const change of item.changes) {
        const news = listEvent(change, watcher.list!.matches);
        if (news !== null) this.#send(watcher, eventMessage("lobbies", seq, news));
      }
    }
  }

  #sendLobbySnapshot(watcher: Subscriber, lobby: Lobby, re?: number): void {
    const [seq, data] = [this.#broadcaster.seq, { lobby: lobbyView(lobby, watcher.peer) }];
    const answers = re === undefined ? {} : { re };
    this.#send(watcher, JSON.stringify({ type: "snapshot", topic: "lobby", seq, ...answers, data }));
  }

  #resumeLobby(watcher: Subscriber, lobby: Lobby, missed: Missed, re: number | undefined): void {
    this.#send(watcher, resumedMessage(re, { topic: "lobby", id: lobby.id }));
    const inside = isMember(lobby, watcher.peer);
    for (const { seq, item } of missed) {
      for (const news of eventsFor(item, lobby.id, watcher.peer, inside))
        this.#send(watcher, eventMessage("lobby", seq, news));
    }
  }

  #resyncLobby(watcher: Subscriber, id: string): void {
    const lobby = this.#reader.lobby(id);
    if (lobby !== undefined && lobbyView(lobby, watcher.peer) !== null) return this.#sendLobbySnapshot(watcher, lobby);
    const news: LobbyEvent = { type: "lobby.removed", data: { id, reason: "closed" } };
    this.#send(watcher, eventMessage("lobby", this.#broadcaster.seq, news));
    this.#subscribers.unsubscribeLobby(watcher, id, Date.now());
  }

  #send(watcher: Subscriber, text: string): void {
    this.#subscribers.send(watcher, text, Date.now());
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
  if (item.kind === "personal" && item.id === id) return item.peer === peer ? [item.news] : [];
  if (item.kind !== "view" || item.lobby.id !== id) return [];
  const lobby = lobbyView(item.lobby, peer);
  return lobby === null ? [] : [{ type: "lobby.updated", data: { lobby } }];
}
