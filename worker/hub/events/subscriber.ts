/**
 * One socket of a client: its peer, its subscriptions, its message rate, and how much of what was sent has arrived.
 * What must survive the hub's sleep is in the socket's attachment; rate limits may be forgotten.
 */
import { type Bucket, fullBucket, consumeToken } from "#shared/rate-limit/token-bucket.ts";
import {
  UNCONFIRMED_LENGTH_MAX,
  SUBSCRIBER_MESSAGES_BURST,
  SUBSCRIBER_MESSAGES_PER_S,
  SUBSCRIBER_SIGNALS_BURST,
  SUBSCRIBER_SIGNALS_PER_S,
} from "#shared/limits.ts";
import { compileFilter } from "#shared/listing/filter.ts";
import { type Filter, parseFilterParameters } from "#shared/listing/query.ts";
import type { Summary } from "#shared/listing/summary.ts";

export type FilterText = Readonly<Record<string, string>>;

type SubscriberAttachment = {
  readonly watcher: true;
  readonly source: string | null;
  readonly since: number;
  /** Hello was received; with a token `peer` is set. */
  readonly greeted: boolean;
  readonly peer: string | null;
  readonly filter: FilterText | null;
  readonly lobbies: readonly string[];
  /** Memory holds a pending update. The key keeps its old name, because sockets outlive a new version of the code. */
  readonly owed: boolean;
  readonly ended: boolean;
};

/** A subscription to the list. Subscribers with the same filter get the same events. */
export type ListSubscription = {
  readonly name: string;
  readonly filter: Filter;
  readonly matches: (line: Summary) => boolean;
};

const attachmentOf = (socket: WebSocket): Partial<SubscriberAttachment> | null =>
  socket.deserializeAttachment() as Partial<SubscriberAttachment> | null;

/** Whether the socket is an event stream. Its tags would say so too, but not while it closes. */
export const isSubscriber = (socket: WebSocket): boolean => attachmentOf(socket)?.watcher === true;

const BUDGETS = {
  message: { per_s: SUBSCRIBER_MESSAGES_PER_S, burst: SUBSCRIBER_MESSAGES_BURST },
  signal: { per_s: SUBSCRIBER_SIGNALS_PER_S, burst: SUBSCRIBER_SIGNALS_BURST },
} as const;
export type MessageBudget = keyof typeof BUDGETS;

export class Subscriber {
  readonly socket: WebSocket;
  /** Messages are handled one after the other, even if one has to wait. */
  turn: Promise<void> = Promise.resolve();
  #attachment: SubscriberAttachment;
  #list: ListSubscription | null;
  readonly #lobbies: Set<string>;
  readonly #buckets: Readonly<Record<MessageBudget, Bucket>>;
  #message_at: number;
  /** Characters sent in total; sent at the last ping; and sent at the ping before that, which have arrived. */
  #sent_length = 0;
  #sent_at_ping = 0;
  #received_length = 0;
  #ping_at = 0;

  constructor(socket: WebSocket, attachment: SubscriberAttachment, now: number) {
    this.socket = socket;
    this.#attachment = attachment;
    this.#list = attachment.filter === null ? null : toListSubscription(attachment.filter);
    this.#lobbies = new Set(attachment.lobbies);
    this.#buckets = { message: fullBucket(BUDGETS.message, now), signal: fullBucket(BUDGETS.signal, now) };
    this.#message_at = attachment.since;
  }

  static create(socket: WebSocket, source: string | null, now: number): Subscriber {
    const initial = { greeted: false, peer: null, filter: null, lobbies: [], owed: false, ended: false };
    const subscriber = new Subscriber(socket, { watcher: true, source, since: now, ...initial }, now);
    subscriber.#save({});
    return subscriber;
  }

  /** The subscriber of a socket that survived the hub's sleep, or null if the socket is a link or has ended. */
  static restored(socket: WebSocket, now: number): Subscriber | null {
    const attachment = attachmentOf(socket);
    return attachment?.watcher === true && attachment.ended !== true
      ? new Subscriber(socket, attachment as SubscriberAttachment, now)
      : null;
  }

  get source(): string | null {
    return this.#attachment.source;
  }

  /** When the socket was opened (ms). */
  get since(): number {
    return this.#attachment.since;
  }

  /** The last sign of life (ms): a message, or a ping, which the platform records. */
  lastSeenAt(pinged_at: number | null): number {
    return Math.max(this.#message_at, pinged_at ?? 0);
  }

  get authenticated(): boolean {
    return this.#attachment.greeted;
  }

  get peer(): string | null {
    return this.#attachment.peer;
  }

  get list(): ListSubscription | null {
    return this.#list;
  }

  get lobbies(): ReadonlySet<string> {
    return this.#lobbies;
  }

  get ended(): boolean {
    return this.#attachment.ended;
  }

  get isPending(): boolean {
    return this.#attachment.owed;
  }

  authenticate(peer: string | null): void {
    this.#save({ greeted: true, peer });
  }

  setList(filter: FilterText | null): void {
    this.#list = filter === null ? null : toListSubscription(filter);
    this.#save({ filter });
  }

  setLobby(id: string, subscribed: boolean): void {
    if (subscribed) this.#lobbies.add(id);
    else this.#lobbies.delete(id);
    this.#save({ lobbies: [...this.#lobbies] });
  }

  markPending(pending: boolean): void {
    if (pending !== this.#attachment.owed) this.#save({ owed: pending });
  }

  /** Records a message. False if the client sends too many. */
  admitMessage(budget: MessageBudget, now: number): boolean {
    this.#message_at = now;
    return consumeToken(this.#buckets[budget], BUDGETS[budget], now);
  }

  /** Sends a text. False if the client reads too slowly; then nothing is sent. */
  send(text: string, pinged_at: number): boolean {
    if (this.#attachment.ended) return true;
    if (pinged_at > this.#ping_at) {
      // A client pings after it received the last pong, and everything sent before that pong arrived before it.
      this.#received_length = this.#sent_at_ping;
      this.#sent_at_ping = this.#sent_length;
      this.#ping_at = pinged_at;
    }
    if (this.#sent_length - this.#received_length > UNCONFIRMED_LENGTH_MAX) return false;
    this.#sent_length += text.length;
    this.#write(text);
    return true;
  }

  end(code: number, reason: string, last?: string): void {
    if (this.#attachment.ended) return;
    if (last !== undefined) this.#write(last);
    this.#save({ ended: true });
    try {
      this.socket.close(code, reason.slice(0, 100));
    } catch {
      // The client closed first; the socket is closed all the same.
    }
  }

  #write(text: string): void {
    try {
      this.socket.send(text);
    } catch {
      // The socket is closing; a client that reconnects gets a snapshot.
    }
  }

  #save(parts: Partial<SubscriberAttachment>): void {
    this.#attachment = { ...this.#attachment, ...parts };
    this.socket.serializeAttachment(this.#attachment);
  }
}

/** The subscription of a filter that was validated before. */
function toListSubscription(parameters: FilterText): ListSubscription {
  const filter = parseFilterParameters(Object.entries(parameters)) as Filter;
  return { name: JSON.stringify(filter), filter, matches: compileFilter(filter) };
}
