import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PAGE_DEFAULT, PAGE_MAX } from "#shared/limits.ts";
import { cursorAfter, isListed, mergePages, newestFirst, page, parseQuery } from "#shared/listing.ts";
import { type Page, type Query, queryText } from "#shared/listing.ts";
import type { Lobby } from "#shared/lobby.ts";
import { summarise } from "#shared/views.ts";
import { after, goesAway, lobbyOf, POLICY, startedLobbyOf, T0 } from "./lobbies.ts";

const ALL = { full: true, in_game: true };
const query = (parts: Partial<Query> = {}): Query => ({
  limit: PAGE_DEFAULT,
  after: null,
  wire: null,
  include: { full: false, in_game: false },
  ...parts,
});

describe("a list", () => {
  test("shows open lobbies with a seat left, with or without a password", () => {
    expect(shown(lobbyOf(["Alice"]))).toBe(true);
    expect(shown(lobbyOf(["Alice"], { lock: "digest" }))).toBe(true);
  });

  test("shows full ones only when asked", () => {
    const full = lobbyOf(["Alice", "Bob"], { seats: 2 });
    expect(shown(full)).toBe(false);
    expect(shown(full, { in_game: true })).toBe(false);
    expect(shown(full, { full: true })).toBe(true);
  });

  test("shows started ones only when asked, however many play there", () => {
    for (const seats of [2, 4]) {
      const started = startedLobbyOf(["Alice", "Bob"], { seats });
      expect(shown(started)).toBe(false);
      expect(shown(started, { full: true })).toBe(false);
      expect(shown(started, { in_game: true })).toBe(true);
    }
  });

  test("never shows what does not want to be listed", () => {
    const unlisted = lobbyOf(["Alice"], { policy: { ...POLICY, listed: false } });
    expect(shown(unlisted, ALL)).toBe(false);
  });

  test("never shows a lobby whose host cannot be reached, but one where a guest cannot", () => {
    expect(shown(after(lobbyOf(["Dave", "Alice"]), goesAway("south")), ALL)).toBe(false);
    expect(shown(after(lobbyOf(["Alice", "Dave"]), goesAway("south")))).toBe(true);
  });
});

describe("the order", () => {
  test("is newest first, then by id", () => {
    const places = [
      { created_at: 1, id: "b" },
      { created_at: 2, id: "b" },
      { created_at: 2, id: "a" },
      { created_at: 3, id: "c" },
    ];
    const ordered = places.toSorted(newestFirst).map(({ created_at, id }) => `${created_at}${id}`);
    expect(ordered).toStrictEqual(["3c", "2a", "2b", "1b"]);
    expect(newestFirst(places[0]!, { ...places[0]! })).toBe(0);
  });
});

