/**
 * What was answered to requests with an `Idempotency-Key`, for ten minutes: whoever repeats himself hears the same
 * again. Rows hold the answers; memory knows only their keys and ages. When a peer has too many, or all have, the
 * oldest are forgotten.
 */
import { ANSWER_KEPT_MS, ANSWERS_MAX, ANSWERS_PER_PEER_MAX } from "#shared/limits.ts";
import type { Once, Outcome } from "../http/hub-client.ts";
import type { Store } from "./store.ts";

export class Answers {
  readonly #store: Store;
  /** When each was given, the oldest first. */
  readonly #given: Map<string, number>;
  readonly #peers = new Map<string, Set<string>>();

  constructor(store: Store) {
    this.#store = store;
    this.#given = new Map();
    for (const { key, at } of store.answerAges()) this.#note(key, at);
  }

  get size(): number {
    return this.#given.size;
  }

  /** What this request was answered before; undefined where it is new, `mismatch` where the key was another's. */
  recall(once: Once, now: number): Outcome<unknown> | "mismatch" | undefined {
    const at = this.#given.get(once.key);
    if (at === undefined || at + ANSWER_KEPT_MS <= now) return undefined;
    const { hash, outcome } = this.#store.answer(once.key);
    return hash === once.hash ? outcome : "mismatch";
  }

  /** Remembers an answer, and forgets those that must make room. Rows of one turn are stored together or not at all. */
  keep({ key, hash }: Once, outcome: Outcome<unknown>, now: number): void {
    this.forget(now);
    this.#drop(key);
    const mine = this.#peers.get(peerOf(key));
    if (mine !== undefined && mine.size >= ANSWERS_PER_PEER_MAX) this.#drop(mine.values().next().value!);
    if (this.#given.size >= ANSWERS_MAX) this.#drop(this.#given.keys().next().value!);
    this.#store.keepAnswer({ key, hash, at: now, outcome });
    this.#note(key, now);
  }

  /** Forgets what is too old. */
  forget(now: number): void {
    for (const [key, at] of this.#given) {
      if (at + ANSWER_KEPT_MS > now) return;
      this.#drop(key);
    }
  }

  /** When the next one is too old, or never. */
  deadline(): number {
    const [oldest] = this.#given.values();
    return oldest === undefined ? Infinity : oldest + ANSWER_KEPT_MS;
  }

  #note(key: string, at: number): void {
    this.#given.set(key, at);
    const peer = peerOf(key);
    const mine = this.#peers.get(peer) ?? new Set();
    this.#peers.set(peer, mine.add(key));
  }

  #drop(key: string): void {
    if (!this.#given.delete(key)) return;
    const mine = this.#peers.get(peerOf(key))!;
    mine.delete(key);
    if (mine.size === 0) this.#peers.delete(peerOf(key));
    this.#store.dropAnswer(key);
  }
}

const peerOf = (key: string): string => key.slice(0, key.indexOf(" "));
