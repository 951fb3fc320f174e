/**
 * The server side of the event stream: handles the messages of clients (shared/api/events.ts) in order and acknowledges
 * them. Which subscriber gets which event is decided in broadcaster.ts.
 */
import { decode } from "#shared/schema/decode.ts";
import {
  FILTER_LENGTH_MAX,
  TOPICS_PER_SUBSCRIBER_MAX,
  SUBSCRIBER_MESSAGE_LENGTH_MAX,
  SUBSCRIBER_PING_S,
  SUBSCRIBER_SILENCE_MS,
} from "#shared/limits.ts";
import { parseFilterParameters } from "#shared/listing/query.ts";
import type { ConnectionEvent, ConnectionView } from "#shared/connect/schema.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import { lobbyView } from "#shared/api/views.ts";
import { type ClientMessage, clientMessage, SUBPROTOCOL, EventsCloseCode } from "#shared/api/events.ts";
import { Snapshots } from "./snapshots.ts";
import type { Delivery, LobbyChange } from "../change-listener.ts";
import { ShardFeedSender, ShardFeedReceiver } from "./shard-feed.ts";
import { problem, problemDocument } from "../../problem.ts";
import type { Subscriber } from "./subscriber.ts";
import { listChangesOf, Broadcaster } from "./broadcaster.ts";
import { Subscribers } from "./subscribers.ts";
import type { ListChanges, Refused, RpcResult } from "../../rpc.ts";
import type { EventsHost, MemberMessage } from "./events-host.ts";

type Subscribe = (ClientMessage & { type: "subscribe" })["data"];
type Unsubscribe = (ClientMessage & { type: "unsubscribe" })["data"];

export class SocketServer {
  readonly #host: EventsHost;
  readonly #subscribers: Subscribers;
  readonly #broadcaster: Broadcaster;
  readonly #replicas: ShardFeedReceiver;
  readonly #feed: ShardFeedSender | null;
  readonly #snapshots: Snapshots;
  #check_at: number;

