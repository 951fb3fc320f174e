/**
 * The lobby list of a game spans all hubs. The first hub serves its subscribers and readers, and the others replicate their
 * lines to it while it has any, in order and one batch at a time:
 *
 *     first hub -> others   subscribeShard()                             returns all lines; changes follow from now on
 *     others -> first hub   onShardChanges(shard, changes, count, lost)  -> whether the list is still used
 *
 * A hub that slept does not know whether there are subscribers: it sends its next change and learns it from the
 * response. By `count` and `lost` the first hub detects a gap; then it fetches all lines again and sends new snapshots.
 */
import type { Summary } from "#shared/listing/summary.ts";
import type { Change } from "#shared/subscriptions/coalescer.ts";
import { SHARD_FEED_SUMMARIES_MAX } from "#shared/limits.ts";
import type { Query } from "#shared/listing/query.ts";
import { mergePages, type Page, LobbyListIndex } from "#shared/listing/sorted-index.ts";
import type { ListChanges } from "../../rpc.ts";

/** The sending side, at every hub except the first. */
export class ShardFeedSender {
  readonly #send: (changes: ListChanges, lost: boolean) => Promise<boolean>;
  #waiting = new Map<string, Change<Summary>>();
  /** Null after a sleep: not known. */
  #wanted: boolean | null = null;
  #lost = false;
  #sending: Promise<void> | null = null;
  /** Counts the calls of `start`, so that a response from before one is ignored. */
  #starts = 0;

  constructor(send: (changes: ListChanges, lost: boolean) => Promise<boolean>) {
    this.#send = send;
  }

  get wanted(): boolean {
    return this.#wanted !== false;
  }

  /** The first hub has all current lines and wants changes from now on. */
  start(): void {
    this.#starts++;
    this.#wanted = true;
    this.#lost = false;
    this.#waiting.clear();
  }

  /** Queues changes. Returns the promise of the transmission, or null if nothing is sent. */
  add(changes: ListChanges): Promise<void> | null {
    if (!this.wanted || changes.length === 0) return null;
    for (const change of changes) {
      const old = this.#waiting.has(change.id) ? this.#waiting.get(change.id)!.old : change.old;
      this.#waiting.set(change.id, { ...change, old });
    }
    this.#sending ??= this.#drain();
    return this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.size > 0) {
      const changes = [...this.#waiting.values()];
      this.#waiting.clear();
      const begun = this.#starts;
      try {
        const wanted = await this.#send(changes, this.#lost);
        if (begun === this.#starts) this.#wanted = wanted;
        this.#lost = false;
      } catch {
        // The first hub is unreachable. The next batch tells it that this one is missing.
        this.#lost = true;
        this.#wanted = null;
        this.#waiting.clear();
      }
    }
    this.#sending = null;
  }
}

/** A page of the first hub's lines, with one of the replicas and the page that both make. */
type Merged = { readonly replicas: Page; readonly page: Page };

/** The receiving side, at the first hub: replicas of the other hubs' lines. */
export class ShardFeedReceiver {
  readonly #subscribe: (shard: number) => Promise<readonly Summary[]>;
  readonly #shards: readonly number[];
  #replicas: Replicas | null = null;
  /** Pages are merged once. */
  readonly #merged = new WeakMap<Page, Merged>();
  #loading: Promise<boolean> | null = null;
  /** Changes that arrived while the lines were being fetched. */
  #early: [shard: number, changes: ListChanges][] = [];

  constructor(shards: readonly number[], subscribe: (shard: number) => Promise<readonly Summary[]>) {
    this.#shards = shards;
    this.#subscribe = subscribe;
  }

  /** When the lines were last fetched (ms). */
  get loaded_at(): number {
    return this.#replicas?.at ?? -Infinity;
  }

  /** Fetches the lines of all hubs. False if one is unreachable or there are too many lines. */
  load(): Promise<boolean> {
    if (this.#replicas !== null || this.#shards.length === 0) return Promise.resolve(true);
    return this.reload();
  }

  /** Fetches them again. Until they have arrived, or if that fails, the replicas stay as they are. */
  reload(): Promise<boolean> {
    if (this.#shards.length === 0) return Promise.resolve(true);
    this.#loading ??= this.#fetch().finally(() => (this.#loading = null));
    return this.#loading;
  }

  forget(): void {
    this.#replicas = null;
  }

  /** Merges the first hub's own page with that of the replicas. */
  page(own: Page, query: Query): Page {
    if (this.#replicas === null) return own;
    const replicas = this.#replicas.index.page(query);
    const known = this.#merged.get(own);
    if (known?.replicas === replicas) return known.page;
    const page = mergePages([own, replicas], query);
    this.#merged.set(own, { replicas, page });
    return page;
  }

  /** Applies a batch. False if it reveals a gap. */
  apply(shard: number, changes: ListChanges, count: number): boolean {
    if (this.#loading !== null) this.#early.push([shard, changes]);
    if (this.#replicas === null) return true;
    this.#replicas.apply(shard, changes);
    return this.#replicas.count(shard) === count;
  }

  async #fetch(): Promise<boolean> {
    try {
      const all = await Promise.all(this.#shards.map(async (shard) => [shard, await this.#subscribe(shard)] as const));
      if (all.reduce((sum, [, lines]) => sum + lines.length, 0) > SHARD_FEED_SUMMARIES_MAX) return false;
      const replicas = new Replicas(Date.now());
      for (const [shard, lines] of all) replicas.apply(shard, lines.map(added));
      for (const [shard, changes] of this.#early) replicas.apply(shard, changes);
      this.#replicas = replicas;
      return true;
    } catch {
      return false;
    } finally {
      this.#early = [];
    }
  }
}

type Line = Pick<Change<Summary>, "id" | "next">;
const added = (next: Summary): Line => ({ id: next.id, next });

/** The lines of the other hubs in one index, so that a page costs the same for any number of them. */
class Replicas {
  readonly index = new LobbyListIndex();
  /** When they were fetched (ms). */
  readonly at: number;
  /** Lines by shard. */
  readonly #counts = new Map<number, number>();

  constructor(at: number) {
    this.at = at;
  }

  count(shard: number): number {
    return this.#counts.get(shard) ?? 0;
  }

  /** A known line may be newer than the batch, because it was fetched later. */
  apply(shard: number, changes: readonly Line[]): void {
    const before = this.index.size;
    for (const { id, next } of changes) {
      if (next === null || next.revision > (this.index.get(id)?.revision ?? 0)) this.index.set(id, next);
    }
    this.#counts.set(shard, this.count(shard) + this.index.size - before);
  }
}
