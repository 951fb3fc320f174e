/**
 * Subscribers by topic, and since which sequence number a topic's events are all logged. A topic is a lobby's id, or
 * `LIST`. It is kept for a while after its last subscriber has gone, which may only have lost its connection.
 */
import { REPLAY_KEPT_MS } from "#shared/limits.ts";

export const LIST = "lobbies";

type Topic<W> = { readonly subscribers: Set<W>; readonly since: number; left_at: number | null };

export class Topics<W> {
  readonly #topics = new Map<string, Topic<W>>();

  of(topic: string): ReadonlySet<W> {
    return this.#topics.get(topic)?.subscribers ?? NO_SUBSCRIBERS;
  }

  /** `seq`: the sequence number of the last event. All later events of the topic are logged. */
  add(topic: string, subscriber: W, seq: number, now: number): void {
    const known = this.#find(topic, now) ?? { subscribers: new Set<W>(), since: seq, left_at: null };
    known.subscribers.add(subscriber);
    known.left_at = null;
    this.#topics.set(topic, known);
  }

  remove(topic: string, subscriber: W, now: number): void {
    const known = this.#topics.get(topic);
    if (known?.subscribers.delete(subscriber) !== true || known.subscribers.size > 0) return;
    known.left_at = now;
    for (const other of this.#topics.keys()) this.#find(other, now);
  }

  /** Whether events of the topic are to be logged. */
  isLogged(topic: string, now: number): boolean {
    return this.#find(topic, now) !== undefined;
  }

  /** Whether all events after this sequence number are logged. */
  isComplete(topic: string, seq: number, now: number): boolean {
    return seq >= (this.#find(topic, now)?.since ?? Infinity);
  }

  #find(topic: string, now: number): Topic<W> | undefined {
    const known = this.#topics.get(topic);
    if (known === undefined || known.left_at === null || now - known.left_at <= REPLAY_KEPT_MS) return known;
    this.#topics.delete(topic);
    return undefined;
  }
}

const NO_SUBSCRIBERS: ReadonlySet<never> = new Set();
