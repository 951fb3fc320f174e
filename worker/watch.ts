/**
 * The hub's end of the events WebSocket: what clients say (shared/watch.ts), in order, and what they are answered.
 * Who is told what of a change is worker/watchers.ts.
 */
import { decode } from "#shared/decode.ts";
import {
  FILTER_LENGTH_MAX,
  SNAPSHOT_LINES_MAX,
  TOPICS_PER_WATCHER_MAX,
  WATCHER_MESSAGE_LENGTH_MAX,
  WATCHER_PING_S,
  WATCHER_SILENCE_MS,
} from "#shared/limits.ts";
import type { Event, Lobby } from "#shared/lobby.ts";
import { lineNews } from "#shared/news.ts";
import { NEWEST_FIRST, parseFilterOf, type Query } from "#shared/query.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { Page } from "#shared/shelves.ts";
import type { Payer } from "#shared/tolls.ts";
import { isMember, viewOf } from "#shared/views.ts";
import { type FromWatcher, fromWatcher, type News, WatchClose } from "#shared/watch.ts";
import type { Delivery, LobbyChange } from "./events.ts";
import type { Answered, Refused } from "./pass.ts";
import { problemOf } from "./problem.ts";
import type { Watcher } from "./watcher.ts";
import { type House, told, type Told, Watchers } from "./watchers.ts";

/** What a member says to the others. */
type Spoken = Event & { kind: "chat" | "signal" };
type Problem = Refused & { readonly retry_after_s?: number | undefined };
type Subscribe = (FromWatcher & { type: "subscribe" })["data"];

/** What the conversation needs of the hub. */
export type Home = House & {
  readonly shards: number;
  readonly lobby: (id: string) => Lobby | undefined;
  readonly page: (query: Query) => Page;
  /** The peer of this game whose token it is, or null. */
  readonly prove: (token: string) => Promise<string | null>;
  /** What a member says to the others. */
  readonly say: (lobby: string, event: Spoken, payer: Payer) => Answered<null>;
};

export class Watch {
  readonly #home: Home;
  readonly #watchers: Watchers;
  #looks_at: number;

