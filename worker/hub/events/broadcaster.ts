/**
 * Tells those who watch what a commit made of lobbies. What they see of a lobby is told once a second at the most; who
 * comes, goes and hosts, and what is said, is told at once. All of it is kept for a while, for those who come back.
 */
import type { Summary } from "#shared/api/lobbies.ts";
import { Coalescer } from "#shared/subscriptions/coalescer.ts";
import { COALESCE_MS, REPLAY_ITEMS_MAX, REPLAY_LENGTH_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import {
  goneReason,
  lineChange,
  lineNews,
  memberNews,
  personalNews,
  goneNews,
  type Removals,
  type Removed,
} from "#shared/subscriptions/change-events.ts";
import { Replay } from "#shared/subscriptions/replay-buffer.ts";
import { isMember, viewOf } from "#shared/api/views.ts";
import type { GoneReason, News } from "#shared/api/events.ts";
import type { Delivery, LobbyChange } from "../change-listener.ts";
import type { Lines } from "./shard-feed.ts";
import { LIST } from "./topics.ts";
import type { Watcher } from "./subscriber.ts";
import type { House, Watchers } from "./subscribers.ts";

/** What was told, as it is kept for those who come back. */
export type Told =
  | { readonly kind: "lines"; readonly changes: Lines }
  /** To every watcher of a lobby: in one way to members, in another to strangers. */
  | { readonly kind: "lobby"; readonly id: string; readonly inside: readonly News[]; readonly outside: readonly News[] }
  | { readonly kind: "personal"; readonly id: string; readonly peer: string; readonly news: News }
  | { readonly kind: "view"; readonly lobby: Lobby };

export class Teller {
  readonly #house: House;
  readonly #watchers: Watchers;
  readonly #lines = new Coalescer<Summary>(COALESCE_MS);
  readonly #views = new Coalescer<Lobby>(COALESCE_MS);
  readonly #replay: Replay<Told>;

  constructor(house: House, watchers: Watchers, now: number) {
    this.#house = house;
    this.#watchers = watchers;
    this.#replay = new Replay(REPLAY_ITEMS_MAX, REPLAY_LENGTH_MAX, now);
  }

  /** The number of what was told last. */
  get seq(): number {
    return this.#replay.seq;
  }

  /** Whether changes of the list are told to somebody, or kept for somebody. */
  isListKept(now: number): boolean {
    return this.#watchers.topics.isKept(LIST, now);
  }

  /** What was told of a topic behind a number, or null where not all of it is known. */
  behind(topic: string, seq: number, now: number): ReturnType<Replay<Told>["behind"]> {
    return this.#watchers.topics.isWhole(topic, seq, now) ? this.#replay.behind(seq) : null;
  }

  /** Lines that wait to be told, as they were told last: who comes now begins there. */
  waitingLines(): ReadonlyMap<string, Summary | null> {
    return this.#lines.waiting();
  }

  /** In the order in which it happened: first what is told in person, then what everybody sees of it. */
  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], lines: Lines, now: number): void {
    this.flush(now);
    for (const { lobby, peer, notice } of deliveries) {
      this.#tellPeer(lobby.id, peer, personalNews(lobby.id, notice), now);
    }
    const removals = removalsOf(deliveries);
    for (const { old, next } of changes) {
      if (old === null || !this.#watchers.topics.isKept(old.id, now)) continue;
      this.#tellLobby(old, next, removals.get(old.id) ?? NOBODY, now);
    }
    this.publishLines(lines, now);
    for (const { next } of changes) if (next !== null) this.#confirm(next);
  }

  publishLines(changes: Lines, now: number): void {
    if (!this.isListKept(now)) return;
    this.#tellLines(this.#lines.take(changes, now), now);
    this.#watchers.owe(this.deadline() < Infinity);
  }

  /** Tells what has waited long enough. */
  flush(now: number): void {
    this.#tellLines(this.#lines.due(now), now);
    for (const { next } of this.#views.due(now)) if (next !== null) this.#tellView(next, now);
    this.#watchers.owe(this.deadline() < Infinity);
  }

  /** When something that waits is due, or Infinity. */
  deadline(): number {
    return Math.min(this.#lines.deadline(), this.#views.deadline());
  }

  #tellLines(changes: Lines, now: number): void {
    if (changes.length === 0) return;
    const seq = this.#replay.add({ kind: "lines", changes }, JSON.stringify(changes).length, now);
    for (const watchers of this.#watchers.lists()) {
      const { isPicked } = [...watchers][0]!.list!;
      for (const change of changes) {
        const news = lineNews(change, isPicked);
        if (news !== null) this.#tell(watchers, told("lobbies", seq, news), now);
      }
    }
  }

  #tellLobby(old: Lobby, next: Lobby | null, removals: Removals, now: number): void {
    const { id } = old;
    if (next === null) {
      this.#views.drop(id);
      const reason = goneReason(old, next, removals, now);
      for (const watcher of this.#watchers.topics.of(id)) {
        const mine = watcher.peer === null ? undefined : removals.get(watcher.peer);
        this.#tellGone(watcher, mine === undefined ? gone(id, reason) : goneNews(id, mine), now);
      }
      return;
    }
    const [inside, outside] = [memberNews(old, next, removals, true), memberNews(old, next, removals, false)];
    if (inside.length + outside.length > 0) {
      const seq = this.#keep({ kind: "lobby", id, inside, outside }, now);
      const [within, without] = [inside, outside].map((all) => all.map((news) => told("lobby", seq, news)));
      for (const watcher of this.#watchers.topics.of(id)) {
        for (const text of (isMember(next, watcher.peer) ? within : without)!) this.#tell([watcher], text, now);
      }
    }
    for (const watcher of this.#watchers.topics.of(id)) {
      const removal = watcher.peer === null || isMember(next, watcher.peer) ? undefined : removals.get(watcher.peer);
      if (removal !== undefined) this.#tellGone(watcher, goneNews(id, removal), now);
      else if (viewOf(next, watcher.peer) === null) this.#tellGone(watcher, gone(id, "filtered"), now);
    }
    const ready = this.#views.take([{ id, old, next, reason: "closed" }], now);
    for (const change of ready) this.#tellView(change.next!, now);
  }

  /** The lobby as each of its watchers may see it. */
  #tellView(lobby: Lobby, now: number): void {
    const watchers = this.#watchers.topics.of(lobby.id);
    const seq = this.#keep({ kind: "view", lobby }, now);
    const texts = new Map<string, string>();
    for (const watcher of watchers) {
      const inside = isMember(lobby, watcher.peer);
      const whose = inside && watcher.peer === lobby.host ? "host" : inside ? "member" : "stranger";
      const text = texts.get(whose) ?? viewText(lobby, watcher.peer, seq);
      if (text === null) continue;
      texts.set(whose, text);
      this.#tell([watcher], text, now);
    }
  }

  #tellGone(watcher: Watcher, news: Gone, now: number): void {
    this.#tell([watcher], told("lobby", this.seq, news), now);
    this.#watchers.leaveLobby(watcher, news.data.id, now);
  }

  #tellPeer(id: string, peer: string, news: News | null, now: number): void {
    if (news === null || !this.#watchers.topics.isKept(id, now)) return;
    const seq = this.#keep({ kind: "personal", id, peer, news }, now);
    this.#tell(this.#watchers.ofMember(id, peer), told("lobby", seq, news), now);
  }

  #tell(watchers: Iterable<Watcher>, text: string, now: number): void {
    for (const watcher of watchers) this.#watchers.tell(watcher, text, now);
  }

  #keep(item: Told, now: number): number {
    return this.#replay.add(item, JSON.stringify(item).length, now);
  }

  /** Who is in a lobby and has a socket open takes his seat at once. */
  #confirm(lobby: Lobby): void {
    for (const { peer, source, held_until, away_since } of lobby.members) {
      const waited = held_until !== undefined || away_since !== null;
      if (waited && source === null && this.#watchers.listens(peer)) this.#house.heard(peer);
    }
  }
}

