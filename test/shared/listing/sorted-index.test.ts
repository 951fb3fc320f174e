import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { MATCHES_PER_SET_MAX, SORTED_INDEXES_MAX } from "#shared/limits.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { compareKeys, sortKeyOf, compileFilter } from "#shared/listing/filter.ts";
import { parseQuery, type Query } from "#shared/listing/query.ts";
import { cursorAfter } from "#shared/listing/pagination.ts";
import { mergePages, type Page, LobbyListIndex } from "#shared/listing/sorted-index.ts";
import { ids, line, lines, means, predicate, time } from "../support/lines.ts";

const EVERYTHING: [string, string] = ["include", "full,closed,in_game"];

describe("a list", () => {
  test("omits lobbies that cannot be joined, unless the query includes them", () => {
    const all = [
      line("0-open"),
      line("0-password", { has_password: true }),
      line("0-uncounted", { seats: null, member_count: 99 }),
      line("0-full", { member_count: 4 }),
      line("0-shut", { joinable: false }),
      line("0-playing", { state: "in_game", member_count: 4 }),
    ];
    const shown = (include: string) => idsOf(pageOf(all, [["include", include]])).toSorted();
    const always = ["0-open", "0-password", "0-uncounted"];
    expect(shown("")).toStrictEqual(always);
    expect(shown("full")).toStrictEqual(["0-full", ...always]);
    expect(shown("closed")).toStrictEqual([...always, "0-shut"].toSorted());
    expect(shown("in_game")).toStrictEqual([...always, "0-playing"].toSorted());
    expect(shown("full,closed,in_game")).toStrictEqual(all.map(({ id }) => id).toSorted());
  });

  test("is sorted by newest, then id, or by the requested order", () => {
    const all = [
      line("0-b", { member_count: 2 }),
      line("0-a", { member_count: 3 }),
      line("0-c", { created_at: time(1) }),
    ];
    expect(idsOf(pageOf(all))).toStrictEqual(["0-c", "0-a", "0-b"]);
    expect(idsOf(pageOf(all, [["order", "created_at"]]))).toStrictEqual(["0-a", "0-b", "0-c"]);
    expect(idsOf(pageOf(all, [["order", "-member_count"]]))).toStrictEqual(["0-a", "0-b", "0-c"]);
    expect(idsOf(pageOf(all, [["order", "created_at,member_count"]]))).toStrictEqual(["0-b", "0-a", "0-c"]);
  });

  test("sorts missing values last in both directions", () => {
    const all = [line("0-none"), line("0-low", { data: { skill: 1 } }), line("0-high", { data: { skill: 9 } })];
    expect(idsOf(pageOf(all, [["order", "data[skill]"]]))).toStrictEqual(["0-low", "0-high", "0-none"]);
    expect(idsOf(pageOf(all, [["order", "-data[skill]"]]))).toStrictEqual(["0-high", "0-low", "0-none"]);
  });

  test("sorts by distance with `near`, and compares numbers as numbers", () => {
    const all = [900, 1_190, 1_250, 5_000].map((skill) => line(`0-${skill}`, { data: { skill } }));
    const near = (...parameters: [string, string][]) => idsOf(pageOf(all, [["near", "skill:1200"], ...parameters]));
    expect(near()).toStrictEqual(["0-1190", "0-1250", "0-900", "0-5000"]);
    expect(near(["data[skill][gte]", "1000"])).toStrictEqual(["0-1190", "0-1250", "0-5000"]);
  });

  test("returns the total count and only the requested fields on request", () => {
    const page = pageOf(
      [line("0-a"), line("0-b"), line("0-c", { member_count: 4 })],
      [
        ["count", "true"],
        ["limit", "1"],
        ["fields", "member_count,id"],
      ],
    );
    expect([page.count, page.more, page.items.map(({ json }) => json)]).toStrictEqual([
      2,
      true,
      ['{"id":"0-a","member_count":1}'],
    ]);
    expect(pageOf([line("0-a")]).count).toBeNull();
  });

  test("matches the same lobbies as a naive evaluation of its filter", () => {
    fc.assert(
      fc.property(lines(10), fc.array(predicate, { maxLength: 3 }), (all, predicates) => {
        const isPicked = compileFilter(queryOf([...predicates, EVERYTHING]));
        const wanted = all.filter((one) => predicates.every((each) => means(each, one)));
        expect(all.filter(isPicked)).toStrictEqual(wanted);
      }),
      { numRuns: 3_000 },
    );
  });
});

