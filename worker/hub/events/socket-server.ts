/**
 * The server side of the event stream: handles the messages of clients (shared/api/events.ts) in order and acknowledges
 * them. Which subscriber gets which event is decided in broadcaster.ts.
 */
import type { Reach } from "#shared/connect/schema.ts";
import type { Summary } from "#shared/api/lobbies.ts";
import { decode } from "#shared/schema/decode.ts";
import {
  FILTER_LENGTH_MAX,
  TOPICS_PER_SUBSCRIBER_MAX,
  SUBSCRIBER_MESSAGE_LENGTH_MAX,
  SUBSCRIBER_PING_S,
  SUBSCRIBER_SILENCE_MS,
} from "#shared/limits.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import { parseFilterParameters } from "#shared/listing/query.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import { lobbyView } from "#shared/api/views.ts";
import { type ClientMessage, clientMessage, SUBPROTOCOL, EventsCloseCode } from "#shared/api/events.ts";
import { Snapshots, type LobbyReader } from "./snapshots.ts";
import type { Delivery, LobbyChange } from "../change-listener.ts";
import { ShardFeedSender, ShardFeedReceiver } from "./shard-feed.ts";
import { problem, problemDocument } from "../../problem.ts";
import type { Subscriber } from "./subscriber.ts";
import { listChangesOf, Broadcaster } from "./broadcaster.ts";
import { type PresenceHost, Subscribers } from "./subscribers.ts";
import type { ListChanges, Refused, RpcResult } from "../../rpc.ts";

/** A message from one member to others. */
type MessageEvent = Event & { kind: "chat" | "signal" };
type Subscribe = (ClientMessage & { type: "subscribe" })["data"];

/** What the socket server needs of the hub. */
export type EventsHost = PresenceHost &
  LobbyReader & {
    readonly shard: number;
    readonly shards: number;
    readonly accept: (socket: WebSocket) => void;
    /** The deadline may have changed. */
    readonly scheduleAlarm: () => void;
    /** Fetches all lines of another hub, which sends changes from now on. */
    readonly subscribeShard: (shard: number) => Promise<readonly Summary[]>;
    /** Sends changes to the first hub; resolves to whether the list has subscribers there. */
    readonly sendChanges: (changes: ListChanges, lost: boolean) => Promise<boolean>;
    /** Keeps the hub awake for work that goes on after a response. */
    readonly waitUntil: (work: Promise<void>) => void;
    /** The peer that a token of this game belongs to, or null. */
    readonly verifyToken: (token: string) => Promise<string | null>;
    /** Applies a member's message to its lobby. */
    readonly sendMessage: (lobby: string, event: MessageEvent, payer: RateLimitSubject) => RpcResult<unknown>;
    /** Accepts or declines a connection. */
    readonly acceptConnection: (
      connection: string,
      payer: RateLimitSubject,
      reach: Reach | undefined,
    ) => Promise<RpcResult<unknown>>;
    readonly declineConnection: (connection: string, payer: RateLimitSubject) => RpcResult<unknown>;
  };

export class SocketServer {
  readonly #host: EventsHost;
  readonly #subscribers: Subscribers;
  readonly #broadcaster: Broadcaster;
  readonly #replicas: ShardFeedReceiver;
  readonly #feed: ShardFeedSender | null;
  readonly #snapshots: Snapshots;
  #check_at: number;

  constructor(home: EventsHost, sockets: readonly WebSocket[], now: number) {
    this.#host = home;
    this.#subscribers = new Subscribers(home, sockets, now);
    this.#broadcaster = new Broadcaster(home, this.#subscribers, now);
    const others = home.shard === 0 ? Array.from({ length: home.shards - 1 }, (_, at) => at + 1) : [];
    this.#replicas = new ShardFeedReceiver(others, home.subscribeShard);
    this.#snapshots = new Snapshots(home, this.#subscribers, this.#broadcaster, this.#replicas);
    this.#feed = home.shard === 0 ? null : new ShardFeedSender(home.sendChanges);
    this.#check_at = now + SUBSCRIBER_SILENCE_MS;
    // Pending updates were lost with the memory, so every subscriber gets new snapshots.
    if (this.#subscribers.takePending()) home.waitUntil(this.#snapshots.resyncAll());
  }

  /** Accepts a socket, or refuses it with a problem document. */
  accept(source: string | null, now: number): Response {
    const refused = this.#subscribers.refusal(source);
    if (refused !== null) return problem(refused);
    if (this.#subscribers.size === 0) this.#check_at = now + SUBSCRIBER_SILENCE_MS;
    const { 0: client, 1: server } = new WebSocketPair();
    this.#host.accept(server);
    this.#subscribers.add(server, source, now);
    this.#host.scheduleAlarm();
    return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });
  }

  /** Whether a peer has an open socket at this hub. An open socket is a continuous sign of life. */
  isConnected(peer: string): boolean {
    return this.#subscribers.isConnected(peer);
  }

