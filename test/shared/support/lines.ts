/** Lines of lists as tests need them: one that says everything, random ones, and a reading of filters word by word. */
import * as fc from "../../support/fc.ts";
import type { Fact } from "#shared/listing/listing.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { T0 } from "./lobbies.ts";

export const line = (id: string, parts: Partial<Summary> = {}): Summary => ({
  id,
  name: "Nice",
  wire: "native",
  state: "open",
  version: null,
  member_count: 1,
  seats: 4,
  has_password: false,
  joinable: true,
  approval: false,
  reachability: "udp",
  data: {},
  join: { wire: "native" },
  created_at: time(0),
  updated_at: time(0),
  revision: 1,
  ...parts,
});

export const time = (ms: number): string => new Date(T0 + ms).toISOString();

export const ids = fc.stringMatching(/^[0-9a-z]{1,2}-[0-9a-z]{1,40}$/);

const value = fc.oneof(
  fc.integer({ min: -2, max: 12 }),
  fc.constantFrom("forest", "7", "10", "true", ""),
  fc.boolean(),
);

/** Few different values, so that many lines tie. */
const anyLine = fc.record({
  name: fc.constantFrom("Nice", "nice", "Zoo", "a~b_c", "Ünï 🎮", ""),
  wire: fc.constantFrom("native", "rabid", "dowsett"),
  state: fc.constantFrom("open", "open", "open", "in_game"),
  version: fc.constantFrom(null, "1.4", "1.10"),
  member_count: fc.integer({ min: 1, max: 5 }),
  seats: fc.constantFrom(null, 4, 5),
  has_password: fc.boolean(),
  joinable: fc.constantFrom(true, true, false),
  data: fc.dictionary(fc.constantFrom("map", "skill", "toString"), value, { noNullPrototype: true }),
  created_at: fc.integer({ min: 0, max: 3 }).map(time),
  updated_at: fc.integer({ min: 0, max: 3 }).map(time),
});

export const lines = (maxLength = 40): fc.Arbitrary<Summary[]> =>
  fc
    .uniqueArray(fc.tuple(ids, anyLine), { maxLength, selector: ([id]) => id })
    .map((all) => all.map(([id, parts]) => line(id, parts as Partial<Summary>)));

const operator = fc.constantFrom("eq", "ne", "lt", "lte", "gt", "gte");
const number = fc.integer({ min: -2, max: 12 }).map(String);

/** A predicate as a URL writes it. */
export const predicate: fc.Arbitrary<[string, string]> = fc.oneof(
  fc.tuple(fc.constantFrom("member_count", "seats", "slots"), operator, number).map(bracketed),
  fc.tuple(fc.constantFrom("name", "version"), operator, fc.constantFrom("Nice", "Zoo", "1.4", "b")).map(bracketed),
  fc
    .tuple(fc.constantFrom("created_at", "updated_at"), operator, fc.integer({ min: 0, max: 3 }).map(time))
    .map(bracketed),
  fc
    .tuple(
      fc.constantFrom("data[map]", "data[skill]", "data[toString]"),
      operator,
      fc.oneof(number, fc.constantFrom("forest", "true", "false")),
    )
    .map(bracketed),
  fc.tuple(fc.constantFrom("has_password", "joinable"), fc.constantFrom("true", "false")),
  fc.constantFrom<[string, string]>(
    ["name[contains]", "NI"],
    ["wire[in]", "rabid,dowsett"],
    ["data[map][in]", "7,forest,true"],
  ),
);

function bracketed([field, op, text]: [string, string, string]): [string, string] {
  return [`${field}[${op}]`, text];
}

/** What a predicate means, read word by word and without any haste. */
export function means([name, text]: readonly [string, string], of: Summary): boolean {
  const [, field, , op] = /^(\w+(\[\w+\])??)(?:\[(eq|ne|lt|lte|gt|gte|in|contains)\])?$/.exec(name)!;
  const fact = naiveFact(field!, of);
  if (op === "contains") return String(fact).toLowerCase().includes(text.toLowerCase());
  const same = (word: string): boolean =>
    typeof fact === "number"
      ? /^-?[\d.]+$/.test(word) && fact === Number(word)
      : fact !== null && String(fact) === word;
  if (op === "in") return text.split(",").some(same);
  if (op === "ne") return !same(text);
  if (op === undefined || op === "eq") return same(text);
  if (fact === null) return false;
  if (typeof fact === "number" && !/^-?[\d.]+$/.test(text)) return false;
  if (typeof fact === "boolean" && text !== "true" && text !== "false") return false;
  const [a, b] = typeof fact === "number" ? [fact, Number(text)] : [String(fact), text];
  return { lt: a < b, lte: a <= b, gt: a > b, gte: a >= b }[op as "lt"];
}

function naiveFact(field: string, of: Summary): Fact {
  const key = /^data\[(.*)\]$/.exec(field)?.[1];
  if (key !== undefined) return new Map<string, Fact>(Object.entries(of.data)).get(key) ?? null;
  if (field === "slots") return of.seats === null ? 128 - of.member_count : of.seats - of.member_count;
  return of[field as "name"];
}
