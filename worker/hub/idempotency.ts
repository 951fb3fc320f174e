/**
 * Responses to requests with an `Idempotency-Key`, stored for ten minutes: a retried request gets the stored response.
 * Rows hold the responses, memory only keys and ages. If a peer has too many, its oldest is deleted. If the hub has too
 * many, the oldest of the network with the most: peers are free, so that one client could have as many as the hub has
 * places, and still does not delete the responses of others. A hub that slept counts what it finds by peer.
 */
import { IDEMPOTENCY_KEPT_MS, IDEMPOTENT_RESPONSES_MAX, IDEMPOTENT_RESPONSES_PER_PEER_MAX } from "#shared/limits.ts";
import { prefixesOf } from "#shared/net/endpoint.ts";
import type { Store } from "./store.ts";

type ResponseStore = Pick<Store, "responseAges" | "response" | "saveResponse" | "deleteResponse">;
import type { IdempotencyKey, Outcome } from "../rpc.ts";

export class IdempotencyCache {
  readonly #store: ResponseStore;
  /** When each response was stored, the oldest first. */
  readonly #stored_at: Map<string, number>;
  readonly #peers = new Groups();
  /** By IPv4 /24 or IPv6 /48, or by peer if the source is unknown. */
  readonly #networks = new Groups();

  constructor(store: ResponseStore) {
    this.#store = store;
    this.#stored_at = new Map();
    for (const { key, at } of store.responseAges()) this.#index(key, null, at);
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
  put({ key, hash }: IdempotencyKey, source: string | null, outcome: Outcome<unknown>, now: number): void {
    this.prune(now);
    this.#drop(key);
    const of_peer = this.#peers.of(peerOf(key));
    const [oldest] = of_peer;
    if (oldest !== undefined && of_peer.size >= IDEMPOTENT_RESPONSES_PER_PEER_MAX) this.#drop(oldest);
    if (this.#stored_at.size >= IDEMPOTENT_RESPONSES_MAX) this.#drop(this.#networks.oldestOfLargest()!);
    this.#store.saveResponse({ key, hash, at: now, outcome });
    this.#index(key, source, now);
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

  #index(key: string, source: string | null, at: number): void {
    this.#stored_at.set(key, at);
    this.#peers.add(peerOf(key), key);
    this.#networks.add((source === null ? undefined : prefixesOf(source).at(-1)) ?? peerOf(key), key);
  }

  #drop(key: string): void {
    if (!this.#stored_at.delete(key)) return;
    this.#peers.delete(key);
    this.#networks.delete(key);
    this.#store.deleteResponse(key);
  }
}

/** Keys by what they belong to, the oldest of each first. */
class Groups {
  readonly #keys = new Map<string, Set<string>>();
  readonly #groupOf = new Map<string, string>();

  of(group: string): ReadonlySet<string> {
    return this.#keys.get(group) ?? NONE;
  }

  add(group: string, key: string): void {
    this.#groupOf.set(key, group);
    this.#keys.set(group, (this.#keys.get(group) ?? new Set()).add(key));
  }

  delete(key: string): void {
    const group = this.#groupOf.get(key) ?? "";
    const keys = this.#keys.get(group);
    this.#groupOf.delete(key);
    if (keys?.delete(key) === true && keys.size === 0) this.#keys.delete(group);
  }

  oldestOfLargest(): string | undefined {
    let [largest] = this.#keys.values();
    for (const keys of this.#keys.values()) if (keys.size > largest!.size) largest = keys;
    return largest?.values().next().value;
  }
}

const NONE: ReadonlySet<string> = new Set();
const peerOf = (key: string): string => key.slice(0, key.indexOf(" "));
