/**
 * The listed lobbies of one hub, sorted by every recently requested order. A page costs a binary search for its start and
 * a scan until the filter has matched enough, or only the lobbies of a selective predicate. Pages are cached until a lobby
 * changes.
 */
import { PAGES_MEMOISED_MAX, SORTED_INDEXES_MAX } from "../limits.ts";
import type { Summary } from "./summary.ts";
import { digestOf } from "../text/digest.ts";
import { compareFacts, compareKeys, sortKeyOf, compileFilter } from "./filter.ts";
import { type Query, queryText } from "./query.ts";
import { MatchSets } from "./match-sets.ts";
import { type SortKey, NEWEST_FIRST, orderText, type Sorting } from "./order.ts";

/** A summary as JSON, with its sort key, so that pages of several hubs can be merged, and the digest of the JSON. */
export type PageItem = { readonly key: SortKey; readonly json: string; readonly digest: string };
export type Page = {
  readonly items: readonly PageItem[];
  readonly more: boolean;
  /** The number of all matching lobbies, where the query asks for it. */
  readonly count: number | null;
};

type Entry = { readonly line: Summary; readonly key: SortKey };

export class LobbyListIndex {
  readonly #summaries = new Map<string, Summary>();
  /** By the text of their order, least recently used first. */
  readonly #indexes = new Map<string, SortedIndex>();
  readonly #pages = new Map<string, Page>();
  readonly #match_sets = new MatchSets(() => this.#summaries.values());

  constructor(lines: readonly Summary[] = []) {
    for (const line of lines) this.#summaries.set(line.id, line);
  }

  get size(): number {
    return this.#summaries.size;
  }

  get(id: string): Summary | undefined {
    return this.#summaries.get(id);
  }

  values(): Iterable<Summary> {
    return this.#summaries.values();
  }

  /** Replaces the summary of a lobby; null removes it. */
  set(id: string, next: Summary | null): void {
    const old = this.#summaries.get(id);
    if (old === undefined && next === null) return;
    if (this.#pages.size > 0) this.#pages.clear();
    this.#match_sets.replace(old, next);
    if (next === null) this.#summaries.delete(id);
    else this.#summaries.set(id, next);
    for (const index of this.#indexes.values()) {
      if (old !== undefined) index.remove(old);
      if (next !== null) index.add(next);
    }
  }

  /** `scans`: no index of fields is made or used. */
  page(query: Query, { scans = false } = {}): Page {
    const name = queryText(query);
    const cached = this.#pages.get(name);
    if (cached !== undefined) return cached;
    const page = this.#buildPage(query, scans);
    if (this.#pages.size >= PAGES_MEMOISED_MAX) this.#pages.clear();
    this.#pages.set(name, page);
    return page;
  }

  #buildPage(query: Query, scans: boolean): Page {
    const index = this.#index(query.near.length === 0 ? query.order : NEWEST_FIRST);
    const matches = compileFilter(query);
    const candidates = scans ? null : this.#match_sets.candidates(query.predicates);
    // A scan stops at a full page, so it is faster where many match.
    const few = candidates === null || candidates.length * 4 > this.#summaries.size ? null : candidates;
    // The newest are usually wanted first, and are the last of the candidates.
    const lines = few?.toReversed() ?? index.lines();
    const found = query.near.length === 0 && few === null ? index.scan(query, matches) : firstOf(lines, query, matches);
    const items = found.slice(0, query.limit).map(({ line, key }) => ({ key, ...textOf(line, query.fields) }));
    return { items, more: found.length > query.limit, count: query.count ? countOf(lines, matches) : null };
  }

  #index(order: Query["order"]): SortedIndex {
    const name = orderText(order);
    const index = this.#indexes.get(name) ?? new SortedIndex(order, this.#summaries.values());
    this.#indexes.delete(name);
    this.#indexes.set(name, index);
    const [oldest] = this.#indexes.keys();
    if (this.#indexes.size > SORTED_INDEXES_MAX) this.#indexes.delete(oldest!);
    return index;
  }
}

/** One page from the pages of several hubs. */
export function mergePages(pages: readonly Page[], query: Query): Page {
  const compare = compareKeys(query);
  const all = pages.flatMap(({ items: lines }) => lines).toSorted((a, b) => compare(a.key, b.key));
  const more = all.length > query.limit || pages.some((page) => page.more);
  const count = query.count ? pages.reduce((sum, page) => sum + (page.count ?? 0), 0) : null;
  return { items: all.slice(0, query.limit), more, count };
}

/** All summaries in one order. */
class SortedIndex {
  readonly entries: Entry[] = [];
  readonly #keyOf: (line: Summary) => SortKey;
  readonly #compare: (a: SortKey, b: SortKey) => number;

