/**
 * One socket of a client that watches: who he is, what he watches, how much he says and how much of what he is told
 * arrives. What must survive the hub's sleep travels with the socket as its attachment; budgets may be forgotten.
 */
import { type Bucket, fullBucket, consumeToken } from "#shared/rate-limit/token-bucket.ts";
import { UNCONFIRMED_LENGTH_MAX, SUBSCRIBER_MESSAGES_BURST, SUBSCRIBER_MESSAGES_PER_S } from "#shared/limits.ts";
import { compileFilter } from "#shared/listing/filter.ts";
import { type Filter, parseFilterParameters } from "#shared/listing/query.ts";
import type { Summary } from "#shared/api/lobbies.ts";

export type FilterText = Readonly<Record<string, string>>;

type Attachment = {
  readonly watcher: true;
  readonly source: string | null;
  readonly since: number;
  /** Has said hello; with a token as this peer. */
  readonly greeted: boolean;
  readonly peer: string | null;
  readonly filter: FilterText | null;
  readonly lobbies: readonly string[];
  /** Something that waited to be told was in the hub's memory alone. */
  readonly owed: boolean;
  readonly ended: boolean;
};

/** A list that is watched: everybody with the same filter is told the same. */
export type ListSubscription = {
  readonly name: string;
  readonly filter: Filter;
  readonly matches: (line: Summary) => boolean;
};

const attachmentOf = (socket: WebSocket): Partial<Attachment> | null =>
  socket.deserializeAttachment() as Partial<Attachment> | null;

/** Whether somebody watches through it. Its tags would say so too, but not any more when it closes. */
export const isSubscriber = (socket: WebSocket): boolean => attachmentOf(socket)?.watcher === true;

const BUDGET = { per_s: SUBSCRIBER_MESSAGES_PER_S, burst: SUBSCRIBER_MESSAGES_BURST };

export class Subscriber {
  readonly socket: WebSocket;
  /** Messages are taken one after the other, also where one has to wait. */
  turn: Promise<void> = Promise.resolve();
  #attachment: Attachment;
  #list: ListSubscription | null;
  readonly #lobbies: Set<string>;
  readonly #bucket: Bucket;
  #message_at: number;
  /** Characters told in all; as of the last ping that was seen; and as of the ping before that: those have arrived. */
  #sent_length = 0;
  #sent_at_ping = 0;
  #received_length = 0;
  #ping_at = 0;

  constructor(socket: WebSocket, kept: Attachment, now: number) {
    this.socket = socket;
    this.#attachment = kept;
    this.#list = kept.filter === null ? null : toListSubscription(kept.filter);
    this.#lobbies = new Set(kept.lobbies);
    this.#bucket = fullBucket(BUDGET, now);
    this.#message_at = kept.since;
  }

  static create(socket: WebSocket, source: string | null, now: number): Subscriber {
    const nobody = { greeted: false, peer: null, filter: null, lobbies: [], owed: false, ended: false };
    const watcher = new Subscriber(socket, { watcher: true, source, since: now, ...nobody }, now);
    watcher.#save({});
    return watcher;
  }

  /** The watcher of a socket that outlived the hub's sleep, or null where it is another one's. */
  static restored(socket: WebSocket, now: number): Subscriber | null {
    const kept = attachmentOf(socket);
    return kept?.watcher === true && kept.ended !== true ? new Subscriber(socket, kept as Attachment, now) : null;
  }

  get source(): string | null {
    return this.#attachment.source;
  }

  /** When he last gave a sign of life, as far as is known: his pings are stamped by the platform. */
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

  greet(peer: string | null): void {
    this.#save({ greeted: true, peer });
  }

  setList(filter: FilterText | null): void {
    this.#list = filter === null ? null : toListSubscription(filter);
    this.#save({ filter });
  }

  setLobby(id: string, watches: boolean): void {
    if (watches) this.#lobbies.add(id);
    else this.#lobbies.delete(id);
    this.#save({ lobbies: [...this.#lobbies] });
  }

  markPending(owed: boolean): void {
    if (owed !== this.#attachment.owed) this.#save({ owed });
  }

  /** Whether he may say something now. */
  admitMessage(now: number): boolean {
    this.#message_at = now;
    return consumeToken(this.#bucket, BUDGET, now);
  }

  /** Tells him; false where he takes in too little of it, and is told no more. */
  send(text: string, pinged_at: number): boolean {
    if (this.#attachment.ended) return true;
    if (pinged_at > this.#ping_at) {
      // He pings when the last pong has come, and the pong came behind everything that was told before it.
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
      // The other side was faster; the socket is closed all the same.
    }
  }

  #write(text: string): void {
    try {
      this.socket.send(text);
    } catch {
      // Closing; whoever comes back begins with a snapshot.
    }
  }

  #save(parts: Partial<Attachment>): void {
    this.#attachment = { ...this.#attachment, ...parts };
    this.socket.serializeAttachment(this.#attachment);
  }
}

/** The filter of parameters that were found to be right before. */
function toListSubscription(parameters: FilterText): ListSubscription {
  const filter = parseFilterParameters(Object.entries(parameters)) as Filter;
  return { name: JSON.stringify(filter), filter, matches: compileFilter(filter) };
}