  /** Whether a member subscribes to a lobby here, and sending it an event that is not logged. */
  readonly members = {
    isSubscribed: (lobby: string, peer: string): boolean => this.#subscribers.ofMember(lobby, peer).length > 0,
    send: (lobby: string, peer: string, text: string): void => {
      for (const watcher of this.#subscribers.ofMember(lobby, peer)) this.#send(watcher, text);
    },
  };

  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): void {
    const lines =
      this.#broadcaster.isListKept(now) || this.#feed?.wanted === true ? listChangesOf(deliveries, changes, now) : [];
    this.#broadcaster.publish(deliveries, changes, lines, now);
    const sending = this.#feed?.add(lines) ?? null;
    if (sending !== null) this.#host.waitUntil(sending);
  }

  /** The first hub has fetched all lines and wants changes from now on. */
  startFeed(): void {
    this.#feed?.start();
  }

  /** Applies another hub's changes; resolves to whether the list has subscribers here. */
  async onShardChanges(
    shard: number,
    changes: ListChanges,
    count: number,
    lost: boolean,
    now: number,
  ): Promise<boolean> {
    const isKept = this.#broadcaster.isListKept(now);
    if (!isKept) this.#replicas.forget();
    const whole = this.#replicas.apply(shard, changes, count) && !lost;
    this.#broadcaster.publishLines(changes, now);
    if (whole || !isKept) return isKept;
    this.#replicas.forget();
    await this.#snapshots.resyncAll();
    return true;
  }

