/**
 * One socket of a client that watches: who he is, what he watches, how much he says and how much of what he is told
 * arrives. What must survive the hub's sleep travels with the socket as its attachment; budgets may be forgotten.
 */
import { type Bucket, fullBucket, take } from "#shared/rate-limit/token-bucket.ts";
import { UNCONFIRMED_LENGTH_MAX, WATCHER_BURST, WATCHER_PER_S } from "#shared/limits.ts";
import { picks } from "#shared/listing/filter.ts";
import { type Filter, parseFilterOf } from "#shared/listing/query.ts";
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
export type ListWatch = {
  readonly name: string;
  readonly filter: Filter;
  readonly isPicked: (line: Summary) => boolean;
};

const attachmentOf = (socket: WebSocket): Partial<Attachment> | null =>
  socket.deserializeAttachment() as Partial<Attachment> | null;

/** Whether somebody watches through it. Its tags would say so too, but not any more when it closes. */
export const isWatcher = (socket: WebSocket): boolean => attachmentOf(socket)?.watcher === true;

const BUDGET = { per_s: WATCHER_PER_S, burst: WATCHER_BURST };

export class Watcher {
  readonly socket: WebSocket;
  /** Messages are taken one after the other, also where one has to wait. */
  turn: Promise<void> = Promise.resolve();
  #kept: Attachment;
  #list: ListWatch | null;
  readonly #lobbies: Set<string>;
  readonly #bucket: Bucket;
  #heard_at: number;
  /** Characters told in all; as of the last ping that was seen; and as of the ping before that: those have arrived. */
  #told = 0;
  #told_at_ping = 0;
  #arrived = 0;
  #pinged_at = 0;

  constructor(socket: WebSocket, kept: Attachment, now: number) {
    this.socket = socket;
    this.#kept = kept;
    this.#list = kept.filter === null ? null : listWatch(kept.filter);
    this.#lobbies = new Set(kept.lobbies);
    this.#bucket = fullBucket(BUDGET, now);
    this.#heard_at = kept.since;
  }

  static fresh(socket: WebSocket, source: string | null, now: number): Watcher {
    const nobody = { greeted: false, peer: null, filter: null, lobbies: [], owed: false, ended: false };
    const watcher = new Watcher(socket, { watcher: true, source, since: now, ...nobody }, now);
    watcher.#keep({});
    return watcher;
  }

  /** The watcher of a socket that outlived the hub's sleep, or null where it is another one's. */
  static awoken(socket: WebSocket, now: number): Watcher | null {
    const kept = attachmentOf(socket);
    return kept?.watcher === true && kept.ended !== true ? new Watcher(socket, kept as Attachment, now) : null;
  }

  get source(): string | null {
    return this.#kept.source;
  }

  /** When he last gave a sign of life, as far as is known: his pings are stamped by the platform. */
  heardAt(pinged_at: number | null): number {
    return Math.max(this.#heard_at, pinged_at ?? 0);
  }

  get greeted(): boolean {
    return this.#kept.greeted;
  }

  get peer(): string | null {
    return this.#kept.peer;
  }

  get list(): ListWatch | null {
    return this.#list;
  }

  get lobbies(): ReadonlySet<string> {
    return this.#lobbies;
  }

  get ended(): boolean {
    return this.#kept.ended;
  }

  get owed(): boolean {
    return this.#kept.owed;
  }

  greet(peer: string | null): void {
    this.#keep({ greeted: true, peer });
  }

  watchList(filter: FilterText | null): void {
    this.#list = filter === null ? null : listWatch(filter);
    this.#keep({ filter });
  }

  watchLobby(id: string, watches: boolean): void {
    if (watches) this.#lobbies.add(id);
    else this.#lobbies.delete(id);
    this.#keep({ lobbies: [...this.#lobbies] });
  }

  owe(owed: boolean): void {
    if (owed !== this.#kept.owed) this.#keep({ owed });
  }

  /** Whether he may say something now. */
  mayTalk(now: number): boolean {
    this.#heard_at = now;
    return take(this.#bucket, BUDGET, now);
  }

  /** Tells him; false where he takes in too little of it, and is told no more. */
  tell(text: string, pinged_at: number): boolean {
    if (this.#kept.ended) return true;
    if (pinged_at > this.#pinged_at) {
      // He pings when the last pong has come, and the pong came behind everything that was told before it.
      this.#arrived = this.#told_at_ping;
      this.#told_at_ping = this.#told;
      this.#pinged_at = pinged_at;
    }
    if (this.#told - this.#arrived > UNCONFIRMED_LENGTH_MAX) return false;
    this.#told += text.length;
    this.#send(text);
    return true;
  }

  end(code: number, reason: string, last?: string): void {
    if (this.#kept.ended) return;
    if (last !== undefined) this.#send(last);
    this.#keep({ ended: true });
    try {
      this.socket.close(code, reason.slice(0, 100));
    } catch {
      // The other side was faster; the socket is closed all the same.
    }
  }

  #send(text: string): void {
    try {
      this.socket.send(text);
    } catch {
      // Closing; whoever comes back begins with a snapshot.
    }
  }

  #keep(parts: Partial<Attachment>): void {
    this.#kept = { ...this.#kept, ...parts };
    this.socket.serializeAttachment(this.#kept);
  }
}

/** The filter of parameters that were found to be right before. */
function listWatch(parameters: FilterText): ListWatch {
  const filter = parseFilterOf(Object.entries(parameters)) as Filter;
  return { name: JSON.stringify(filter), filter, isPicked: picks(filter) };
}
