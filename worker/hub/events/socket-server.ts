/**
 * The server side of the event stream: handles the messages of clients (shared/api/events.ts) in order and acknowledges
 * them. Which subscriber gets which event is decided in broadcaster.ts.
 */
import {
  FILTER_LENGTH_MAX,
  TOPICS_PER_SUBSCRIBER_MAX,
  SUBSCRIBER_PING_S,
  SUBSCRIBER_SILENCE_MS,
} from "#shared/limits.ts";
import { parseFilterParameters } from "#shared/listing/query.ts";
import type { ConnectionEvent } from "#shared/connect/schema.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import { lobbyView } from "#shared/api/views.ts";
import type { Announcement } from "#shared/api/moderation/announcements.ts";
import { type ClientMessage, SUBPROTOCOL, EventsCloseCode } from "#shared/api/events.ts";
import { type Incoming, type MalformedMessage, type MessageRef, readMessage } from "./incoming.ts";
import { Snapshots } from "./snapshots.ts";
import type { Delivery, LobbyChange } from "../change-listener.ts";
import { ListDirectory } from "./list-directory.ts";
import { ShardFeedSender, ShardFeedReceiver } from "./shard-feed.ts";
import { firstFault, problem, problemDocument } from "../../problem.ts";
import type { Subscriber } from "./subscriber.ts";
import { listChangesOf, Broadcaster } from "./broadcaster.ts";
import { Subscribers } from "./subscribers.ts";
import type { ListChanges, Refused } from "../../rpc.ts";
import type { EventsHost } from "./events-host.ts";
import { answerConnection, requestConnection, sendMessage, setStandingReach } from "./member-commands.ts";

type Subscribe = (ClientMessage & { type: "subscribe" })["data"];
type Unsubscribe = (ClientMessage & { type: "unsubscribe" })["data"];

export class SocketServer {
  readonly #host: EventsHost;
  readonly #subscribers: Subscribers;
  readonly #broadcaster: Broadcaster;
  readonly #replicas: ShardFeedReceiver;
  readonly #feed: ShardFeedSender | null;
  readonly #snapshots: Snapshots;
  /** Answers list requests for all hubs, at the first one. */
  readonly directory: ListDirectory;
  #check_at: number;