  /** Tells every subscriber once that the game is draining. */
  sendGoingAway(now: number): void {
    for (const watcher of this.#subscribers.all()) this.#subscribers.send(watcher, GOING_AWAY, now);
  }

  /** Sends pending updates and closes silent sockets. */
  tick(now: number): void {
    this.#broadcaster.flush(now);
    if (now < this.#check_at) return;
    this.#check_at = now + SUBSCRIBER_SILENCE_MS;
    this.#subscribers.closeSilent(now);
  }

  /** When sockets must be checked next (ms), or Infinity. */
  deadline(): number {
    return this.#subscribers.size === 0 ? Infinity : this.#check_at;
  }

  /** When a pending update is due (ms), or Infinity. */
  urgent(): number {
    return this.#subscribers.size === 0 ? Infinity : this.#broadcaster.deadline();
  }

  close(socket: WebSocket, code: number): void {
    const watcher = this.#subscribers.of(socket);
    if (watcher !== undefined) this.#subscribers.end(watcher, Date.now(), code, "");
  }

  /** Handles the messages of a socket one after the other. */
  handleMessage(socket: WebSocket, message: string | ArrayBuffer, now: number): Promise<void> {
    const watcher = this.#subscribers.of(socket);
    if (watcher === undefined) return Promise.resolve();
    if (!watcher.admitMessage(now)) {
      this.#end(watcher, EventsCloseCode.flooding, "rate_limited", "too many messages");
      return Promise.resolve();
    }
    watcher.turn = watcher.turn.then(() => this.#dispatch(watcher, message));
    return watcher.turn;
  }

  async #dispatch(watcher: Subscriber, message: string | ArrayBuffer): Promise<void> {
    if (watcher.ended) return;
    const text = typeof message === "string" ? message : "";
    const decoded = decode(text, clientMessage, SUBSCRIBER_MESSAGE_LENGTH_MAX);
    if (!decoded.ok) return this.#end(watcher, EventsCloseCode.malformed, "invalid_request", decoded.why);
    const said = decoded.value;
    if (said.type === "hello") return this.#hello(watcher, said);
    if (!watcher.authenticated) return this.#acknowledge(watcher, said, invalid("send hello first"));
    switch (said.type) {
      case "subscribe":
        return this.#acknowledge(watcher, said, await this.#subscribe(watcher, said.data, said.seq));
      case "unsubscribe":
        return this.#acknowledge(watcher, said, this.#unsubscribe(watcher, said.data) ?? "ok");
      case "chat":
      case "signal":
        return this.#acknowledge(watcher, said, this.#sendMessage(watcher, said) ?? "ok");
      case "accept":
      case "deny":
        return this.#acknowledge(watcher, said, (await this.#answerConnection(watcher, said)) ?? "ok");
    }
  }

  async #hello(watcher: Subscriber, { data, seq }: ClientMessage & { type: "hello" }): Promise<void> {
    if (watcher.authenticated) return this.#refuse(watcher, seq, invalid("hello was already sent"));
    const peer = data.token === undefined ? null : await this.#host.verifyToken(data.token);
    if (watcher.ended) return;
    if (data.token !== undefined && peer === null) {
      return this.#end(watcher, EventsCloseCode.unauthorized, "unauthorized", "the token is not valid for this game");
    }
    this.#subscribers.authenticate(watcher, peer);
    this.#reply(watcher, "welcome", seq, { peer_id: peer, heartbeat_s: SUBSCRIBER_PING_S });
  }

  // --- subscriptions ---------------------------------------------------------------------------------------------

  async #subscribe(watcher: Subscriber, data: Subscribe, re: number | undefined): Promise<Refused | null> {
    const { topic, id, filter = {}, since } = data;
    if (topic === "lobbies") {
      if (this.#host.shard > 0)
        return { refused: "misdirected", detail: "the lobby list is on another shard; connect without ?lobby" };
      const parsed = parseFilterParameters(Object.entries(filter));
      if ("invalid" in parsed) return invalid(`filter.${parsed.invalid}: not a value this parameter takes`);
      if (JSON.stringify(filter).length > FILTER_LENGTH_MAX) return invalid("filter: too long");
      if (!(await this.#replicas.load())) return { refused: "hub_unavailable" };
      if (watcher.ended) return null;
      this.#snapshots.sendList(watcher, filter, since, re);
      return null;
    }
    if (id === undefined) return invalid("id: a lobby topic needs one");
    if (shardOfId(id) !== this.#host.shard)
      return { refused: "misdirected", detail: "this lobby is on another shard; reconnect with ?lobby={id}" };
    const lobby = this.#host.lobby(id);
    if (lobby === undefined || lobbyView(lobby, watcher.peer) === null) return { refused: "lobby_not_found" };
    if (!watcher.lobbies.has(id) && watcher.lobbies.size >= TOPICS_PER_SUBSCRIBER_MAX) {
      return {
        refused: "quota_exceeded",
        detail: `a socket can subscribe to at most ${TOPICS_PER_SUBSCRIBER_MAX} lobbies`,
      };
    }
    this.#snapshots.sendLobby(watcher, lobby, since, re);
    return null;
  }

  #unsubscribe(watcher: Subscriber, { topic, id }: { topic: "lobbies" | "lobby"; id?: string }): Refused | null {
    if (topic === "lobbies") this.#subscribers.unsubscribeList(watcher, Date.now());
    else if (id === undefined) return invalid("id: a lobby topic needs one");
    else this.#subscribers.unsubscribeLobby(watcher, id, Date.now());
    return null;
  }

  // --- messages and connections ----------------------------------------------------------------------------------

  #sendMessage(watcher: Subscriber, said: ClientMessage & { type: "chat" | "signal" }): Refused | null {
    const { peer, source } = watcher;
    if (peer === null) return { refused: "unauthorized" };
    const { lobby } = said.data;
    const event: MessageEvent =
      said.type === "chat"
        ? { kind: "chat", by: peer, text: said.data.text }
        : { kind: "signal", by: peer, peer: said.data.to, body: said.data.body };
    return refusalOf(this.#host.sendMessage(lobby, event, { peer, source }));
  }

  /** Accepts or declines a connection. */
  async #answerConnection(
    watcher: Subscriber,
    said: ClientMessage & { type: "accept" | "deny" },
  ): Promise<Refused | null> {
    const { peer, source } = watcher;
    if (peer === null) return { refused: "unauthorized" };
    const { connection_id: id } = said.data;
    const reach = said.type === "accept" ? said.data.reach : undefined;
    const payer = { peer, source };
    return refusalOf(
      said.type === "deny"
        ? this.#host.declineConnection(id, payer)
        : await this.#host.acceptConnection(id, payer, reach),
    );
  }

  #acknowledge(watcher: Subscriber, { seq }: ClientMessage, answer: Refused | "ok" | null): void {
    if (answer === "ok") this.#reply(watcher, "ok", seq, {});
    else if (answer !== null) this.#refuse(watcher, seq, answer);
  }

  #refuse(watcher: Subscriber, re: number | undefined, { refused, detail, retry_after_s }: Refused): void {
    this.#reply(watcher, "error", re, { problem: problemDocument(refused, detail, retry_after_s) });
  }

  #end(watcher: Subscriber, code: number, refused: RefusalCode, detail: string): void {
    const problem = problemDocument(refused, detail);
    this.#subscribers.end(watcher, Date.now(), code, detail, JSON.stringify({ type: "error", data: { problem } }));
  }

  #send(watcher: Subscriber, text: string): void {
    this.#subscribers.send(watcher, text, Date.now());
  }

  #reply(watcher: Subscriber, type: string, re: number | undefined, data: object): void {
    this.#send(watcher, JSON.stringify({ type, ...(re !== undefined && { re }), data }));
  }
}

const GOING_AWAY = `{"type":"going_away","data":{}}`;

function refusalOf(answered: RpcResult<unknown>): Refused | null {
  if (!("refused" in answered)) return null;
  const { rate_limit, retry_after_s } = answered;
  return { ...answered, retry_after_s: rate_limit?.allowed === false ? rate_limit.retry_after_s : retry_after_s };
}

const invalid = (detail: string): Refused => ({ refused: "invalid_request", detail });
