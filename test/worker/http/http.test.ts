import { beforeAll, describe, expect, test } from "vitest";
import type { LobbyView } from "#shared/api/lobbies.ts";
import { GRACE_DEFAULT_S } from "#shared/limits.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { shardOf, shardOfId } from "#shared/lobby/ids.ts";
import {
  ask,
  betrayed,
  EVERYTHING,
  LIST,
  LIST_CACHE,
  listOf,
  plant,
  PLAZAS,
  problemOf,
  words,
} from "../support/http-fixture.ts";
import { ORIGIN } from "../support/sidecar.ts";

beforeAll(plant);

describe("lobby list", () => {
  test("a list has one line per lobby with public fields only", async () => {
    const { lobbies, next_cursor } = await listOf(EVERYTHING);
    expect(next_cursor).toBeNull();
    expect(lobbies.find(({ name }) => name === "Playing")).toStrictEqual({
      id: expect.stringMatching(/^[01]-[0-9a-v]{26}$/),
      name: "Playing",
      wire: "rabid",
      state: "in_game",
      member_count: 2,
      seats: 4,
      has_password: false,
      joinable: true,
      approval: false,
      reachability: "udp",
      version: null,
      data: {},
      join: { wire: "rabid", session: "Playing" },
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: expect.stringMatching(/Z$/),
      revision: 3,
    });
    expect(lobbies.find(({ name }) => name === "Locked")).toMatchObject({
      has_password: true,
      state: "open",
      revision: 1,
    });
  });

  test("a list is sorted newest first across both shards", async () => {
    const { lobbies } = await listOf(EVERYTHING);
    expect(lobbies.slice(3).map(({ name }) => name)).toStrictEqual(PLAZAS.toReversed());
    expect(
      lobbies
        .slice(0, 3)
        .map(({ name }) => name)
        .toSorted(),
    ).toStrictEqual(["Full", "Locked", "Playing"]);
    expect(lobbies.slice(0, 3).map(({ id }) => id)).toStrictEqual(
      lobbies
        .slice(0, 3)
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(new Set(lobbies.map(({ id }) => shardOfId(id)))).toStrictEqual(new Set([0, 1]));
    for (const { id, name } of lobbies) expect(shardOfId(id)).toBe(shardOf("rabid", name, 2));
  });

  test.each([
    ["", []],
    ["include=", []],
    ["include=full", ["Full"]],
    ["include=in_game", ["Playing"]],
    ["include=in_game,full", ["Full", "Playing"]],
    ["include=full&x_colour=red", ["Full"]],
  ])("the list with '%s' shows, beside the locked lobby, %j", async (query, shown) => {
    const names = (await listOf(`${LIST}?${query}`)).lobbies
      .map(({ name }) => name)
      .filter((name) => !name.startsWith("Plaza"));
    expect(names.toSorted()).toStrictEqual([...shown, "Locked"].toSorted());
  });

  test.each([1, 2, 3, 5, 11])("pages of %i lines make up the same list, without gaps or repeats", async (limit) => {
    const whole = (await listOf(EVERYTHING)).lobbies;
    const lines: Summary[] = [];
    let pages = 0;
    for (let next: string | null = `${LIST}?include=full,in_game&limit=${limit}`; next !== null; pages++) {
      const response = await ask(next);
      const { lobbies, next_cursor } = await response.json<{ lobbies: Summary[]; next_cursor: string | null }>();
      lines.push(...lobbies);
      const link = /^<(\/[^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "");
      next = link?.[1] ?? null;
      const cursor = next === null ? null : new URL(next, ORIGIN).searchParams.get("cursor");
      expect(cursor).toBe(next_cursor);
    }
    expect(lines).toStrictEqual(whole);
    expect(pages).toBe(Math.ceil(whole.length / limit));
  });

  test("a game without lobbies has an empty list", async () => {
    const response = await ask("/v1/games/nobody-plays-this/lobbies");
    expect(response.status).toBe(200);
    expect(await response.json()).toStrictEqual({ lobbies: [], next_cursor: null });
  });
});

describe("single lobby", () => {
  test("a lobby's view is its line with the members' names", async () => {
    const line = (await listOf(EVERYTHING)).lobbies.find(({ name }) => name === "Playing")!;
    const response = await ask(`${LIST}/${line.id}`);
    const at = { state: "present", joined_at: line.created_at } as const;
    expect(await response.json()).toStrictEqual({
      ...line,
      visibility: "public",
      host_policy: "automatic",
      host_grace_s: GRACE_DEFAULT_S,
      member_grace_s: GRACE_DEFAULT_S,
      consent: "automatic",
      relay: "auto",
      host: null,
      term: 1,
      join: { wire: "rabid", session: "Playing" },
      members: [
        { peer_id: null, name: "Alice", host: true, ...at },
        { peer_id: null, name: "Bob", host: false, ...at },
      ],
    } satisfies LobbyView);
    expect(response.headers.get("cache-control")).toBe(LIST_CACHE);
  });

  test.each([
    ...words("0-aaaaaaaaaaaaaaaaaaaaaaaaaa 1-aaaaaaaaaaaaaaaaaaaaaaaaaa 2-aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ...words("zz-aaaaaaaaaaaaaaaaaaaaaaaaaa 0-AAAAAAAAAAAAAAAAAAAAAAAAAA 0-short Plaza%200 __proto__ %F0%9F%8E%AE"),
  ])("a lobby with the id %s is not found", async (id) => {
    expect(await problemOf(await ask(`${LIST}/${id}`))).toMatchObject({ status: 404, code: "lobby_not_found" });
  });

  test("a lobby is not found in another game", async () => {
    const { id } = (await listOf(`${LIST}?limit=1`)).lobbies[0]!;
    expect((await ask(`/v1/games/another/lobbies/${id}`)).status).toBe(404);
  });
});

describe("conditional requests", () => {
  test.each(["list", "lobby"])("an unchanged %s returns 304", async (what) => {
    const path = what === "list" ? `${LIST}?limit=2` : `${LIST}/${(await listOf(`${LIST}?limit=1`)).lobbies[0]!.id}`;
    const first = await ask(path);
    const etag = first.headers.get("etag")!;
    expect(etag).toMatch(what === "list" ? /^"[0-9a-z]{1,7}-[0-9a-z]{1,7}"$/ : /^"v[0-9]+-s"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await ask(path, { headers: { "if-none-match": known } });
      expect([again.status, await again.text(), again.headers.get("etag")]).toStrictEqual([304, "", etag]);
      expect(again.headers.get("cache-control")).toBe(LIST_CACHE);
      expect(again.headers.get("link")).toBe(first.headers.get("link"));
      expect(again.headers.get("access-control-allow-origin")).toBe("*");
    }
    for (const other of ['"other"', etag.slice(1, -1), ""]) {
      expect((await ask(path, { headers: { "if-none-match": other } })).status).toBe(200);
    }
  });

  test("another page has another ETag", async () => {
    const answers = await Promise.all([`${LIST}?limit=1`, `${LIST}?limit=2`, EVERYTHING].map((path) => ask(path)));
    expect(new Set(answers.map(({ headers }) => headers.get("etag"))).size).toBe(3);
  });
});

// Last, because it checks the responses of all tests above.
test("no response reveals an address, port, digest, note, key or sidecar to a non-member", async () => {
  for (const { id } of (await listOf(EVERYTHING)).lobbies) await ask(`${LIST}/${id}`);
  expect(betrayed()).toStrictEqual([]);
});