  constructor(host: EventsHost, sockets: readonly WebSocket[], now: number) {
    this.#host = host;
    this.#subscribers = new Subscribers(host, sockets, now);
    this.#broadcaster = new Broadcaster(host, this.#subscribers, now);
    const other_shards = host.shard === 0 ? Array.from({ length: host.hubs - 1 }, (_, at) => at + 1) : [];
    this.#replicas = new ShardFeedReceiver(other_shards, host.subscribeShard);
    this.directory = new ListDirectory(this.#replicas, host.waitUntil);
    this.#snapshots = new Snapshots(host, this.#subscribers, this.#broadcaster, this.#replicas);
    this.#feed = host.shard === 0 ? null : new ShardFeedSender(host.sendChanges);
    this.#check_at = now + SUBSCRIBER_SILENCE_MS;
    // Pending updates were lost with the memory, so every subscriber gets new snapshots.
    if (this.#subscribers.takePending()) host.waitUntil(this.#snapshots.resyncAll());
  }

  /** Accepts a socket, or refuses it with a problem document. */
  accept(source: string | null, now: number): Response {
    const refused = this.#subscribers.refusal(source, now);
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

  /** Applies another hub's changes; resolves to whether the list is used here. */
  async onShardChanges(
    shard: number,
    changes: ListChanges,
    count: number,
    lost: boolean,
    now: number,
  ): Promise<boolean> {
    const isKept = this.#broadcaster.isListKept(now) || this.directory.isRead(now);
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

  /** Sends the operators' message to every subscriber. Returns how many there are. */
  announce(data: Announcement, now: number): number {
    const text = JSON.stringify({ type: "announcement", data });
    const subscribers = this.#subscribers.all().filter(({ authenticated }) => authenticated);
    for (const subscriber of subscribers) this.#subscribers.send(subscriber, text, now);
    return subscribers.length;
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
    const incoming = readMessage(message);
    const isSignal = "command" in incoming && incoming.command.type === "signal";
    if (!subscriber.admitMessage(isSignal ? "signal" : "message", now)) {
      const ref = "command" in incoming ? incoming.command : incoming.ref;
      this.#end(subscriber, EventsCloseCode.flooding, "too many messages", problemDocument("rate_limited"), ref);
      return Promise.resolve();
    }
    subscriber.turn = subscriber.turn.then(() => this.#dispatch(subscriber, incoming));
    return subscriber.turn;
  }

  async #dispatch(subscriber: Subscriber, incoming: Incoming): Promise<void> {
    if (subscriber.ended) return;
    if ("errors" in incoming) return this.#refuseMalformed(subscriber, incoming);
    const { command } = incoming;
    if (command.type === "hello") return this.#hello(subscriber, command);
    if (!subscriber.authenticated) return this.#acknowledge(subscriber, command, invalid("send hello first"));
    switch (command.type) {
      case "subscribe":
        return this.#acknowledge(subscriber, command, await this.#subscribe(subscriber, command.data, command.seq));
      case "unsubscribe":
        return this.#acknowledge(subscriber, command, this.#unsubscribe(subscriber, command.data) ?? {});
      case "chat":
      case "signal":
        return this.#acknowledge(subscriber, command, sendMessage(this.#host, subscriber, command) ?? {});
      case "connect":
        return this.#acknowledge(subscriber, command, await requestConnection(this.#host, subscriber, command));
      case "reach":
        return this.#acknowledge(subscriber, command, (await setStandingReach(this.#host, subscriber, command)) ?? {});
      case "accept":
      case "deny":
      case "withdraw":
        return this.#acknowledge(subscriber, command, (await answerConnection(this.#host, subscriber, command)) ?? {});
    }
  }

  async #hello(subscriber: Subscriber, command: ClientMessage & { type: "hello" }): Promise<void> {
    const { data } = command;
    if (subscriber.authenticated) return this.#refuse(subscriber, command, invalid("hello was already sent"));
    const peer = data.token === undefined ? null : await this.#host.verifyToken(data.token);
    if (subscriber.ended) return;
    if (data.token !== undefined && peer === null) {
      const detail = "the token is not valid for this game";
      const problem = problemDocument("unauthorized", detail);
      return this.#end(subscriber, EventsCloseCode.unauthorized, detail, problem, command);
    }
    this.#subscribers.authenticate(subscriber, peer);
    this.#reply(subscriber, "welcome", command.seq, { peer_id: peer, heartbeat_s: SUBSCRIBER_PING_S });
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

  // --- responses -------------------------------------------------------------------------------------------------

  /** Sends `ok` with this data, or the refusal; nothing for null. */
  #acknowledge(subscriber: Subscriber, command: ClientMessage, answer: Refused | object | null): void {
    if (answer === null) return;
    if ("refused" in answer) this.#refuse(subscriber, command, answer);
    else this.#reply(subscriber, "ok", command.seq, answer);
  }

  #refuse(subscriber: Subscriber, ref: MessageRef, { refused, detail, retry_after_s }: Refused): void {
    this.#send(subscriber, errorMessage(problemDocument(refused, detail, retry_after_s), ref));
  }

  #refuseMalformed(subscriber: Subscriber, { errors, ref }: MalformedMessage): void {
    const detail = firstFault(errors, "message");
    const problem = problemDocument("invalid_request", detail, undefined, errors);
    if (ref !== null) return this.#send(subscriber, errorMessage(problem, ref));
    this.#end(subscriber, EventsCloseCode.malformed, detail, problem, null);
  }

  #end(subscriber: Subscriber, code: number, reason: string, problem: object, ref: MessageRef | null): void {
    this.#subscribers.end(subscriber, Date.now(), code, reason, errorMessage(problem, ref));
  }

  #send(subscriber: Subscriber, text: string): void {
    this.#subscribers.send(subscriber, text, Date.now());
  }

  #reply(subscriber: Subscriber, type: string, re: number | undefined, data: object): void {
    this.#send(subscriber, JSON.stringify({ type, ...(re !== undefined && { re }), data }));
  }
}

/** `in_reply_to` names the refused message by its type, because not every client numbers its messages. */
const errorMessage = (problem: object, ref: MessageRef | null): string =>
  JSON.stringify({ type: "error", re: ref?.seq, data: { problem, in_reply_to: ref?.type ?? null } });

const GOING_AWAY = `{"type":"going_away","data":{}}`;

const invalid = (detail: string): Refused => ({ refused: "invalid_request", detail });