describe("pages", () => {
  test("end where the list ends, and say so", () => {
    const lobbies = [made(3, "a"), made(2, "b"), made(1, "c")];
    expect(page(lobbies, query({ limit: 3 })).more).toBe(false);
    const first = page(lobbies, query({ limit: 2 }));
    expect(idsOf(first)).toStrictEqual(["a", "b"]);
    expect(first.more).toBe(true);
    expect(page([], query())).toStrictEqual({ lobbies: [], more: false });
  });

  test("promise no more when what follows is hidden", () => {
    const hidden = startedLobbyOf(["Alice", "Bob"], { id: "0-hidden" });
    expect(page([made(T0 + 1, "a"), hidden], query({ limit: 1 })).more).toBe(false);
  });

  test("go on after a lobby that has gone meanwhile", () => {
    const rest = page([made(3, "a"), made(1, "c")], query({ after: { created_at: 2, id: "b" } }));
    expect(idsOf(rest)).toStrictEqual(["c"]);
  });

  test("of several shards make one, in order, with no more lines than were asked for", () => {
    const one: Page = { lobbies: [made(4, "a"), made(1, "d")].map(summarise), more: false };
    const other: Page = { lobbies: [made(3, "b"), made(2, "c")].map(summarise), more: false };
    expect(idsOf(mergePages([one, other], 4))).toStrictEqual(["a", "b", "c", "d"]);
    expect(mergePages([one, other], 4).more).toBe(false);
    expect(mergePages([one, other], 3)).toMatchObject({ more: true });
    expect(idsOf(mergePages([one, other], 3))).toStrictEqual(["a", "b", "c"]);
    expect(mergePages([one, { ...other, more: true }], 4).more).toBe(true);
    expect(mergePages([], 4)).toStrictEqual({ lobbies: [], more: false });
  });

  test("neither repeat nor skip a lobby, over however many shards it is cut", () => {
    fc.assert(
      fc.property(lobbies, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 7 }), (all, shards, limit) => {
        const houses = Array.from({ length: shards }, (_, shard) =>
          all.filter((_, at) => at % shards === shard).toSorted(newestFirst),
        );
        const wanted = all
          .filter((lobby) => isListed(lobby, query()))
          .toSorted(newestFirst)
          .map((lobby) => lobby.id);
        expect(walk(houses, limit)).toStrictEqual(wanted);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a query", () => {
  test("that says nothing asks for the first page of joinable lobbies", () => {
    expect(parse({})).toStrictEqual(query());
    expect(parse({ include: "", something: "else" })).toStrictEqual(query());
  });

  test("may name how many, where to go on, and what to include", () => {
    const cursor = cursorAfter(summarise(made(T0, "0-abc")));
    expect(parse({ limit: "1", cursor, include: "full" })).toStrictEqual({
      limit: 1,
      after: { created_at: T0, id: "0-abc" },
      wire: null,
      include: { full: true, in_game: false },
    });
    expect(parse({ limit: String(PAGE_MAX), include: "in_game,full" })).toStrictEqual(
      query({ limit: PAGE_MAX, include: ALL }),
    );
  });

  test.each(["0", "-1", String(PAGE_MAX + 1), "1.5", "ten", "", "NaN", "Infinity", "1,2"])(
    "has no limit %j",
    (limit) => {
      expect(parse({ limit })).toStrictEqual({ wrong: "limit" });
    },
  );

  test.each(
    [
      ["", ".", "abc", "abc.", ".abc", "abc.ABC", "abc.a b", "-1.abc", "a.b.c", "abc.abc\n", "abc.é"],
      ["zzzzzzzzzzz.abc", "zzzzzzzzzzzz.abc", `abc.${"a".repeat(65)}`, '{"id":1}', "abc.__proto__"],
    ].flat(),
  )("has no cursor %j", (cursor) => {
    expect(parse({ cursor })).toStrictEqual({ wrong: "cursor" });
  });

  test.each(["secrets", "FULL", "full;in_game", "full, in_game", "__proto__"])("includes no %j", (include) => {
    expect(parse({ include })).toStrictEqual({ wrong: "include" });
  });

  test("comes back from its cursor", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8.64e15 }), ids, (created_at, id) => {
        const cursor = cursorAfter(summarise(made(created_at, id)));
        expect(parse({ cursor })).toStrictEqual(query({ after: { created_at, id } }));
      }),
    );
  });

  test("has one text, however it was written", () => {
    const one = parse({ include: "full,in_game", limit: "50" }) as Query;
    const other = parse({ include: "in_game,full,full" }) as Query;
    expect(queryText(one)).toBe(queryText(other));
  });

  test("has another text than every other query", () => {
    const queries = [
      query(),
      query({ limit: 49 }),
      query({ after: { created_at: 1, id: "a" } }),
      query({ after: { created_at: 1, id: "b" } }),
      query({ include: { full: true, in_game: false } }),
      query({ include: { full: false, in_game: true } }),
    ];
    expect(new Set(queries.map(queryText)).size).toBe(queries.length);
  });
});

// --- makers ----------------------------------------------------------------------------------------------------

function shown(lobby: Lobby, include: Partial<Query["include"]> = {}): boolean {
  return isListed(lobby, query({ include: { full: false, in_game: false, ...include } }));
}

const OPEN = lobbyOf(["Alice"]);
const SAMPLES = [OPEN, OPEN, OPEN, startedLobbyOf(["Alice", "Bob"]), lobbyOf(["Alice", "Bob"], { seats: 2 })];

const made = (created_at: number, id: string): Lobby => ({ ...OPEN, created_at, updated_at: created_at, id });

const ids = fc.stringMatching(/^[0-9a-z]{1,2}-[0-9a-z]{1,40}$/);

/** Ids differ, times often do not. */
const lobbies = fc
  .uniqueArray(ids, { maxLength: 40 })
  .chain((unique) =>
    fc.tuple(
      ...unique.map((id) =>
        fc
          .tuple(fc.constantFrom(...SAMPLES), fc.integer({ min: T0, max: T0 + 3 }))
          .map(([lobby, created_at]): Lobby => ({ ...lobby, id, created_at })),
      ),
    ),
  );

/** Turns page after page as a client does, with nothing but the cursor in hand. */
function walk(houses: readonly (readonly Lobby[])[], limit: number): string[] {
  const seen: string[] = [];
  let asked = query({ limit });
  for (let turned = 0; turned <= 50; turned++) {
    const merged = mergePages(
      houses.map((house) => page(house, asked)),
      limit,
    );
    expect(merged.lobbies.length).toBeLessThanOrEqual(limit);
    seen.push(...idsOf(merged));
    const last = merged.lobbies.at(-1);
    if (!merged.more || last === undefined) return seen;
    asked = parse({ limit: String(limit), cursor: cursorAfter(last) }) as Query;
  }
  throw new Error("the pages never end");
}

const idsOf = (list: Page): string[] => list.lobbies.map((summary) => summary.id);

const parse = (parameters: Record<string, string>): ReturnType<typeof parseQuery> =>
  parseQuery(new Map(Object.entries(parameters)));