  constructor(home: Home, sockets: readonly WebSocket[], now: number) {
    this.#home = home;
    this.#watchers = new Watchers(home, sockets, now);
    this.#looks_at = now + WATCHER_SILENCE_MS;
    // What had waited to be told was lost with the memory; everybody begins anew.
    if (this.#watchers.wasOwed()) for (const watcher of this.#watchers.all()) this.#showAll(watcher);
  }

  /** Why no socket of this source is taken, or null. */
  refusal(source: string | null): RefusalCode | null {
    return this.#watchers.refusal(source);
  }

  add(socket: WebSocket, source: string | null, now: number): void {
    if (this.#watchers.size === 0) this.#looks_at = now + WATCHER_SILENCE_MS;
    this.#watchers.add(socket, source, now);
  }

  listens(lobby: string, peer: string): boolean {
    return this.#watchers.listens(lobby, peer);
  }

  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): void {
    this.#watchers.publish(deliveries, changes, now);
  }

  /** Time has passed. */
  tick(now: number): void {
    this.#watchers.flush(now);
    if (now < this.#looks_at) return;
    this.#looks_at = now + WATCHER_SILENCE_MS;
    this.#watchers.look(now);
  }

  /** When it wants to see who has gone. */
  deadline(): number {
    return this.#watchers.size === 0 ? Infinity : this.#looks_at;
  }

  /** When something that waits is to be told, and no later. */
  urgent(): number {
    return this.#watchers.size === 0 ? Infinity : this.#watchers.deadline();
  }

  close(socket: WebSocket, code: number): void {
    const watcher = this.#watchers.of(socket);
    if (watcher !== undefined) this.#watchers.end(watcher, code, "");
  }

  /** Takes what a socket says, one message after the other. */
  hear(socket: WebSocket, message: string | ArrayBuffer, now: number): Promise<void> {
    const watcher = this.#watchers.of(socket);
    if (watcher === undefined) return Promise.resolve();
    if (!watcher.mayTalk(now)) {
      this.#end(watcher, WatchClose.flooding, "rate_limited", "too many messages");
      return Promise.resolve();
    }
    watcher.turn = watcher.turn.then(() => this.#take(watcher, message));
    return watcher.turn;
  }

  async #take(watcher: Watcher, message: string | ArrayBuffer): Promise<void> {
    if (watcher.ended) return;
    const text = typeof message === "string" ? message : "";
    const decoded = decode(text, fromWatcher, WATCHER_MESSAGE_LENGTH_MAX);
    if (!decoded.ok) return this.#end(watcher, WatchClose.malformed, "invalid_request", decoded.why);
    const said = decoded.value;
    if (said.type === "hello") return this.#greet(watcher, said);
    if (!watcher.greeted) return this.#answer(watcher, said, wrong("hello comes first"));
    switch (said.type) {
      case "subscribe":
        return this.#answer(watcher, said, this.#subscribe(watcher, said.data, said.seq));
      case "unsubscribe":
        return this.#answer(watcher, said, this.#unsubscribe(watcher, said.data) ?? "ok");
      case "chat":
      case "signal":
        return this.#answer(watcher, said, this.#say(watcher, said) ?? "ok");
    }
  }

  async #greet(watcher: Watcher, { data, seq }: FromWatcher & { type: "hello" }): Promise<void> {
    if (watcher.greeted) return this.#refuse(watcher, seq, wrong("hello comes once"));
    const peer = data.token === undefined ? null : await this.#home.prove(data.token);
    if (watcher.ended) return;
    if (data.token !== undefined && peer === null) {
      return this.#end(watcher, WatchClose.unauthorized, "unauthorized", "the token is not good for this game");
    }
    watcher.greet(peer);
    this.#reply(watcher, "welcome", seq, { peer_id: peer, heartbeat_s: WATCHER_PING_S });
  }

  // --- subscribing ---------------------------------------------------------------------------------------------

  #subscribe(watcher: Watcher, data: Subscribe, re: number | undefined): Problem | null {
    const { topic, id, filter = {}, since } = data;
    if (topic === "lobbies") {
      if (this.#home.shards > 1) return { refused: "hub_unavailable", detail: "this game has several hubs" };
      const parsed = parseFilterOf(Object.entries(filter));
      if ("wrong" in parsed) return wrong(`filter.${parsed.wrong}: not a value this parameter takes`);
      if (JSON.stringify(filter).length > FILTER_LENGTH_MAX) return wrong("filter: too long");
      this.#watchers.watchList(watcher, filter);
      if (!this.#resumeList(watcher, since, re)) this.#showList(watcher, re);
      return null;
    }
    if (id === undefined) return wrong("id: a lobby topic needs one");
    const lobby = this.#home.lobby(id);
    if (lobby === undefined || viewOf(lobby, watcher.peer) === null) return { refused: "lobby_not_found" };
    if (!watcher.lobbies.has(id) && watcher.lobbies.size >= TOPICS_PER_WATCHER_MAX) {
      return { refused: "quota_exceeded", detail: `a socket watches ${TOPICS_PER_WATCHER_MAX} lobbies at the most` };
    }
    if (!this.#resumeLobby(watcher, lobby, since, re)) this.#showLobby(watcher, lobby, re);
    this.#watchers.watchLobby(watcher, id);
    return null;
  }

  #unsubscribe(watcher: Watcher, { topic, id }: { topic: "lobbies" | "lobby"; id?: string }): Problem | null {
    if (topic === "lobbies") this.#watchers.watchList(watcher, null);
    else if (id === undefined) return wrong("id: a lobby topic needs one");
    else this.#watchers.leaveLobby(watcher, id, Date.now());
    return null;
  }

  /** The list as everybody with this filter was told it last; what waits to be told comes behind it. */
  #showList(watcher: Watcher, re?: number): void {
    const { filter, isPicked } = watcher.list!;
    const sorting = { near: [], order: NEWEST_FIRST };
    const rest = { limit: SNAPSHOT_LINES_MAX, after: null, count: false, fields: null };
    const { lines, more } = this.#home.page({ ...filter, ...sorting, ...rest });
    const waiting = this.#watchers.waitingLines();
    const known = lines.filter(({ key }) => !waiting.has(key.at(-1) as string)).map(({ json }) => json);
    for (const line of waiting.values()) if (line !== null && isPicked(line)) known.push(JSON.stringify(line));
    const head = `{"type":"snapshot","topic":"lobbies","seq":${this.#watchers.replay.seq}`;
    const answers = re === undefined ? "" : `,"re":${re}`;
    this.#watchers.tell(watcher, `${head}${answers},"data":{"lobbies":[${known.join()}],"complete":${!more}}}`);
  }

  #resumeList(watcher: Watcher, since: number | undefined, re: number | undefined): boolean {
    const missed = since === undefined ? null : this.#watchers.replay.behind(since);
    if (missed === null) return false;
    this.#reply(watcher, "resumed", re, { topic: "lobbies" });
    for (const { seq, item } of missed) {
      if (item.kind !== "lines") continue;
      for (const change of item.changes) {
        const news = lineNews(change, watcher.list!.isPicked);
        if (news !== null) this.#watchers.tell(watcher, told("lobbies", seq, news));
      }
    }
    return true;
  }

