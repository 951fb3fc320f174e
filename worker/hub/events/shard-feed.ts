/**
 * A list that is watched is the list of all hubs. Each of them feeds its lines to the first one while somebody watches
 * there, in order, one batch at a time:
 *
 *     first hub -> others   feed()                            somebody watches: all your lines, and from now on changes
 *     others -> first hub   fed(shard, changes, count, lost)  -> whether somebody still watches
 *
 * A hub that slept does not know whether it is watched: it tells its first change and is told. `count` and `lost` show
 * a first hub that it missed something; then it asks for all lines again, and everybody begins anew.
 */
import type { Summary } from "#shared/api/lobbies.ts";
import type { Change } from "#shared/subscriptions/coalescer.ts";
import { SHARD_FEED_SUMMARIES_MAX } from "#shared/limits.ts";
import type { Query } from "#shared/listing/query.ts";
import { mergePages, type Page, LobbyListIndex } from "#shared/listing/sorted-index.ts";
import type { ListChanges } from "../../rpc.ts";

/** The end at a hub that is not the first. */
export class ShardFeedSender {
  readonly #send: (changes: ListChanges, lost: boolean) => Promise<boolean>;
  #waiting = new Map<string, Change<Summary>>();
  /** Null: it slept, and does not know. */
  #wanted: boolean | null = null;
  #lost = false;
  #sending: Promise<void> | null = null;
  /** How often somebody began to watch: an answer from before says nothing of after. */
  #starts = 0;

  constructor(send: (changes: ListChanges, lost: boolean) => Promise<boolean>) {
    this.#send = send;
  }

  get wanted(): boolean {
    return this.#wanted !== false;
  }

  /** Somebody watches, and has all lines as they are now. */
  start(): void {
    this.#starts++;
    this.#wanted = true;
    this.#lost = false;
    this.#waiting.clear();
  }

  /** Gives what is to be waited for, where something has to be sent. */
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
        // It cannot be reached. The next change tells it that this one is missing.
        this.#lost = true;
        this.#wanted = null;
        this.#waiting.clear();
      }
    }
    this.#sending = null;
  }
}

/** The end at the first hub: what the others hold. */
export class ShardFeedReceiver {
  readonly #subscribe: (shard: number) => Promise<readonly Summary[]>;
  readonly #shards: readonly number[];
  #indexes: Map<number, LobbyListIndex> | null = null;
  #loading: Promise<boolean> | null = null;
  /** What came while the lines were being fetched. */
  #early: [shard: number, changes: ListChanges][] = [];

  constructor(shards: readonly number[], ask: (shard: number) => Promise<readonly Summary[]>) {
    this.#shards = shards;
    this.#subscribe = ask;
  }

  /** Knows all lines from now on; false where a hub cannot be asked, or there are too many. */
  load(): Promise<boolean> {
    if (this.#indexes !== null || this.#shards.length === 0) return Promise.resolve(true);
    this.#loading ??= this.#fetch().finally(() => (this.#loading = null));
    return this.#loading;
  }

  forget(): void {
    this.#indexes = null;
  }

  /** One page of everything: of the first hub's own, and of the others'. */
  page(own: Page, query: Query): Page {
    const pages = [...(this.#indexes?.values() ?? [])].map((shelves) => shelves.page(query));
    return pages.length === 0 ? own : mergePages([own, ...pages], query);
  }

  /** Takes what a hub tells; false where it shows that something was missed. */
  apply(shard: number, changes: ListChanges, count: number): boolean {
    if (this.#loading !== null) this.#early.push([shard, changes]);
    const shelves = this.#indexes?.get(shard);
    if (shelves === undefined) return true;
    applyChanges(shelves, changes);
    return shelves.size === count;
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

/** A line that is known may be newer than what is told: it was fetched meanwhile. */
function applyChanges(shelves: LobbyListIndex, changes: ListChanges): void {
  for (const { id, next } of changes) {
    if (next === null || next.revision > (shelves.get(id)?.revision ?? 0)) shelves.set(id, next);
  }
}

function indexOf(lines: readonly Summary[]): LobbyListIndex {
  const shelves = new LobbyListIndex();
  for (const line of lines) shelves.set(line.id, line);
  return shelves;
}
