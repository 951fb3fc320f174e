/**
 * The hub's end of the events WebSocket: what clients say (shared/watch.ts), in order, and what they are answered.
 * Who is told what of a change is worker/watchers.ts.
 */
import type { Summary } from "#shared/api.ts";
import { decode } from "#shared/decode.ts";
import {
  FILTER_LENGTH_MAX,
  SNAPSHOT_LENGTH_MAX,
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
import { shardOfId } from "#shared/shards.ts";
import { numberAt } from "#shared/replay.ts";
import type { Page } from "#shared/shelves.ts";
import type { Payer } from "#shared/tolls.ts";
import { isMember, viewOf } from "#shared/views.ts";
import { type FromWatcher, fromWatcher, type News, SUBPROTOCOL, WatchClose } from "#shared/watch.ts";
import type { Delivery, LobbyChange } from "./events.ts";
import { Feed, type Lines, Others } from "./feeds.ts";
import type { Answered, Refused } from "./pass.ts";
import { problem, problemOf } from "./problem.ts";
import type { Watcher } from "./watcher.ts";
import { linesOf, told, type Told, Teller } from "./teller.ts";
import { LIST } from "./topics.ts";
import { type House, Watchers } from "./watchers.ts";

/** What a member says to the others. */
type Spoken = Event & { kind: "chat" | "signal" };
type Missed = NonNullable<ReturnType<Teller["behind"]>>;
type Subscribe = (FromWatcher & { type: "subscribe" })["data"];

/** What the conversation needs of the hub. */
export type Home = House & {
  readonly shard: number;
  readonly shards: number;
  readonly accept: (socket: WebSocket) => void;
  /** There may be something to be woken for. */
  readonly arm: () => void;
  /** All lines of another hub, which tells of changes from now on. */
  readonly feed: (shard: number) => Promise<readonly Summary[]>;
  /** Feeds the first hub; gives whether somebody watches there. */
  readonly tellFirst: (changes: Lines, lost: boolean) => Promise<boolean>;
  /** Work that goes on behind an answer. */
  readonly goesOn: (work: Promise<void>) => void;
  readonly lobby: (id: string) => Lobby | undefined;
  readonly page: (query: Query) => Page;
  /** The peer of this game whose token it is, or null. */
  readonly prove: (token: string) => Promise<string | null>;
  /** What a member says to the others. */
  readonly say: (lobby: string, event: Spoken, payer: Payer) => Answered<unknown>;
};

export class Watch {
  readonly #home: Home;
  readonly #watchers: Watchers;
  readonly #teller: Teller;
  readonly #others: Others;
  readonly #feed: Feed | null;
  #looks_at: number;

  constructor(home: Home, sockets: readonly WebSocket[], now: number) {
    this.#home = home;
    this.#watchers = new Watchers(home, sockets, now);
    this.#teller = new Teller(home, this.#watchers, now);
    const others = home.shard === 0 ? Array.from({ length: home.shards - 1 }, (_, at) => at + 1) : [];
    this.#others = new Others(others, home.feed);
    this.#feed = home.shard === 0 ? null : new Feed(home.tellFirst);
    this.#looks_at = now + WATCHER_SILENCE_MS;
    // What had waited to be told was lost with the memory; everybody begins anew.
    if (this.#watchers.wasOwed()) home.goesOn(this.#showAll());
  }

  /** Somebody comes to watch. */
  admit(source: string | null, now: number): Response {
    const refused = this.#watchers.refusal(source);
    if (refused !== null) return problem(refused);
    if (this.#watchers.size === 0) this.#looks_at = now + WATCHER_SILENCE_MS;
    const { 0: client, 1: server } = new WebSocketPair();
    this.#home.accept(server);
    this.#watchers.add(server, source, now);
    this.#home.arm();
    return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });
  }

  /** Whether a peer has an open socket here: then he lives as long as it does. */
  listens(peer: string): boolean {
    return this.#watchers.listens(peer);
  }

  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): void {
    const lines = this.#teller.isListKept(now) || this.#feed?.wanted === true ? linesOf(deliveries, changes, now) : [];
    this.#teller.publish(deliveries, changes, lines, now);
    const sending = this.#feed?.add(lines) ?? null;
    if (sending !== null) this.#home.goesOn(sending);
  }

  /** The first hub wants all lines, and to be told of changes from now on. */
  begin(): void {
    this.#feed?.begin();
  }

  /** Another hub tells of its lines; gives whether somebody watches here. */
  async fed(shard: number, changes: Lines, count: number, lost: boolean, now: number): Promise<boolean> {
    const isKept = this.#teller.isListKept(now);
    if (!isKept) this.#others.forget();
    const whole = this.#others.take(shard, changes, count) && !lost;
    this.#teller.publishLines(changes, now);
    if (whole || !isKept) return isKept;
    this.#others.forget();
    await this.#showAll();
    return true;
  }

  /** The operators let the game run empty: everybody who watches hears it, once. */
  goAway(now: number): void {
    for (const watcher of this.#watchers.all()) this.#watchers.tell(watcher, GOING_AWAY, now);
  }

  /** Time has passed. */
  tick(now: number): void {
    this.#teller.flush(now);
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
    return this.#watchers.size === 0 ? Infinity : this.#teller.deadline();
  }

  close(socket: WebSocket, code: number): void {
    const watcher = this.#watchers.of(socket);
    if (watcher !== undefined) this.#watchers.end(watcher, Date.now(), code, "");
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
        return this.#answer(watcher, said, await this.#subscribe(watcher, said.data, said.seq));
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
    this.#watchers.greet(watcher, peer);
    this.#reply(watcher, "welcome", seq, { peer_id: peer, heartbeat_s: WATCHER_PING_S });
  }

  // --- subscribing ---------------------------------------------------------------------------------------------

  async #subscribe(watcher: Watcher, data: Subscribe, re: number | undefined): Promise<Refused | null> {
    const { topic, id, filter = {}, since } = data;
    if (topic === "lobbies") {
      if (this.#home.shard > 0) return { refused: "misdirected", detail: "the list is told of without ?lobby" };
      const parsed = parseFilterOf(Object.entries(filter));
      if ("wrong" in parsed) return wrong(`filter.${parsed.wrong}: not a value this parameter takes`);
      if (JSON.stringify(filter).length > FILTER_LENGTH_MAX) return wrong("filter: too long");
      if (!(await this.#others.load())) return { refused: "hub_unavailable" };
      if (watcher.ended) return null;
      const now = Date.now();
      this.#teller.flush(now);
      const missed = since === undefined ? null : this.#teller.behind(LIST, since, now);
      this.#watchers.watchList(watcher, filter, this.#teller.seq, now);
      if (missed === null) this.#showList(watcher, re);
      else this.#resumeList(watcher, missed, re);
      return null;
    }
    if (id === undefined) return wrong("id: a lobby topic needs one");
    if (shardOfId(id) !== this.#home.shard) return { refused: "misdirected", detail: "open a socket with ?lobby={id}" };
    const lobby = this.#home.lobby(id);
    if (lobby === undefined || viewOf(lobby, watcher.peer) === null) return { refused: "lobby_not_found" };
    if (!watcher.lobbies.has(id) && watcher.lobbies.size >= TOPICS_PER_WATCHER_MAX) {
      return { refused: "quota_exceeded", detail: `a socket watches ${TOPICS_PER_WATCHER_MAX} lobbies at the most` };
    }
    const now = Date.now();
    this.#teller.flush(now);
    const missed =
      since === undefined || isNewcomer(lobby, watcher.peer, since) ? null : this.#teller.behind(id, since, now);
    this.#watchers.watchLobby(watcher, id, this.#teller.seq, now);
    if (missed === null) this.#showLobby(watcher, lobby, re);
    else this.#resumeLobby(watcher, lobby, missed, re);
    return null;
  }

  #unsubscribe(watcher: Watcher, { topic, id }: { topic: "lobbies" | "lobby"; id?: string }): Refused | null {
    if (topic === "lobbies") this.#watchers.leaveList(watcher, Date.now());
    else if (id === undefined) return wrong("id: a lobby topic needs one");
    else this.#watchers.leaveLobby(watcher, id, Date.now());
    return null;
  }

  /** The list as everybody with this filter was told it last; what waits to be told comes behind it. */
  #showList(watcher: Watcher, re?: number): void {
    const { filter, isPicked } = watcher.list!;
    const sorting = { near: [], order: NEWEST_FIRST };
    const rest = { limit: SNAPSHOT_LINES_MAX, after: null, count: false, fields: null };
    const query = { ...filter, ...sorting, ...rest };
    const { lines, more } = this.#others.page(this.#home.page(query), query);
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
    this.#reply(watcher, "resumed", re, { topic: "lobbies" });
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
    this.#reply(watcher, "resumed", re, { topic: "lobby", id: lobby.id });
    const inside = isMember(lobby, watcher.peer);
    for (const { seq, item } of missed) {
      for (const news of newsFor(item, lobby.id, watcher.peer, inside)) this.#tell(watcher, told("lobby", seq, news));
    }
  }

  /** Everybody begins anew. */
  async #showAll(): Promise<void> {
    const loaded = await this.#others.load();
    for (const watcher of this.#watchers.all()) {
      if (watcher.list !== null && loaded) this.#showList(watcher);
      for (const id of watcher.lobbies) this.#showAgain(watcher, id);
    }
  }

  #showAgain(watcher: Watcher, id: string): void {
    const lobby = this.#home.lobby(id);
    if (lobby !== undefined && viewOf(lobby, watcher.peer) !== null) return this.#showLobby(watcher, lobby);
    const news: News = { type: "lobby.removed", data: { id, reason: "closed" } };
    this.#tell(watcher, told("lobby", this.#teller.seq, news));
    this.#watchers.leaveLobby(watcher, id, Date.now());
  }

  // --- saying --------------------------------------------------------------------------------------------------

  #say(watcher: Watcher, said: FromWatcher & { type: "chat" | "signal" }): Refused | null {
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

  #answer(watcher: Watcher, { seq }: FromWatcher, answer: Refused | "ok" | null): void {
    if (answer === "ok") this.#reply(watcher, "ok", seq, {});
    else if (answer !== null) this.#refuse(watcher, seq, answer);
  }

  #refuse(watcher: Watcher, re: number | undefined, { refused, detail, retry_after_s }: Refused): void {
    this.#reply(watcher, "error", re, { problem: problemOf(refused, detail, retry_after_s) });
  }

  #end(watcher: Watcher, code: number, refused: RefusalCode, detail: string): void {
    const problem = problemOf(refused, detail);
    this.#watchers.end(watcher, Date.now(), code, detail, JSON.stringify({ type: "error", data: { problem } }));
  }

  #tell(watcher: Watcher, text: string): void {
    this.#watchers.tell(watcher, text, Date.now());
  }

  #reply(watcher: Watcher, type: string, re: number | undefined, data: object): void {
    this.#tell(watcher, JSON.stringify({ type, ...(re !== undefined && { re }), data }));
  }
}

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

const GOING_AWAY = `{"type":"going_away","data":{}}`;

const wrong = (detail: string): Refused => ({ refused: "invalid_request", detail });

/** What was told of a lobby, as this reader was, or would have been, told it. */
function newsFor(item: Told, id: string, peer: string | null, inside: boolean): readonly News[] {
  if (item.kind === "lobby" && item.id === id) return inside ? item.inside : item.outside;
  if (item.kind === "personal" && item.id === id) return item.peer === peer ? [item.news] : [];
  if (item.kind !== "view" || item.lobby.id !== id) return [];
  const lobby = viewOf(item.lobby, peer);
  return lobby === null ? [] : [{ type: "lobby.updated", data: { lobby } }];
}
