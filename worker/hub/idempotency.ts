/**
 * Responses to requests with an `Idempotency-Key`, stored for ten minutes: a retried request gets the stored response.
 * Rows hold the responses, memory only keys and ages. If a peer has too many, its oldest is deleted. If the hub has too
 * many, the oldest of the peer with the most: a client with many requests does not delete the responses of others.
 */
import { IDEMPOTENCY_KEPT_MS, IDEMPOTENT_RESPONSES_MAX, IDEMPOTENT_RESPONSES_PER_PEER_MAX } from "#shared/limits.ts";
import type { Store } from "./store.ts";

type ResponseStore = Pick<Store, "responseAges" | "response" | "saveResponse" | "deleteResponse">;
import type { IdempotencyKey, Outcome } from "../rpc.ts";

export class IdempotencyCache {
  readonly #store: ResponseStore;
  /** When each response was stored, the oldest first. */
  readonly #stored_at: Map<string, number>;
  readonly #peers = new Map<string, Set<string>>();

  constructor(store: ResponseStore) {
    this.#store = store;
    this.#stored_at = new Map();
    for (const { key, at } of store.responseAges()) this.#index(key, at);
  }

  get size(): number {
    return this.#stored_at.size;
  }

  /** The stored response; undefined for a new request, "mismatch" if the key was used for another request. */
  get(idempotency: IdempotencyKey, now: number): Outcome<unknown> | "mismatch" | undefined {
    const at = this.#stored_at.get(idempotency.key);
    if (at === undefined || at + IDEMPOTENCY_KEPT_MS <= now) return undefined;
    const stored = this.#store.response(idempotency.key);
    // Its row could not be written, so the request was undone.
    if (stored === null) return undefined;
    return stored.hash === idempotency.hash ? stored.outcome : "mismatch";
  }

  /**
   * Stores a response, and deletes others to make room. Rows of one turn of the event loop are written in one
   * transaction.
   */
  put({ key, hash }: IdempotencyKey, outcome: Outcome<unknown>, now: number): void {
    this.prune(now);
    this.#drop(key);
    const of_peer = this.#peers.get(peerOf(key));
    if (of_peer !== undefined && of_peer.size >= IDEMPOTENT_RESPONSES_PER_PEER_MAX)
      this.#drop(of_peer.values().next().value!);
    if (this.#stored_at.size >= IDEMPOTENT_RESPONSES_MAX) this.#drop(this.#oldestOfLargest());
    this.#store.saveResponse({ key, hash, at: now, outcome });
    this.#index(key, now);
  }

  /** Deletes expired responses. */
  prune(now: number): void {
    for (const [key, at] of this.#stored_at) {
      if (at + IDEMPOTENCY_KEPT_MS > now) return;
      this.#drop(key);
    }
  }

  /** When the next response expires (ms), or Infinity. */
  deadline(): number {
    const [oldest] = this.#stored_at.values();
    return oldest === undefined ? Infinity : oldest + IDEMPOTENCY_KEPT_MS;
  }

  #oldestOfLargest(): string {
    let [largest] = this.#peers.values();
    for (const keys of this.#peers.values()) if (keys.size > largest!.size) largest = keys;
    return largest!.values().next().value!;
  }

  #index(key: string, at: number): void {
    this.#stored_at.set(key, at);
    const peer = peerOf(key);
    const of_peer = this.#peers.get(peer) ?? new Set();
    this.#peers.set(peer, of_peer.add(key));
  }

  #drop(key: string): void {
    if (!this.#stored_at.delete(key)) return;
    const of_peer = this.#peers.get(peerOf(key))!;
    of_peer.delete(key);
    if (of_peer.size === 0) this.#peers.delete(peerOf(key));
    this.#store.deleteResponse(key);
  }
}

const peerOf = (key: string): string => key.slice(0, key.indexOf(" "));
