/**
 * The lines of one hub, kept in the orders in which they are asked for, so that a page costs a search for where it
 * begins and a walk as long as its filter needs. Everybody who asks the same gets the same page, made once until a
 * line changes.
 */
import { PAGES_MEMOISED_MAX, SHELVES_MAX } from "../limits.ts";
import type { Summary } from "./listing.ts";
import { compareFacts, compareKeys, keyOf, picks } from "./filter.ts";
import { type Key, NEWEST_FIRST, orderText, type Query, queryText } from "./query.ts";

/** Lines as JSON, ready to be merged with another hub's: their sort keys beside them. */
export type Page = {
  readonly lines: readonly { readonly key: Key; readonly json: string }[];
  readonly more: boolean;
  /** How many the filter picks in all, where that was asked. */
  readonly count: number | null;
};

type Entry = { readonly line: Summary; readonly key: Key };
type Sorting = Pick<Query, "near" | "order">;

export class Shelves {
  readonly #lines = new Map<string, Summary>();
  /** By the text of their order; the one that was not used for longest comes first and goes first. */
  readonly #shelves = new Map<string, Shelf>();
  readonly #pages = new Map<string, Page>();

  get size(): number {
    return this.#lines.size;
  }

  line(id: string): Summary | undefined {
    return this.#lines.get(id);
  }

  lines(): Iterable<Summary> {
    return this.#lines.values();
  }

  /** Puts a line in the place of the one before it; null takes it away. */
  put(id: string, next: Summary | null): void {
    const old = this.#lines.get(id);
    if (old === undefined && next === null) return;
    this.#pages.clear();
    if (next === null) this.#lines.delete(id);
    else this.#lines.set(id, next);
    for (const shelf of this.#shelves.values()) {
      if (old !== undefined) shelf.take(old);
      if (next !== null) shelf.add(next);
    }
  }

  page(query: Query): Page {
    const name = queryText(query);
    const known = this.#pages.get(name);
    if (known !== undefined) return known;
    const made = this.#make(query);
    if (this.#pages.size >= PAGES_MEMOISED_MAX) this.#pages.clear();
    this.#pages.set(name, made);
    return made;
  }

  #make(query: Query): Page {
    const shelf = this.#shelf(query.near.length === 0 ? query.order : NEWEST_FIRST);
    const isPicked = picks(query);
    const found = query.near.length === 0 ? shelf.walk(query, isPicked) : nearest(shelf.entries, query, isPicked);
    const count = query.count ? shelf.entries.filter(({ line }) => isPicked(line)).length : null;
    const lines = found.slice(0, query.limit).map(({ line, key }) => ({ key, json: jsonOf(line, query.fields) }));
    return { lines, more: found.length > query.limit, count };
  }

  #shelf(order: Query["order"]): Shelf {
    const name = orderText(order);
    const shelf = this.#shelves.get(name) ?? new Shelf(order, this.#lines.values());
    this.#shelves.delete(name);
    this.#shelves.set(name, shelf);
    const [oldest] = this.#shelves.keys();
    if (this.#shelves.size > SHELVES_MAX) this.#shelves.delete(oldest!);
    return shelf;
  }
}

/** One page out of the pages of several hubs. */
export function mergePages(pages: readonly Page[], query: Query): Page {
  const compare = compareKeys(query);
  const all = pages.flatMap(({ lines }) => lines).toSorted((a, b) => compare(a.key, b.key));
  const more = all.length > query.limit || pages.some((page) => page.more);
  const count = query.count ? pages.reduce((sum, page) => sum + (page.count ?? 0), 0) : null;
  return { lines: all.slice(0, query.limit), more, count };
}

/** All lines in one order. */
class Shelf {
  readonly entries: Entry[] = [];
  readonly #keyOf: (line: Summary) => Key;
  readonly #compare: (a: Key, b: Key) => number;

  constructor(order: Query["order"], lines: Iterable<Summary>) {
    const sorting: Sorting = { near: [], order };
    this.#keyOf = keyOf(sorting);
    this.#compare = compareKeys(sorting);
    for (const line of lines) this.entries.push({ line, key: this.#keyOf(line) });
    this.entries.sort((a, b) => this.#compare(a.key, b.key));
  }

  add(line: Summary): void {
    const key = this.#keyOf(line);
    this.entries.splice(this.#placeOf(key), 0, { line, key });
  }

  take(line: Summary): void {
    this.entries.splice(this.#placeOf(this.#keyOf(line)), 1);
  }

  /** From behind the key on, at most one more than a page, which tells that there is more. */
  walk({ after, limit }: Query, isPicked: (line: Summary) => boolean): Entry[] {
    let at = after === null ? 0 : this.#placeOf(after);
    if (after !== null && at < this.entries.length && this.#compare(this.entries[at]!.key, after) === 0) at++;
    const found: Entry[] = [];
    for (; at < this.entries.length && found.length <= limit; at++) {
      const entry = this.entries[at]!;
      if (isPicked(entry.line)) found.push(entry);
    }
    return found;
  }

  /** Where a key stands, or would stand. */
  #placeOf(key: Key): number {
    return placeIn(this.entries, key, this.#compare);
  }
}

/** What is nearest differs with every question: one pass that keeps the best, in order. */
function nearest(entries: readonly Entry[], query: Query, isPicked: (line: Summary) => boolean): Entry[] {
  const [key, compare] = [keyOf(query), compareKeys(query)];
  const first = keyOf({ near: query.near.slice(0, 1), order: [] });
  const best: Entry[] = [];
  for (const { line } of entries) {
    if (!isPicked(line)) continue;
    // Most lines are further away than the worst of a full page: one look tells.
    if (best.length > query.limit && compareFacts(first(line)[0]!, best.at(-1)!.key[0]!) > 0) continue;
    const entry = { line, key: key(line) };
    if (query.after !== null && compare(entry.key, query.after) <= 0) continue;
    if (best.length > query.limit && compare(entry.key, best.at(-1)!.key) > 0) continue;
    best.splice(placeIn(best, entry.key, compare), 0, entry);
    if (best.length > query.limit + 1) best.pop();
  }
  return best;
}

function placeIn(entries: readonly Entry[], key: Key, compare: (a: Key, b: Key) => number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(entries[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const jsonOf = (line: Summary, fields: Query["fields"]): string =>
  JSON.stringify(
    fields === null ? line : Object.fromEntries(fields.map((name) => [name, line[name as keyof Summary]])),
  );
