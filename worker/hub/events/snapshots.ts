/**
 * What a topic begins with: a snapshot of it, or, for who comes back soon enough, what he has missed. Behind that
 * comes what the teller tells.
 */
import { SNAPSHOT_LENGTH_MAX, SNAPSHOT_LINES_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { lineNews } from "#shared/subscriptions/change-events.ts";
import { NEWEST_FIRST, type Query } from "#shared/listing/query.ts";
import { numberAt } from "#shared/subscriptions/replay-buffer.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import { isMember, viewOf } from "#shared/api/views.ts";
import type { News } from "#shared/api/events.ts";
import type { Others } from "./shard-feed.ts";
import { told, type Told, type Teller } from "./broadcaster.ts";
import { LIST } from "./topics.ts";
import type { FilterText, Watcher } from "./subscriber.ts";
import type { Watchers } from "./subscribers.ts";

/** What is there to be seen. */
export type Sights = {
  readonly lobby: (id: string) => Lobby | undefined;
  readonly page: (query: Query) => Page;
};

type Missed = NonNullable<ReturnType<Teller["behind"]>>;

export class Beginnings {
  readonly #sights: Sights;
  readonly #watchers: Watchers;
  readonly #teller: Teller;
  readonly #others: Others;

  constructor(sights: Sights, watchers: Watchers, teller: Teller, others: Others) {
    this.#sights = sights;
    this.#watchers = watchers;
    this.#teller = teller;
    this.#others = others;
  }

  /** From now on he watches the list. The lines of other hubs must have been loaded. */
  ofList(watcher: Watcher, filter: FilterText, since: number | undefined, re: number | undefined): void {
    const now = Date.now();
    this.#teller.flush(now);
    const missed = since === undefined ? null : this.#teller.behind(LIST, since, now);
    this.#watchers.watchList(watcher, filter, this.#teller.seq, now);
    if (missed === null) this.#showList(watcher, re);
    else this.#resumeList(watcher, missed, re);
  }

  /** From now on he watches a lobby, of which he may see something. */
  ofLobby(watcher: Watcher, lobby: Lobby, since: number | undefined, re: number | undefined): void {
    const now = Date.now();
    this.#teller.flush(now);
    const isKnown = since !== undefined && !isNewcomer(lobby, watcher.peer, since);
    const missed = isKnown ? this.#teller.behind(lobby.id, since, now) : null;
    this.#watchers.watchLobby(watcher, lobby.id, this.#teller.seq, now);
    if (missed === null) this.#showLobby(watcher, lobby, re);
    else this.#resumeLobby(watcher, lobby, missed, re);
  }

  /** Everybody begins anew. */
  async again(): Promise<void> {
    const loaded = await this.#others.load();
    for (const watcher of this.#watchers.all()) {
      if (watcher.list !== null && loaded) this.#showList(watcher);
      for (const id of watcher.lobbies) this.#showAgain(watcher, id);
    }
  }

  /** The list as everybody with this filter was told it last; what waits to be told comes behind it. */
  #showList(watcher: Watcher, re?: number): void {
    const { filter, isPicked } = watcher.list!;
    const sorting = { near: [], order: NEWEST_FIRST };
    const rest = { limit: SNAPSHOT_LINES_MAX, after: null, count: false, fields: null };
    const query = { ...filter, ...sorting, ...rest };
    const { lines, more } = this.#others.page(this.#sights.page(query), query);
    const waiting = this.#teller.waitingLines();
    const known = lines.filter(({ key }) => !waiting.has(key.at(-1) as string)).map(({ json }) => json);
    for (const line of waiting.values()) if (line !== null && isPicked(line)) known.push(JSON.stringify(line));
    const shown = fitting(known);
    const complete = !more && shown.length === known.length;
    const head = `{"type":"snapshot","topic":"lobbies","seq":${this.#teller.seq}`;
    const answers = re === undefined ? "" : `,"re":${re}`;
    this.#tell(watcher, `${head}${answers},"data":{"lobbies":[${shown.join()}],"complete":${complete}}}`);
  }

  #resumeList(watcher: Watcher, missed: Missed, re: number | undefined): void {
    this.#tell(watcher, resumed(re, { topic: "lobbies" }));
    for (const { seq, item } of missed) {
      if (item.kind !== "lines") continue;
      for (const change of item.changes) {
        const news = lineNews(change, watcher.list!.isPicked);
        if (news !== null) this.#tell(watcher, told("lobbies", seq, news));
      }
    }
  }

  #showLobby(watcher: Watcher, lobby: Lobby, re?: number): void {
    const [seq, data] = [this.#teller.seq, { lobby: viewOf(lobby, watcher.peer) }];
    const answers = re === undefined ? {} : { re };
    this.#tell(watcher, JSON.stringify({ type: "snapshot", topic: "lobby", seq, ...answers, data }));
  }

  #resumeLobby(watcher: Watcher, lobby: Lobby, missed: Missed, re: number | undefined): void {
    this.#tell(watcher, resumed(re, { topic: "lobby", id: lobby.id }));
    const inside = isMember(lobby, watcher.peer);
    for (const { seq, item } of missed) {
      for (const news of newsFor(item, lobby.id, watcher.peer, inside)) this.#tell(watcher, told("lobby", seq, news));
    }
  }

  #showAgain(watcher: Watcher, id: string): void {
    const lobby = this.#sights.lobby(id);
    if (lobby !== undefined && viewOf(lobby, watcher.peer) !== null) return this.#showLobby(watcher, lobby);
    const news: News = { type: "lobby.removed", data: { id, reason: "closed" } };
    this.#tell(watcher, told("lobby", this.#teller.seq, news));
    this.#watchers.leaveLobby(watcher, id, Date.now());
  }

  #tell(watcher: Watcher, text: string): void {
    this.#watchers.tell(watcher, text, Date.now());
  }
}

const resumed = (re: number | undefined, data: object): string =>
  JSON.stringify({ type: "resumed", ...(re !== undefined && { re }), data });

/** Only who was inside all the time is told what was said inside. */
function isNewcomer(lobby: Lobby, peer: string | null, since: number): boolean {
  const member = lobby.members.find((m) => m.source === null && m.peer === peer);
  return member !== undefined && numberAt(member.joined_at) > since;
}

/** As many of the first lines as a snapshot holds. */
function fitting(lines: readonly string[]): readonly string[] {
  let length = 0;
  const end = lines.findIndex((line) => (length += line.length + 1) > SNAPSHOT_LENGTH_MAX);
  return lines.slice(0, Math.min(end < 0 ? lines.length : end, SNAPSHOT_LINES_MAX));
}

/** What was told of a lobby, as this reader was, or would have been, told it. */
function newsFor(item: Told, id: string, peer: string | null, inside: boolean): readonly News[] {
  if (item.kind === "lobby" && item.id === id) return inside ? item.inside : item.outside;
  if (item.kind === "personal" && item.id === id) return item.peer === peer ? [item.news] : [];
  if (item.kind !== "view" || item.lobby.id !== id) return [];
  const lobby = viewOf(item.lobby, peer);
  return lobby === null ? [] : [{ type: "lobby.updated", data: { lobby } }];
}