  constructor(host: EventsHost, sockets: readonly WebSocket[], now: number) {
    this.#host = host;
    this.#subscribers = new Subscribers(host, sockets, now);
    this.#broadcaster = new Broadcaster(host, this.#subscribers, now);
    const other_shards = host.shard === 0 ? Array.from({ length: host.shards - 1 }, (_, at) => at + 1) : [];
    this.#replicas = new ShardFeedReceiver(other_shards, host.subscribeShard);
    this.#snapshots = new Snapshots(host, this.#subscribers, this.#broadcaster, this.#replicas);
    this.#feed = host.shard === 0 ? null : new ShardFeedSender(host.sendChanges);
    this.#check_at = now + SUBSCRIBER_SILENCE_MS;
    // Pending updates were lost with the memory, so every subscriber gets new snapshots.
    if (this.#subscribers.takePending()) host.waitUntil(this.#snapshots.resyncAll());
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

  /** Whether a member subscribes to a lobby here, and sending it an event of a connection. */
  readonly members = {
    isSubscribed: (lobby: string, peer: string): boolean => this.#subscribers.ofMember(lobby, peer).length > 0,
    send: (lobby: string, peer: string, event: ConnectionEvent): void =>
      this.#broadcaster.sendConnection(lobby, peer, event, Date.now()),
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
    for (const subscriber of this.#subscribers.all()) this.#subscribers.send(subscriber, GOING_AWAY, now);
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
    const subscriber = this.#subscribers.of(socket);
    if (subscriber !== undefined) this.#subscribers.end(subscriber, Date.now(), code, "");
  }

  /** Handles the messages of a socket one after the other. */
  handleMessage(socket: WebSocket, message: string | ArrayBuffer, now: number): Promise<void> {
    const subscriber = this.#subscribers.of(socket);
    if (subscriber === undefined) return Promise.resolve();
    if (!subscriber.admitMessage(now)) {
      this.#end(subscriber, EventsCloseCode.flooding, "rate_limited", "too many messages");
      return Promise.resolve();
    }
    subscriber.turn = subscriber.turn.then(() => this.#dispatch(subscriber, message));
    return subscriber.turn;
  }

  async #dispatch(subscriber: Subscriber, message: string | ArrayBuffer): Promise<void> {
    if (subscriber.ended) return;
    const text = typeof message === "string" ? message : "";
    const decoded = decode(text, clientMessage, SUBSCRIBER_MESSAGE_LENGTH_MAX);
    if (!decoded.ok) return this.#end(subscriber, EventsCloseCode.malformed, "invalid_request", decoded.why);
    const command = decoded.value;
    if (command.type === "hello") return this.#hello(subscriber, command);
    if (!subscriber.authenticated) return this.#acknowledge(subscriber, command, invalid("send hello first"));
    switch (command.type) {
      case "subscribe":
        return this.#acknowledge(subscriber, command, await this.#subscribe(subscriber, command.data, command.seq));
      case "unsubscribe":
        return this.#acknowledge(subscriber, command, this.#unsubscribe(subscriber, command.data) ?? "ok");
      case "chat":
      case "signal":
        return this.#acknowledge(subscriber, command, this.#sendMessage(subscriber, command) ?? "ok");
      case "connect":
        return this.#requestConnection(subscriber, command);
      case "accept":
      case "deny":
      case "withdraw":
        return this.#acknowledge(subscriber, command, (await this.#answerConnection(subscriber, command)) ?? "ok");
    }
  }

  async #hello(subscriber: Subscriber, { data, seq }: ClientMessage & { type: "hello" }): Promise<void> {
    if (subscriber.authenticated) return this.#refuse(subscriber, seq, invalid("hello was already sent"));
    const peer = data.token === undefined ? null : await this.#host.verifyToken(data.token);
    if (subscriber.ended) return;
    if (data.token !== undefined && peer === null) {
      return this.#end(
        subscriber,
        EventsCloseCode.unauthorized,
        "unauthorized",
        "the token is not valid for this game",
      );
    }
    this.#subscribers.authenticate(subscriber, peer);
    this.#reply(subscriber, "welcome", seq, { peer_id: peer, heartbeat_s: SUBSCRIBER_PING_S });
  }

  // --- subscriptions ---------------------------------------------------------------------------------------------

  async #subscribe(subscriber: Subscriber, data: Subscribe, re: number | undefined): Promise<Refused | null> {
    const { topic, lobby_id: id, filter = {}, since } = data;
    if (topic === "lobbies") {
      if (this.#host.shard > 0)
        return { refused: "misdirected", detail: "the lobby list is on another shard; connect without ?lobby_id" };
      const parsed = parseFilterParameters(Object.entries(filter));
      if ("invalid" in parsed) return invalid(`filter.${parsed.invalid}: not a value this parameter takes`);
      if (JSON.stringify(filter).length > FILTER_LENGTH_MAX) return invalid("filter: too long");
      if (!(await this.#replicas.load())) return { refused: "hub_unavailable" };
      if (subscriber.ended) return null;
      this.#snapshots.sendList(subscriber, filter, since, re);
      return null;
    }
    if (id === undefined) return invalid("lobby_id: a lobby topic needs one");
    if (shardOfId(id) !== this.#host.shard)
      return { refused: "misdirected", detail: "this lobby is on another shard; reconnect with ?lobby_id={id}" };
    const lobby = this.#host.lobby(id);
    if (lobby === undefined || lobbyView(lobby, subscriber.peer) === null) return { refused: "lobby_not_found" };
    if (!subscriber.lobbies.has(id) && subscriber.lobbies.size >= TOPICS_PER_SUBSCRIBER_MAX) {
      return {
        refused: "quota_exceeded",
        detail: `a socket can subscribe to at most ${TOPICS_PER_SUBSCRIBER_MAX} lobbies`,
      };
    }
    this.#snapshots.sendLobby(subscriber, lobby, since, re);
    return null;
  }

  #unsubscribe(subscriber: Subscriber, data: Unsubscribe): Refused | null {
    const { topic, lobby_id: id } = data;
    if (topic === "lobbies") this.#subscribers.unsubscribeList(subscriber, Date.now());
    else if (id === undefined) return invalid("lobby_id: a lobby topic needs one");
    else this.#subscribers.unsubscribeLobby(subscriber, id, Date.now());
    return null;
  }

  // --- messages and connections ----------------------------------------------------------------------------------

  #sendMessage(subscriber: Subscriber, command: ClientMessage & { type: "chat" | "signal" }): Refused | null {
    const { peer, source } = subscriber;
    if (peer === null) return { refused: "unauthorized" };
    const { lobby_id: lobby } = command.data;
    const event: MemberMessage =
      command.type === "chat"
        ? { kind: "chat", by: peer, text: command.data.text }
        : { kind: "signal", by: peer, peer: command.data.to, body: command.data.body };
    return refusalOf(this.#host.sendMessage(lobby, event, { peer, source }));
  }

  /** Requests a connection. The events about it may precede the reply. */
  async #requestConnection(subscriber: Subscriber, command: ClientMessage & { type: "connect" }): Promise<void> {
    const { peer, source } = subscriber;
    if (peer === null) return this.#acknowledge(subscriber, command, { refused: "unauthorized" });
    const { lobby_id: lobby, ...request } = command.data;
    const result = await this.#host.requestConnection(lobby, { peer, source }, request);
    const refused = refusalOf(result);
    if (refused !== null) return this.#acknowledge(subscriber, command, refused);
    const { connection_id } = (result as { value: ConnectionView }).value;
    this.#reply(subscriber, "ok", command.seq, { connection_id });
  }

  /** Accepts, denies or withdraws a connection. */
  async #answerConnection(
    subscriber: Subscriber,
    command: ClientMessage & { type: "accept" | "deny" | "withdraw" },
  ): Promise<Refused | null> {
    const { peer, source } = subscriber;
    if (peer === null) return { refused: "unauthorized" };
    const { connection_id: id } = command.data;
    const subject = { peer, source };
    return refusalOf(
      command.type === "accept"
        ? await this.#host.acceptConnection(id, subject, command.data.reach)
        : this.#host.declineConnection(id, subject),
    );
  }

  #acknowledge(subscriber: Subscriber, { seq }: ClientMessage, answer: Refused | "ok" | null): void {
    if (answer === "ok") this.#reply(subscriber, "ok", seq, {});
    else if (answer !== null) this.#refuse(subscriber, seq, answer);
  }

  #refuse(subscriber: Subscriber, re: number | undefined, { refused, detail, retry_after_s }: Refused): void {
    this.#reply(subscriber, "error", re, { problem: problemDocument(refused, detail, retry_after_s) });
  }

  #end(subscriber: Subscriber, code: number, refused: RefusalCode, detail: string): void {
    const problem = problemDocument(refused, detail);
    this.#subscribers.end(subscriber, Date.now(), code, detail, JSON.stringify({ type: "error", data: { problem } }));
  }

  #send(subscriber: Subscriber, text: string): void {
    this.#subscribers.send(subscriber, text, Date.now());
  }

  #reply(subscriber: Subscriber, type: string, re: number | undefined, data: object): void {
    this.#send(subscriber, JSON.stringify({ type, ...(re !== undefined && { re }), data }));
  }
}

const GOING_AWAY = `{"type":"going_away","data":{}}`;

function refusalOf(answered: RpcResult<unknown>): Refused | null {
  if (!("refused" in answered)) return null;
  const { rate_limit, retry_after_s } = answered;
  return { ...answered, retry_after_s: rate_limit?.allowed === false ? rate_limit.retry_after_s : retry_after_s };
}

const invalid = (detail: string): Refused => ({ refused: "invalid_request", detail });