export const told = (topic: "lobbies" | "lobby", seq: number, { type, data }: News): string =>
  JSON.stringify({ type, topic, seq, data });

export function viewText(lobby: Lobby, reader: string | null, seq: number): string | null {
  const view = viewOf(lobby, reader);
  return view === null ? null : told("lobby", seq, { type: "lobby.updated", data: { lobby: view } });
}

type Gone = News & { readonly type: "lobby.removed" };

const gone = (id: string, reason: GoneReason): Gone => ({ type: "lobby.removed", data: { id, reason } });

const NOBODY: Removals = new Map();

/** What changes make of the lines of lists. */
export function linesOf(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): Lines {
  const removals = removalsOf(deliveries);
  return changes.flatMap(({ old, next }) => {
    const line = lineChange(old, next, removals.get((next ?? old)!.id) ?? NOBODY, now);
    return line === null ? [] : [line];
  });
}

function removalsOf(deliveries: readonly Delivery[]): Map<string, Removals> {
  const removals = new Map<string, Map<string, Removed>>();
  for (const { lobby, peer, notice } of deliveries) {
    if (notice.kind !== "removed") continue;
    const mine = removals.get(lobby.id) ?? new Map<string, Removed>();
    removals.set(lobby.id, mine.set(peer, notice));
  }
  return removals;
}
