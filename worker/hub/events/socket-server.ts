/**
 * The hub's end of the events WebSocket: what clients say (shared/api/events.ts), in order, and what they are answered.
 * Who is told what of a change is worker/hub/events/subscribers.ts.
 */
import type { Reach } from "#shared/connect/schema.ts";
import type { Summary } from "#shared/api/lobbies.ts";
import { decode } from "#shared/schema/decode.ts";
import {
  FILTER_LENGTH_MAX,
  TOPICS_PER_WATCHER_MAX,
  WATCHER_MESSAGE_LENGTH_MAX,
  WATCHER_PING_S,
  WATCHER_SILENCE_MS,
} from "#shared/limits.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import { parseFilterOf } from "#shared/listing/query.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import type { Payer } from "#shared/rate-limit/rate-limiter.ts";
import { viewOf } from "#shared/api/views.ts";
import { type FromWatcher, fromWatcher, SUBPROTOCOL, WatchClose } from "#shared/api/events.ts";
import { Beginnings, type Sights } from "./snapshots.ts";
import type { Delivery, LobbyChange } from "../change-listener.ts";
import { Feed, type Lines, Others } from "./shard-feed.ts";
import type { Answered, Refused } from "../../http/hub-client.ts";
import { problem, problemOf } from "../../problem.ts";
import type { Watcher } from "./subscriber.ts";
import { linesOf, Teller } from "./broadcaster.ts";
import { type House, Watchers } from "./subscribers.ts";

/** What a member says to the others. */
type Spoken = Event & { kind: "chat" | "signal" };
type Subscribe = (FromWatcher & { type: "subscribe" })["data"];

/** What the conversation needs of the hub. */
export type Home = House &
  Sights & {
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
    /** The peer of this game whose token it is, or null. */
    readonly prove: (token: string) => Promise<string | null>;
    /** What a member says to the others. */
    readonly say: (lobby: string, event: Spoken, payer: Payer) => Answered<unknown>;
    /** Whether a peer wants to be connected. */
    readonly agree: (connection: string, payer: Payer, reach: Reach | undefined) => Promise<Answered<unknown>>;
    readonly decline: (connection: string, payer: Payer) => Answered<unknown>;
  };

export class Watch {
  readonly #home: Home;
  readonly #watchers: Watchers;
  readonly #teller: Teller;
  readonly #others: Others;
  readonly #feed: Feed | null;
  readonly #beginnings: Beginnings;
  #looks_at: number;

  constructor(home: Home, sockets: readonly WebSocket[], now: number) {
    this.#home = home;
    this.#watchers = new Watchers(home, sockets, now);
    this.#teller = new Teller(home, this.#watchers, now);
    const others = home.shard === 0 ? Array.from({ length: home.shards - 1 }, (_, at) => at + 1) : [];
    this.#others = new Others(others, home.feed);
    this.#beginnings = new Beginnings(home, this.#watchers, this.#teller, this.#others);
    this.#feed = home.shard === 0 ? null : new Feed(home.tellFirst);
    this.#looks_at = now + WATCHER_SILENCE_MS;
    // What had waited to be told was lost with the memory; everybody begins anew.
    if (this.#watchers.wasOwed()) home.goesOn(this.#beginnings.again());
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

  /** Whether a member watches this lobby here, so that he need not ask; and telling him what nobody is told again. */
  readonly members = {
    listens: (lobby: string, peer: string): boolean => this.#watchers.ofMember(lobby, peer).length > 0,
    tell: (lobby: string, peer: string, text: string): void => {
      for (const watcher of this.#watchers.ofMember(lobby, peer)) this.#tell(watcher, text);
    },
  };

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
    await this.#beginnings.again();
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
      case "accept":
      case "deny":
        return this.#answer(watcher, said, (await this.#connect(watcher, said)) ?? "ok");
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
      this.#beginnings.ofList(watcher, filter, since, re);
      return null;
    }
    if (id === undefined) return wrong("id: a lobby topic needs one");
    if (shardOfId(id) !== this.#home.shard) return { refused: "misdirected", detail: "open a socket with ?lobby={id}" };
    const lobby = this.#home.lobby(id);
    if (lobby === undefined || viewOf(lobby, watcher.peer) === null) return { refused: "lobby_not_found" };
    if (!watcher.lobbies.has(id) && watcher.lobbies.size >= TOPICS_PER_WATCHER_MAX) {
      return { refused: "quota_exceeded", detail: `a socket watches ${TOPICS_PER_WATCHER_MAX} lobbies at the most` };
    }
    this.#beginnings.ofLobby(watcher, lobby, since, re);
    return null;
  }

  #unsubscribe(watcher: Watcher, { topic, id }: { topic: "lobbies" | "lobby"; id?: string }): Refused | null {
    if (topic === "lobbies") this.#watchers.leaveList(watcher, Date.now());
    else if (id === undefined) return wrong("id: a lobby topic needs one");
    else this.#watchers.leaveLobby(watcher, id, Date.now());
    return null;
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
    return refusalOf(this.#home.say(lobby, event, { peer, source }));
  }

  /** He agrees to a connection, or does not. */
  async #connect(watcher: Watcher, said: FromWatcher & { type: "accept" | "deny" }): Promise<Refused | null> {
    const { peer, source } = watcher;
    if (peer === null) return { refused: "unauthorized" };
    const { connection_id: id } = said.data;
    const reach = said.type === "accept" ? said.data.reach : undefined;
    const payer = { peer, source };
    return refusalOf(said.type === "deny" ? this.#home.decline(id, payer) : await this.#home.agree(id, payer, reach));
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

const GOING_AWAY = `{"type":"going_away","data":{}}`;

function refusalOf(answered: Answered<unknown>): Refused | null {
  if (!("refused" in answered)) return null;
  const { receipt, retry_after_s } = answered;
  return { ...answered, retry_after_s: receipt?.paid === false ? receipt.wait_s : retry_after_s };
}

const wrong = (detail: string): Refused => ({ refused: "invalid_request", detail });
