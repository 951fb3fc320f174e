/** Filters and orders of lists, compiled from a query into functions. */
import { type Fact, factOf } from "./listing.ts";
import type { Summary } from "./summary.ts";
import { type Filter, parseDecimal, type Predicate } from "./query.ts";
import type { SortKey, Sorting } from "./order.ts";

/** Compiled once per query, so that evaluating a lobby needs no lookups. */
export function compileFilter({ predicates, include }: Filter): (lobby: Summary) => boolean {
  const tests = predicates.map(compilePredicate);
  return (lobby) => isIncluded(lobby, include) && tests.every((test) => test(lobby));
}

/** Lists omit lobbies that cannot be joined now, unless the query includes them. */
const isIncluded = (line: Summary, include: Filter["include"]): boolean =>
  (include.in_game || line.state === "open") &&
  (include.closed || line.joinable || line.state === "in_game") &&
  (include.full || line.state === "in_game" || line.seats === null || line.member_count < line.seats);

export function compilePredicate({ field, op, values }: Predicate): (line: Summary) => boolean {
  const of = factOf(field);
  if (op === "contains")
    return (line) =>
      String(of(line))
        .toLowerCase()
        .includes(values[0] as string);
  const numbers = values.map((value) => (typeof value === "string" ? parseDecimal(value) : value));
  const truths = values.map(String);
  /** The operands in the type of the fact. The type of a data key differs from lobby to lobby. */
  const operandsFor = (fact: Fact): readonly Fact[] =>
    typeof fact === "number"
      ? numbers
      : typeof fact === "boolean"
        ? truths.map((word) => word === "true" || (word === "false" ? false : null))
        : values;
  if (op === "eq" || op === "in") return (line) => isAmong(of(line), operandsFor);
  if (op === "ne") return (line) => !isAmong(of(line), operandsFor);
  return (line) => {
    const fact = of(line);
    const value = fact === null ? null : operandsFor(fact)[0]!;
    if (fact === null || value === null || typeof fact !== typeof value) return false;
    if (op === "lt") return fact < value;
    if (op === "lte") return fact <= value;
    return op === "gt" ? fact > value : fact >= value;
  };
}

const isAmong = (fact: Fact, operandsFor: (fact: Fact) => readonly Fact[]): boolean =>
  fact !== null && operandsFor(fact).includes(fact);

// --- order -----------------------------------------------------------------------------------------------------

/** The sort key of a lobby: distances of `near`, then the ordered fields, then its id. */
export function sortKeyOf({ near, order }: Sorting): (line: Summary) => SortKey {
  const distances = near.map(({ field, value }) => {
    const of = factOf(field);
    return (line: Summary): Fact => {
      const fact = of(line);
      return typeof fact === "number" ? Math.abs(fact - value) : null;
    };
  });
  const facts = [...distances, ...order.map(({ field }) => factOf(field)), (line: Summary) => line.id];
  return (line) => facts.map((of) => of(line));
}

export const compareKeys = ({ near, order }: Sorting): ((a: SortKey, b: SortKey) => number) => {
  const descending = [...near.map(() => false), ...order.map((one) => one.descending), false];
  return (a, b) => {
    for (let at = 0; at < descending.length; at++) {
      const difference = compareFacts(a[at]!, b[at]!, descending[at]);
      if (difference !== 0) return difference;
    }
    return 0;
  };
};

/** Numbers by value, then texts by UTF-16 units, then booleans. A missing fact comes last in both directions. */
export function compareFacts(a: Fact, b: Fact, descending = false): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  const less = typeof a === typeof b ? a < b : RANKS.indexOf(typeof a) < RANKS.indexOf(typeof b);
  return less === descending ? 1 : -1;
}

const RANKS = ["number", "string", "boolean"];
