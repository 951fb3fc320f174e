/**
 * The lobby list of a game spans all hubs. The first hub serves its subscribers, and the others replicate their lines
 * to it while it has any, in order and one batch at a time:
 *
 *     first hub -> others   subscribeShard()                             returns all lines; changes follow from now on
 *     others -> first hub   onShardChanges(shard, changes, count, lost)  -> whether the list still has subscribers
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

/** The receiving side, at the first hub: replicas of the other hubs' lines. */
export class ShardFeedReceiver {
  readonly #subscribe: (shard: number) => Promise<readonly Summary[]>;
  readonly #shards: readonly number[];
  #indexes: Map<number, LobbyListIndex> | null = null;
  #loading: Promise<boolean> | null = null;
  /** Changes that arrived while the lines were being fetched. */
  #early: [shard: number, changes: ListChanges][] = [];

  constructor(shards: readonly number[], subscribe: (shard: number) => Promise<readonly Summary[]>) {
    this.#shards = shards;
    this.#subscribe = subscribe;
  }

  /** Fetches the lines of all hubs. False if one is unreachable or there are too many lines. */
  load(): Promise<boolean> {
    if (this.#indexes !== null || this.#shards.length === 0) return Promise.resolve(true);
    this.#loading ??= this.#fetch().finally(() => (this.#loading = null));
    return this.#loading;
  }

  forget(): void {
    this.#indexes = null;
  }

  /** Merges the first hub's own page with those of the replicas. */
  page(own: Page, query: Query): Page {
    const pages = [...(this.#indexes?.values() ?? [])].map((index) => index.page(query));
    return pages.length === 0 ? own : mergePages([own, ...pages], query);
  }

  /** Applies a batch. False if it reveals a gap. */
  apply(shard: number, changes: ListChanges, count: number): boolean {
    if (this.#loading !== null) this.#early.push([shard, changes]);
    const index = this.#indexes?.get(shard);
    if (index === undefined) return true;
    applyChanges(index, changes);
    return index.size === count;
  }

  async #fetch(): Promise<boolean> {
    try {
      const all = await Promise.all(this.#shards.map(async (shard) => [shard, await this.#subscribe(shard)] as const));
      if (all.reduce((sum, [, lines]) => sum + lines.length, 0) > SHARD_FEED_SUMMARIES_MAX) return false;
      this.#indexes = new Map(all.map(([shard, lines]) => [shard, indexOf(lines)]));
      for (const [shard, changes] of this.#early) applyChanges(this.#indexes.get(shard)!, changes);
      return true;
    } catch {
      return false;
    } finally {
      this.#early = [];
    }
  }
}

/** A known line may be newer than the batch, because it was fetched later. */
function applyChanges(index: LobbyListIndex, changes: ListChanges): void {
  for (const { id, next } of changes) {
    if (next === null || next.revision > (index.get(id)?.revision ?? 0)) index.set(id, next);
  }
}

function indexOf(lines: readonly Summary[]): LobbyListIndex {
  const index = new LobbyListIndex();
  for (const line of lines) index.set(line.id, line);
  return index;
}