  #showLobby(watcher: Watcher, lobby: Lobby, re?: number): void {
    const [seq, data] = [this.#watchers.replay.seq, { lobby: viewOf(lobby, watcher.peer) }];
    const answers = re === undefined ? {} : { re };
    this.#watchers.tell(watcher, JSON.stringify({ type: "snapshot", topic: "lobby", seq, ...answers, data }));
  }

  /** Only who was inside all the time is told what was said inside. */
  #resumeLobby(watcher: Watcher, lobby: Lobby, since: number | undefined, re: number | undefined): boolean {
    const missed = since === undefined ? null : this.#watchers.replay.behind(since);
    if (missed === null || since === undefined) return false;
    const inside = isMember(lobby, watcher.peer);
    const me = lobby.members.find((member) => member.peer === watcher.peer);
    if (inside && me !== undefined && me.joined_at > since) return false;
    this.#reply(watcher, "resumed", re, { topic: "lobby", id: lobby.id });
    for (const { seq, item } of missed) {
      for (const news of newsFor(item, lobby.id, watcher.peer, inside)) {
        this.#watchers.tell(watcher, told("lobby", seq, news));
      }
    }
    return true;
  }

  #showAll(watcher: Watcher): void {
    if (watcher.list !== null) this.#showList(watcher);
    for (const id of watcher.lobbies) {
      const lobby = this.#home.lobby(id);
      if (lobby !== undefined && viewOf(lobby, watcher.peer) !== null) this.#showLobby(watcher, lobby);
      else {
        const news: News = { type: "lobby.removed", data: { id, reason: "closed" } };
        this.#watchers.tell(watcher, told("lobby", this.#watchers.replay.seq, news));
        this.#watchers.leaveLobby(watcher, id, Date.now());
      }
    }
  }

  // --- saying --------------------------------------------------------------------------------------------------

  #say(watcher: Watcher, said: FromWatcher & { type: "chat" | "signal" }): Problem | null {
    const { peer, source } = watcher;
    if (peer === null) return { refused: "unauthorized" };
    const { lobby } = said.data;
    const event: Spoken =
      said.type === "chat"
        ? { kind: "chat", by: peer, text: said.data.text }
        : { kind: "signal", by: peer, peer: said.data.to, body: said.data.body };
    const answered = this.#home.say(lobby, event, { peer, source });
    if (!("refused" in answered)) return null;
    return { ...answered, retry_after_s: answered.receipt?.wait_s };
  }

  #answer(watcher: Watcher, { seq }: FromWatcher, answer: Problem | "ok" | null): void {
    if (answer === "ok") this.#reply(watcher, "ok", seq, {});
    else if (answer !== null) this.#refuse(watcher, seq, answer);
  }

  #refuse(watcher: Watcher, re: number | undefined, { refused, detail, retry_after_s }: Problem): void {
    this.#reply(watcher, "error", re, { problem: problemOf(refused, detail, retry_after_s) });
  }

  #end(watcher: Watcher, code: number, refused: RefusalCode, detail: string): void {
    const problem = problemOf(refused, detail);
    this.#watchers.end(watcher, code, detail, JSON.stringify({ type: "error", data: { problem } }));
  }

  #reply(watcher: Watcher, type: string, re: number | undefined, data: object): void {
    this.#watchers.tell(watcher, JSON.stringify({ type, ...(re !== undefined && { re }), data }));
  }
}

const wrong = (detail: string): Refused => ({ refused: "invalid_request", detail });

/** What was told of a lobby, as this reader was, or would have been, told it. */
function newsFor(item: Told, id: string, peer: string | null, inside: boolean): readonly News[] {
  if (item.kind === "lobby" && item.id === id) return inside ? item.inside : item.outside;
  if (item.kind === "personal" && item.id === id) return item.peer === peer ? [item.news] : [];
  if (item.kind !== "view" || item.lobby.id !== id) return [];
  const lobby = viewOf(item.lobby, peer);
  return lobby === null ? [] : [{ type: "lobby.updated", data: { lobby } }];
}