const order = fc
  .uniqueArray(
    fc.constantFrom("created_at", "name", "member_count", "seats", "slots", "has_password", "data[skill]", "data[map]"),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .chain((fields) => fc.tuple(...fields.map((field) => fc.constantFrom(field, `-${field}`))))
  .map((words): [string, string] => ["order", words.join()]);

const near = fc.constantFrom<[string, string][]>(
  [],
  [["near", "skill:5"]],
  [
    ["near", "skill:5.5"],
    ["near", "map:1"],
  ],
);

const asked = fc
  .tuple(order, near, fc.array(predicate, { maxLength: 2 }), fc.constantFrom("", "full", "full,closed,in_game"))
  .map(([order, near, predicates, include]): [string, string][] => [
    order,
    ...near,
    ...predicates,
    ["include", include],
  ]);

const limits = fc.integer({ min: 1, max: 7 });

describe("pages", () => {
  test("of any number of hubs form one list without gaps or duplicates", () => {
    fc.assert(
      fc.property(lines(), asked, fc.integer({ min: 1, max: 4 }), limits, (all, parameters, shards, limit) => {
        const houses = Array.from({ length: shards }, (_, at) => shelvesOf(all.filter((_, n) => n % shards === at)));
        expect(walk(houses, parameters, limit)).toStrictEqual(naively(all, parameters));
      }),
      { numRuns: 1_000 },
    );
  });

  test("show each unchanged lobby exactly once while others come, go and move", () => {
    const change = fc.tuple(fc.boolean(), ids, lines(1));
    fc.assert(
      fc.property(lines(), lines(10), fc.array(change), asked, limits, (still, moving, changes, parameters, limit) => {
        const fixed = new Set(still.map(({ id }) => id));
        const house = shelvesOf([...moving.filter(({ id }) => !fixed.has(id)), ...still]);
        const waiting = [...changes];
        const seen = walk([house], parameters, limit, () => {
          const [comes, id, [parts]] = waiting.pop() ?? [false, "", []];
          if (id === "" || fixed.has(id)) return;
          house.set(id, comes && parts !== undefined ? { ...parts, id } : null);
        });
        expect(seen.filter((id) => fixed.has(id))).toStrictEqual(naively(still, parameters));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["a value", "name"],
    ["a predicate", "name[contains]"],
  ])("stay correct while %s stops being selective and becomes so again", (_, name) => {
    const count = MATCHES_PER_SET_MAX * 3;
    const shelves = shelvesOf(
      Array.from({ length: count }, (_, at) => line(`0-${at}`, { name: at % 8 === 0 ? "rare" : "common" })),
    );
    const query = queryOf([
      [name, "rare"],
      ["seats[ne]", "5"],
      ["limit", "3"],
      ["count", "true"],
    ]);
    const check = (): void => {
      const all = [...shelves.values()].filter(({ name }) => name === "rare");
      const page = shelves.page(query);
      const first = all.map(({ id }) => id).toSorted();
      expect([page.count, idsOf(page)]).toStrictEqual([all.length, first.slice(0, 3)]);
    };
    check();
    const steps = [count, 0, count / 3, count / 8];
    for (const [at, wanted] of steps.entries()) {
      for (let n = 0; n < count; n++)
        shelves.set(`0-${n}`, line(`0-${n}`, { name: n < wanted ? "rare" : `step ${at}` }));
      check();
      shelves.set("0-1", null);
      check();
    }
  });

  test("are cached per query until a lobby changes", () => {
    const shelves = shelvesOf([line("0-a"), line("0-b")]);
    const first = shelves.page(queryOf([]));
    expect(shelves.page(queryOf([["limit", "50"]]))).toBe(first);
    shelves.set("0-unknown", null);
    expect(shelves.page(queryOf([]))).toBe(first);
    shelves.set("0-b", line("0-b", { member_count: 2 }));
    expect(shelves.page(queryOf([])).items).toHaveLength(2);
    expect(shelves.page(queryOf([]))).not.toBe(first);
  });

  test("are correct for more orders than the index cache holds", () => {
    const shelves = shelvesOf([line("0-a"), line("0-b", { data: { k0: 1 } })]);
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at <= SORTED_INDEXES_MAX + 1; at++) {
        expect(idsOf(shelves.page(queryOf([["order", `data[k${at}]`]])))).toStrictEqual(
          at === 0 ? ["0-b", "0-a"] : ["0-a", "0-b"],
        );
      }
      shelves.set(`0-c${round}`, line(`0-c${round}`));
      shelves.set(`0-c${round}`, null);
    }
  });
});

// --- makers ----------------------------------------------------------------------------------------------------

function queryOf(parameters: readonly [string, string][]): Query {
  const query = parseQuery(parameters);
  if ("invalid" in query) throw new Error(`${query.invalid} is wrong in ${JSON.stringify(parameters)}`);
  return query;
}

function shelvesOf(all: readonly Summary[]): LobbyListIndex {
  const shelves = new LobbyListIndex();
  for (const one of all) shelves.set(one.id, one);
  return shelves;
}

const pageOf = (all: readonly Summary[], parameters: [string, string][] = []): Page =>
  shelvesOf(all).page(queryOf(parameters));

const idsOf = (page: Page): string[] => page.items.map(({ json }) => (JSON.parse(json) as Summary).id);

/** The whole list, by sorting all lobbies. */
function naively(all: readonly Summary[], parameters: [string, string][]): string[] {
  const query = queryOf(parameters);
  const [key, compare] = [sortKeyOf(query), compareKeys(query)];
  return all
    .filter(compileFilter(query))
    .toSorted((a, b) => compare(key(a), key(b)))
    .map(({ id }) => id);
}

/** Reads page after page by cursor, as a client does. */
function walk(
  houses: readonly LobbyListIndex[],
  parameters: [string, string][],
  limit: number,
  meanwhile = (): void => {},
): string[] {
  const seen: string[] = [];
  let cursor: [string, string][] = [];
  for (let turned = 0; turned <= 200; turned++) {
    const query = queryOf([...parameters, ...cursor, ["limit", String(limit)]]);
    const merged = mergePages(
      houses.map((house) => house.page(query)),
      query,
    );
    expect(merged.items.length).toBeLessThanOrEqual(limit);
    seen.push(...idsOf(merged));
    const last = merged.items.at(-1);
    if (!merged.more || last === undefined) return seen;
    cursor = [["cursor", cursorAfter(last.key, query)]];
    meanwhile();
  }
  throw new Error("the pages never end");
}