  constructor(order: Query["order"], lines: Iterable<Summary>) {
    const sorting: Sorting = { near: [], order };
    this.#keyOf = sortKeyOf(sorting);
    this.#compare = compareKeys(sorting);
    for (const line of lines) this.entries.push({ line, key: this.#keyOf(line) });
    this.entries.sort((a, b) => this.#compare(a.key, b.key));
  }

  *lines(): Iterable<Summary> {
    for (const { line } of this.entries) yield line;
  }

  add(line: Summary): void {
    const key = this.#keyOf(line);
    this.entries.splice(this.#positionOf(key), 0, { line, key });
  }

  remove(line: Summary): void {
    this.entries.splice(this.#positionOf(this.#keyOf(line)), 1);
  }

  /** The matches after the cursor: up to one more than a page, which shows whether there is a next page. */
  scan({ after, limit }: Query, matches: (line: Summary) => boolean): Entry[] {
    let at = after === null ? 0 : this.#positionOf(after);
    if (after !== null && at < this.entries.length && this.#compare(this.entries[at]!.key, after) === 0) at++;
    const found: Entry[] = [];
    for (; at < this.entries.length && found.length <= limit; at++) {
      const entry = this.entries[at]!;
      if (matches(entry.line)) found.push(entry);
    }
    return found;
  }

  /** The position of a key, or where it would be inserted. */
  #positionOf(key: SortKey): number {
    return lowerBound(this.entries, key, this.#compare);
  }
}

/**
 * The first matches after the cursor in the order of the query, of lobbies in any order: one pass that keeps the best
 * sorted. `near` needs it because every query has another order.
 */
function firstOf(lines: Iterable<Summary>, query: Query, matches: (line: Summary) => boolean): Entry[] {
  const [key, compare] = [sortKeyOf(query), compareKeys(query)];
  const [near, order] = [query.near.slice(0, 1), query.near.length > 0 ? [] : query.order.slice(0, 1)];
  const first = sortKeyOf({ near, order });
  const descending = order[0]?.descending;
  const best: Entry[] = [];
  for (const line of lines) {
    if (!matches(line)) continue;
    const isFull = best.length > query.limit;
    // Most lobbies come after the last of a full page, which the first part of the key shows.
    if (isFull && compareFacts(first(line)[0]!, best.at(-1)!.key[0]!, descending) > 0) continue;
    const entry = { line, key: key(line) };
    if (query.after !== null && compare(entry.key, query.after) <= 0) continue;
    if (isFull && compare(entry.key, best.at(-1)!.key) > 0) continue;
    best.splice(lowerBound(best, entry.key, compare), 0, entry);
    if (best.length > query.limit + 1) best.pop();
  }
  return best;
}

function countOf(lines: Iterable<Summary>, matches: (line: Summary) => boolean): number {
  let count = 0;
  for (const line of lines) if (matches(line)) count++;
  return count;
}

function lowerBound(entries: readonly Entry[], key: SortKey, compare: (a: SortKey, b: SortKey) => number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(entries[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

type Text = Pick<PageItem, "json" | "digest">;

/** A summary is never changed, so its text is made once. */
const TEXTS = new WeakMap<Summary, Text>();

function textOf(line: Summary, fields: Query["fields"]): Text {
  if (fields !== null)
    return textFrom(JSON.stringify(Object.fromEntries(fields.map((name) => [name, line[name as keyof Summary]]))));
  const text = TEXTS.get(line) ?? textFrom(JSON.stringify(line));
  TEXTS.set(line, text);
  return text;
}

const textFrom = (json: string): Text => ({ json, digest: digestOf(json) });
