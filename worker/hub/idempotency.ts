/**
 * What was answered to requests with an `Idempotency-Key`, for ten minutes: whoever repeats himself hears the same
 * again. Rows hold the answers; memory knows only their keys and ages. When a peer has too many, or all have, the
 * oldest are forgotten.
 */
import { IDEMPOTENCY_KEPT_MS, IDEMPOTENT_RESPONSES_MAX, IDEMPOTENT_RESPONSES_PER_PEER_MAX } from "#shared/limits.ts";
import type { Store } from "./store.ts";
import type { IdempotencyKey, Outcome } from "../rpc.ts";

export class IdempotencyCache {
  readonly #store: Store;
  /** When each was given, the oldest first. */
  readonly #stored_at: Map<string, number>;
  readonly #peers = new Map<string, Set<string>>();

  constructor(store: Store) {
    this.#store = store;
    this.#stored_at = new Map();
    for (const { key, at } of store.responseAges()) this.#index(key, at);
  }

  get size(): number {
    return this.#stored_at.size;
  }

  /** What this request was answered before; undefined where it is new, `mismatch` where the key was another's. */
  get(once: IdempotencyKey, now: number): Outcome<unknown> | "mismatch" | undefined {
    const at = this.#stored_at.get(once.key);
    if (at === undefined || at + IDEMPOTENCY_KEPT_MS <= now) return undefined;
    const { hash, outcome } = this.#store.response(once.key);
    return hash === once.hash ? outcome : "mismatch";
  }

  /** Remembers an answer, and forgets those that must make room. Rows of one turn are stored together or not at all. */
  put({ key, hash }: IdempotencyKey, outcome: Outcome<unknown>, now: number): void {
    this.prune(now);
    this.#drop(key);
    const mine = this.#peers.get(peerOf(key));
    if (mine !== undefined && mine.size >= IDEMPOTENT_RESPONSES_PER_PEER_MAX) this.#drop(mine.values().next().value!);
    if (this.#stored_at.size >= IDEMPOTENT_RESPONSES_MAX) this.#drop(this.#stored_at.keys().next().value!);
    this.#store.saveResponse({ key, hash, at: now, outcome });
    this.#index(key, now);
  }

  /** Forgets what is too old. */
  prune(now: number): void {
    for (const [key, at] of this.#stored_at) {
      if (at + IDEMPOTENCY_KEPT_MS > now) return;
      this.#drop(key);
    }
  }

  /** When the next one is too old, or never. */
  deadline(): number {
    const [oldest] = this.#stored_at.values();
    return oldest === undefined ? Infinity : oldest + IDEMPOTENCY_KEPT_MS;
  }

  #index(key: string, at: number): void {
    this.#stored_at.set(key, at);
    const peer = peerOf(key);
    const mine = this.#peers.get(peer) ?? new Set();
    this.#peers.set(peer, mine.add(key));
  }

  #drop(key: string): void {
    if (!this.#stored_at.delete(key)) return;
    const mine = this.#peers.get(peerOf(key))!;
    mine.delete(key);
    if (mine.size === 0) this.#peers.delete(peerOf(key));
    this.#store.deleteResponse(key);
  }
}

const peerOf = (key: string): string => key.slice(0, key.indexOf(" "));
