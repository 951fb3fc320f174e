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
import { LINES_WATCHED_MAX } from "#shared/limits.ts";
import type { Query } from "#shared/listing/query.ts";
import { mergePages, type Page, Shelves } from "#shared/listing/sorted-index.ts";

export type Lines = readonly Change<Summary>[];

/** The end at a hub that is not the first. */
export class Feed {
  readonly #send: (changes: Lines, lost: boolean) => Promise<boolean>;
  #waiting = new Map<string, Change<Summary>>();
  /** Null: it slept, and does not know. */
  #wanted: boolean | null = null;
  #lost = false;
  #sending: Promise<void> | null = null;
  /** How often somebody began to watch: an answer from before says nothing of after. */
  #begun = 0;

  constructor(send: (changes: Lines, lost: boolean) => Promise<boolean>) {
    this.#send = send;
  }

  get wanted(): boolean {
    return this.#wanted !== false;
  }

  /** Somebody watches, and has all lines as they are now. */
  begin(): void {
    this.#begun++;
    this.#wanted = true;
    this.#lost = false;
    this.#waiting.clear();
  }

  /** Gives what is to be waited for, where something has to be sent. */
  add(changes: Lines): Promise<void> | null {
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
      const begun = this.#begun;
      try {
        const wanted = await this.#send(changes, this.#lost);
        if (begun === this.#begun) this.#wanted = wanted;
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
export class Others {
  readonly #ask: (shard: number) => Promise<readonly Summary[]>;
  readonly #shards: readonly number[];
  #shelves: Map<number, Shelves> | null = null;
  #loading: Promise<boolean> | null = null;
  /** What came while the lines were being fetched. */
  #early: [shard: number, changes: Lines][] = [];

  constructor(shards: readonly number[], ask: (shard: number) => Promise<readonly Summary[]>) {
    this.#shards = shards;
    this.#ask = ask;
  }

  /** Knows all lines from now on; false where a hub cannot be asked, or there are too many. */
  load(): Promise<boolean> {
    if (this.#shelves !== null || this.#shards.length === 0) return Promise.resolve(true);
    this.#loading ??= this.#fetch().finally(() => (this.#loading = null));
    return this.#loading;
  }

  forget(): void {
    this.#shelves = null;
  }

  /** One page of everything: of the first hub's own, and of the others'. */
  page(own: Page, query: Query): Page {
    const pages = [...(this.#shelves?.values() ?? [])].map((shelves) => shelves.page(query));
    return pages.length === 0 ? own : mergePages([own, ...pages], query);
  }

  /** Takes what a hub tells; false where it shows that something was missed. */
  take(shard: number, changes: Lines, count: number): boolean {
    if (this.#loading !== null) this.#early.push([shard, changes]);
    const shelves = this.#shelves?.get(shard);
    if (shelves === undefined) return true;
    put(shelves, changes);
    return shelves.size === count;
  }

  async #fetch(): Promise<boolean> {
    try {
      const all = await Promise.all(this.#shards.map(async (shard) => [shard, await this.#ask(shard)] as const));
      if (all.reduce((sum, [, lines]) => sum + lines.length, 0) > LINES_WATCHED_MAX) return false;
      this.#shelves = new Map(all.map(([shard, lines]) => [shard, shelvesOf(lines)]));
      for (const [shard, changes] of this.#early) put(this.#shelves.get(shard)!, changes);
      return true;
    } catch {
      return false;
    } finally {
      this.#early = [];
    }
  }
}

/** A line that is known may be newer than what is told: it was fetched meanwhile. */
function put(shelves: Shelves, changes: Lines): void {
  for (const { id, next } of changes) {
    if (next === null || next.revision > (shelves.line(id)?.revision ?? 0)) shelves.put(id, next);
  }
}

function shelvesOf(lines: readonly Summary[]): Shelves {
  const shelves = new Shelves();
  for (const line of lines) shelves.put(line.id, line);
  return shelves;
}
