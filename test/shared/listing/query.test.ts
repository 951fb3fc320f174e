import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { OPERAND_LENGTH_MAX, OPERANDS_MAX, PAGE_DEFAULT, PAGE_MAX, PREDICATES_MAX } from "#shared/limits.ts";
import { parseFilterParameters, parseQuery, type Query, queryText } from "#shared/listing/query.ts";
import { cursorAfter } from "#shared/listing/pagination.ts";
import { T0 } from "../support/lobbies.ts";

const NOTHING: Query = {
  predicates: [],
  include: { full: false, closed: false, in_game: false },
  near: [],
  order: [{ field: "created_at", descending: true }],
  limit: PAGE_DEFAULT,
  after: null,
  count: false,
  fields: null,
};

describe("a query", () => {
  test("without parameters requests the newest joinable lobbies", () => {
    expect(parse("")).toStrictEqual(NOTHING);
    expect(parse("include=&x_something=else")).toStrictEqual(NOTHING);
  });

  test.each<[string, Query["predicates"][number]]>([
    ["member_count=2", { field: "member_count", op: "eq", values: [2] }],
    ["member_count[gte]=2", { field: "member_count", op: "gte", values: [2] }],
    ["seats[in]=2,4", { field: "seats", op: "in", values: [2, 4] }],
    ["slots[lt]=-0.5", { field: "slots", op: "lt", values: [-0.5] }],
    ["has_password=false", { field: "has_password", op: "eq", values: [false] }],
    ["version=1.10", { field: "version", op: "eq", values: ["1.10"] }],
    ["wire[in]=rabid,native", { field: "wire", op: "in", values: ["rabid", "native"] }],
    ["state[ne]=in_game", { field: "state", op: "ne", values: ["in_game"] }],
    ["name=", { field: "name", op: "eq", values: [""] }],
    ["name[contains]=NICE", { field: "name", op: "contains", values: ["nice"] }],
    [
      "created_at[gt]=2025-01-01T01:00:00%2B01:00",
      { field: "created_at", op: "gt", values: [new Date(T0).toISOString()] },
    ],
    ["data[map]=forest", { field: "data[map]", op: "eq", values: ["forest"] }],
    ["data[skill][gte]=900", { field: "data[skill]", op: "gte", values: ["900"] }],
    ["data[eq][eq]=eq", { field: "data[eq]", op: "eq", values: ["eq"] }],
    ["data[constructor][ne]=1", { field: "data[constructor]", op: "ne", values: ["1"] }],
  ])("accepts the filter %s", (text, predicate) => {
    expect(parse(text)).toStrictEqual({ ...NOTHING, predicates: [predicate] });
  });

  test("accepts several predicates of a field, and an order", () => {
    const text =
      "member_count[gte]=2&member_count[lt]=4&near=skill:1200&near=ping:-3.5&order=-updated_at,data[map]&limit=100&count=true";
    expect(parse(`${text}&fields=name,id&include=in_game,full,closed`)).toStrictEqual({
      predicates: [
        { field: "member_count", op: "gte", values: [2] },
        { field: "member_count", op: "lt", values: [4] },
      ],
      include: { full: true, closed: true, in_game: true },
      near: [
        { field: "data[skill]", value: 1_200 },
        { field: "data[ping]", value: -3.5 },
      ],
      order: [
        { field: "updated_at", descending: true },
        { field: "data[map]", descending: false },
      ],
      limit: PAGE_MAX,
      after: null,
      count: true,
      fields: ["id", "name"],
    });
  });

  test.each([
    ["limit", ["0", "-1", "1.5", "ten", "", "NaN", "Infinity", "1,2", "1e1"]],
    ["include", ["secrets", "FULL", "full;in_game", "full, in_game", "__proto__"]],
    ["count", ["", "1", "yes", "TRUE"]],
    ["fields", ["", "id,", "code", "id,lock", "__proto__", "toString", "ID"]],
    ["near", ["", "skill", "skill:", ":1", "skill:x", "skill:1e9", "a b:1", "a[b]:1", "__proto__:1", "skill:NaN"]],
    [
      "order",
      [
        "",
        "-",
        "id",
        "secret",
        "name,name",
        "name,-name",
        "+name",
        "--name",
        "member_count,seats,name,wire",
        "data",
        "data[]",
        "data[__proto__]",
        "name[eq]",
      ],
    ],
    ["member_count", ["", "two", "1e3", "0x10", "Infinity", " 1", "1 "]],
    ["member_count[like]", ["2"]],
    ["member_count[contains]", ["2"]],
    ["version[contains]", ["1"]],
    ["name[contains]", ["", "a".repeat(OPERAND_LENGTH_MAX + 1)]],
    ["name", ["a".repeat(OPERAND_LENGTH_MAX + 1)]],
    ["name[in]", [Array.from({ length: OPERANDS_MAX + 1 }, () => "a").join()]],
    ["wire", ["steam", "", "__proto__", "RABID"]],
    ["state[ne]", ["started"]],
    ["has_password", ["", "1", "yes"]],
    ["created_at[lt]", ["", "yesterday", "2025", "2025-01-01", "2025-13-01T00:00:00Z", "1735689600000"]],
    ["data[map][like]", ["forest"]],
    ["data[]", ["x"]],
    ["data[__proto__]", ["x"]],
    ["data[0]", ["x"]],
    ["member_count[]", ["2"]],
    ["member_count[gte][gte]", ["2"]],
    ["colour[eq]", ["red"]],
    ["__proto__[eq]", ["1"]],
  ])("is refused with the name of the invalid parameter: %s", (name, values) => {
    for (const value of values) {
      expect([value, parseQuery([[name, value]])]).toStrictEqual([value, { invalid: name }]);
    }
  });

  test("is refused with too many predicates or a repeated parameter", () => {
    const many = Array.from({ length: PREDICATES_MAX + 1 }, (_, at): [string, string] => [`data[k${at}]`, "1"]);
    expect(parseQuery(many.slice(1))).toMatchObject({ predicates: { length: PREDICATES_MAX } });
    expect(parseQuery(many)).toStrictEqual({ invalid: `data[k${PREDICATES_MAX}]` });
    expect(parse("near=a:1&near=b:1&near=c:1")).toStrictEqual({ invalid: "near" });
    for (const name of ["limit", "cursor", "include", "order", "count", "fields"]) {
      expect(parse(`${name}=1&${name}=1`)).toStrictEqual({ invalid: name });
    }
  });

  test("with arbitrary parameter names is refused without repeating them", () => {
    expect(parseQuery([["<script>[eq]", "1"]])).toStrictEqual({ invalid: "filter" });
    expect(parseQuery([[`data[${"a".repeat(200)}]`, "1"]])).toStrictEqual({ invalid: "filter" });
  });

  test("has one canonical text for all spellings", () => {
    expect(text("include=full,in_game&limit=50&member_count=2&name=a")).toBe(
      text("name=a&member_count[eq]=2&include=in_game,full,full"),
    );
    const asked = [
      "",
      "limit=49",
      "member_count=2",
      "member_count[ne]=2",
      "member_count=3",
      "data[members]=2",
      "near=a:1",
      "near=a:2",
    ];
    const more = [
      "order=name",
      "order=-name",
      "count=true",
      "fields=id",
      "include=full",
      "include=closed",
      "include=in_game",
    ];
    expect(new Set([...asked, ...more].map(text)).size).toBe(asked.length + more.length);
  });

  test("never throws for any parameters", () => {
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom("near", "order", "cursor", "fields", "data[a][in]", "name", "created_at"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string({ unit: "binary" }))), (parameters) => {
        parseQuery(parameters);
        parseFilterParameters(parameters);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a filter alone", () => {
  test("accepts predicates and `include`, and nothing else", () => {
    const predicates = [{ field: "member_count", op: "eq", values: [2] }];
    expect(
      parseFilterParameters([
        ["member_count", "2"],
        ["include", "full"],
      ]),
    ).toStrictEqual({
      predicates,
      include: { full: true, closed: false, in_game: false },
    });
    for (const name of ["limit", "cursor", "order", "near", "fields", "count", "colour[eq]"]) {
      expect(parseFilterParameters([[name, "1"]])).toStrictEqual({ invalid: name });
    }
  });
});

describe("a cursor", () => {
  const fact = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  );

  test("decodes to the sort key it was made of", () => {
    const sorting = "near=skill:1&order=name,-data[map]";
    fc.assert(
      fc.property(fc.tuple(fact, fact, fact, fc.string()), (key) => {
        const cursor = cursorAfter(key, parse(sorting) as Query);
        fc.pre(cursor.length < 4_000);
        expect(cursor).toMatch(/^[\w~-]*$/);
        // JSON knows no negative zero, and neither does any order.
        expect(JSON.stringify((parse(`${sorting}&cursor=${cursor}`) as Query).after)).toBe(JSON.stringify(key));
      }),
    );
  });

  test("of another order is refused", () => {
    const cursor = cursorAfter(["x", "0-a"], parse("order=name") as Query);
    expect(parse(`order=name&limit=7&cursor=${cursor}`)).toMatchObject({ after: ["x", "0-a"] });
    for (const other of ["", "order=-name", "order=version", "order=name,seats", "near=skill:1&order=name"]) {
      expect(parse(`${other}&cursor=${cursor}`)).toStrictEqual({ invalid: "cursor" });
    }
  });

  test("that was tampered with is refused", () => {
    const good = cursorAfter(["2025-01-01T00:00:00.000Z", "0-a"], NOTHING);
    const [print, at, id] = good.split("~") as [string, string, string];
    const bad = [
      "",
      "~",
      print,
      `${print}~${at}`,
      `${good}~${id}`,
      `x~${at}~${id}`,
      `${print}~${at}~n5`,
      `${print}~${at}~z`,
    ];
    const facts = ["", "n", "nx", "nInfinity", "n0x", "b", "bmaybe", "zz", "s_00", "s_XXXX", "s.", "q1", "s é"];
    for (const cursor of [
      ...bad,
      ...facts.map((part) => `${print}~${part}~${id}`),
      `${print}~s${"a".repeat(5_000)}~${id}`,
    ]) {
      expect([cursor, parseQuery([["cursor", cursor]])]).toStrictEqual([cursor, { invalid: "cursor" }]);
    }
    expect(parseQuery([["cursor", good]])).toMatchObject({ after: ["2025-01-01T00:00:00.000Z", "0-a"] });
  });
});

const parse = (text: string): ReturnType<typeof parseQuery> => parseQuery(new URLSearchParams(text));
const text = (search: string): string => queryText(parse(search) as Query);
