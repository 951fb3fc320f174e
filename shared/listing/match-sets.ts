/**
 * Which lobbies can match a filter, kept up to date with each change: lobbies by value of the searched fields and data
 * keys, and the matches of recently used predicates of other kinds. A filtered page then evaluates only the lobbies of its
 * most selective predicate, instead of all lobbies of the hub.
 */
import { FIELD_INDEXES_MAX, MATCH_SETS_MAX, MATCHES_PER_SET_MAX } from "../limits.ts";
import { compilePredicate } from "./filter.ts";
import { type Fact, factOf } from "./listing.ts";
import { parseDecimal, type Predicate } from "./query.ts";
import type { Summary } from "./summary.ts";

type Lines = Iterable<Summary>;

export class MatchSets {
  /** By the field, and by the text of the predicate. Least recently used first. */
  readonly #fields = new Map<string, FieldIndex>();
  readonly #sets = new Map<string, MatchSet>();
  readonly #all: () => Lines;
  /** Names in lower case, since the first search of one. */
  #names: Map<Summary, string> | null = null;

  constructor(all: () => Lines) {
    this.#all = all;
  }

  replace(old: Summary | undefined, next: Summary | null): void {
    if (old !== undefined) this.#names?.delete(old);
    if (next !== null) this.#names?.set(next, next.name.toLowerCase());
    for (const index of this.#fields.values()) index.replace(old, next);
    for (const [name, set] of this.#sets) if (!set.replace(old, next)) this.#sets.delete(name);
  }

  /** A few lobbies among which all matches of these predicates are, or null if no predicate is selective. */
  candidates(predicates: readonly Predicate[]): readonly Summary[] | null {
    const values = predicates.filter(({ op }) => op === "eq" || op === "in");
    const others = predicates.filter(({ op }) => op !== "eq" && op !== "in" && op !== "ne");
    const found = [
      ...values.map(({ field, values: operands }) => this.#index(field).lines(operands)),
      ...others.map((one) => this.#sets.get(textOf(one))?.lines ?? null),
    ].filter((lines) => lines !== null);
    // A predicate that is new costs an evaluation of every lobby.
    for (const predicate of found.length > 0 ? [] : others) {
      const { lines } = this.#setOf(predicate);
      if (lines !== null) return [...lines];
    }
    return found.map((lines) => [...lines]).toSorted((a, b) => a.length - b.length)[0] ?? null;
  }

  #index(field: string): FieldIndex {
    return recent(this.#fields, field, FIELD_INDEXES_MAX, () => new FieldIndex(field, this.#all()));
  }

  #setOf(predicate: Predicate): MatchSet {
    return recent(this.#sets, textOf(predicate), MATCH_SETS_MAX, () =>
      predicate.op === "contains"
        ? new MatchSet(predicate, this.#named(predicate.values[0] as string), true)
        : new MatchSet(predicate, this.#all(), false),
    );
  }

  /** The lobbies whose name contains a text in lower case. */
  *#named(part: string): Lines {
    this.#names ??= new Map(Array.from(this.#all(), (line) => [line, line.name.toLowerCase()]));
    for (const [line, name] of this.#names) if (name.includes(part)) yield line;
  }
}

/** Lobbies by one fact. */
class FieldIndex {
  readonly #of: (line: Summary) => Fact;
  readonly #lines = new Map<Fact, Set<Summary>>();

  constructor(field: string, all: Lines) {
    this.#of = factOf(field);
    for (const line of all) this.replace(undefined, line);
  }

  replace(old: Summary | undefined, next: Summary | null): void {
    if (old !== undefined) {
      const fact = this.#of(old);
      const lines = this.#lines.get(fact);
      if (lines?.delete(old) === true && lines.size === 0) this.#lines.delete(fact);
    }
    if (next !== null) {
      const fact = this.#of(next);
      const lines = this.#lines.get(fact) ?? new Set();
      this.#lines.set(fact, lines.add(next));
    }
  }

  /** The lobbies with one of these values, in any type that the values can be read as; null if there are many. */
  lines(values: readonly Fact[]): Summary[] | null {
    const facts = new Set<Fact>(
      values.flatMap((value) => [value, parseDecimal(String(value)), truthOf(String(value))]),
    );
    facts.delete(null);
    const sets = Array.from(facts, (fact) => this.#lines.get(fact)).filter((set) => set !== undefined);
    const count = sets.reduce((sum, { size }) => sum + size, 0);
    return count > MATCHES_PER_SET_MAX ? null : sets.flatMap((set) => [...set]);
  }
}

const truthOf = (word: string): boolean | null => (word === "true" ? true : word === "false" ? false : null);

/** The matches of one predicate. */
class MatchSet {
  readonly #matches: (line: Summary) => boolean;
  /** Changes since it was made; null if few match. */
  #changes: number | null = null;
  /** Null if too many match: then a scan finds a page quickly. */
  lines: Set<Summary> | null = new Set();

  /** `match`: all `lines` match; otherwise they are all lobbies. */
  constructor(predicate: Predicate, lines: Lines, match: boolean) {
    this.#matches = compilePredicate(predicate);
    for (const line of lines) {
      if (match || this.#matches(line)) this.#add(line);
      if (this.lines === null) return;
    }
  }

  /** False if the set must be made again, because few may match again. */
  replace(old: Summary | undefined, next: Summary | null): boolean {
    if (old !== undefined) this.lines?.delete(old);
    if (this.#changes !== null) return ++this.#changes < MATCHES_PER_SET_MAX;
    if (next !== null && this.#matches(next)) this.#add(next);
    return true;
  }

  #add(line: Summary): void {
    this.lines?.add(line);
    if (this.lines === null || this.lines.size <= MATCHES_PER_SET_MAX) return;
    this.lines = null;
    this.#changes = 0;
  }
}

const textOf = ({ field, op, values }: Predicate): string => JSON.stringify([field, op, values]);

/** The entry of this name, made if it is missing; the least recently used one makes room. */
function recent<T>(entries: Map<string, T>, name: string, max: number, make: () => T): T {
  const entry = entries.get(name) ?? make();
  entries.delete(name);
  entries.set(name, entry);
  const [oldest] = entries.keys();
  if (entries.size > max) entries.delete(oldest!);
  return entry;
}
