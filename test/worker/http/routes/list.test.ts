import { beforeAll, describe, expect, test } from "vitest";
import type { Summary } from "#shared/listing/summary.ts";
import { freeOfCharge, Player } from "../../support/player.ts";
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
} from "../../support/http-fixture.ts";
import { ORIGIN } from "../../support/sidecar.ts";

beforeAll(plant);

describe("a list over two hubs", () => {
  test.each([
    ["name[contains]=LAZA 3", ["Plaza 3"]],
    ["name[in]=Plaza 1,Plaza 7,Nowhere", ["Plaza 7", "Plaza 1"]],
    ["name[gte]=Plaza 8", ["Plaza 8"]],
    ["has_password=true", ["Locked"]],
    ["seats[lte]=2&include=full&order=name", ["Full", "Locked"]],
    ["slots[gt]=2&name[ne]=Plaza 0&limit=2", ["Plaza 8", "Plaza 7"]],
    ["state=in_game&include=in_game", ["Playing"]],
    ["wire[ne]=rabid", []],
    ["member_count[gte]=2&include=full,closed,in_game", ["Playing"]],
    ["order=name&limit=3", ["Locked", "Plaza 0", "Plaza 1"]],
    ["order=-name,created_at&limit=2", ["Plaza 8", "Plaza 7"]],
    ["order=seats,-name&limit=2", ["Locked", "Plaza 8"]],
    ["near=skill:5&limit=1&order=created_at", ["Plaza 0"]],
    ["data[map]=forest", []],
  ])("the list answers %s", async (query, names) => {
    const { lobbies } = await listOf(`${LIST}?${encodeURI(query)}`);
    expect(lobbies.map(({ name }) => name)).toStrictEqual(names);
  });

  test.each(["order=name", "order=-seats,-name", "order=has_password,updated_at", "near=skill:1&order=-name"])(
    "pages by %s make up the same list by their links",
    async (order) => {
      const whole = (await listOf(`${EVERYTHING}&${order}`)).lobbies;
      const lines: Summary[] = [];
      let next: string | undefined = `${LIST}?include=full,in_game,closed&limit=5&${order}`;
      while (next !== undefined) {
        const response = await ask(next);
        const page = await response.json<{ lobbies: Summary[]; next_cursor: string | null }>();
        lines.push(...page.lobbies);
        next = /^<(\/[^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
        const cursor = next === undefined ? null : new URL(next, ORIGIN).searchParams.get("cursor");
        expect(page.next_cursor).toBe(cursor);
      }
      expect(lines).toStrictEqual(whole);
    },
  );

  test("count and fields are returned on request", async () => {
    const page = await (await ask(`${LIST}?count=true&fields=name&limit=1&order=name`)).json();
    expect(page).toStrictEqual({
      lobbies: [{ name: "Locked" }],
      next_cursor: expect.any(String),
      count: PLAZAS.length + 1,
    });
  });

  test("equal requests share one ETag until a lobby changes", async () => {
    const asked = ["member_count[gte]=1&name[contains]=plaza", "name[contains]=PLAZA&member_count[gte]=1"];
    const [first, second] = await Promise.all(asked.map((query) => ask(`${LIST}?${query}`)));
    const etag = first!.headers.get("etag")!;
    expect(second!.headers.get("etag")).toBe(etag);
    const again = await ask(`${LIST}?${asked[0]}`, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text(), again.headers.get("cache-control")]).toStrictEqual([304, "", LIST_CACHE]);
  });

  test.each([
    ["name[like]=x", "name[like]"],
    ["seats[contains]=2", "seats[contains]"],
    ["colour[eq]=red", "colour[eq]"],
    ["order=secret", "order"],
    ["near=skill", "near"],
    ["fields=lock", "fields"],
    ["count=1", "count"],
    ["order=name&cursor=x~sPlaza~s0-a", "cursor"],
    [Array.from({ length: 9 }, (_, at) => `data[k${at}]=1`).join("&"), "data[k8]"],
    ["%3Cscript%3E[eq]=1", "filter"],
  ])("a list with %s is refused with the parameter's name", async (query, wrong) => {
    const problem = await problemOf(await ask(`${LIST}?${query}`));
    expect(problem).toMatchObject({
      code: "invalid_request",
      detail: `${wrong}: not a value this parameter takes`,
    });
  });
});

describe("a list over two hubs of lobbies with data", () => {
  test("a list is filtered and sorted by indexed data and reveals nothing else", async () => {
    freeOfCharge();
    const [near, far] = await Player.ofBothShards("arena");
    const index = true;
    for (const [who, name, map, skill] of [
      [near, "One", "forest", 900],
      [far, "Two", "forest", 1_300],
      [near, "Three", "desert", 1_250],
      [far, "Four", "forest", 10_000],
    ] as const) {
      const data = { map, skill, motd: "forest" };
      await who.hosts({ name, data, data_rules: { map: { index }, skill: { index } }, version: "1.4" });
    }
    const names = async (query: string): Promise<string[]> => {
      const answer = await ask(`/v1/games/arena/lobbies?${query}`);
      return (await answer.json<{ lobbies: Summary[] }>()).lobbies.map(({ name }) => name);
    };
    expect(await names("data[map]=forest&data[skill][gte]=1000&order=data[skill]")).toStrictEqual(["Two", "Four"]);
    expect(await names("near=skill:1200&version=1.4")).toStrictEqual(["Three", "Two", "One", "Four"]);
    expect(await names("near=skill:1200&limit=2&data[map][in]=forest,sea")).toStrictEqual(["Two", "One"]);
    expect(await names("data[motd]=forest")).toStrictEqual([]);
    expect(await names("version=1.5")).toStrictEqual([]);
    const [line] = (await (await ask("/v1/games/arena/lobbies?name=One")).json<{ lobbies: Summary[] }>()).lobbies;
    expect(line).toMatchObject({ wire: "native", version: "1.4", data: { map: "forest", skill: 900 } });
    expect(line!.data).not.toHaveProperty("motd");
  });
});

// Last, because it checks the responses of all tests above.
test("no response reveals an address, port, digest, note, key or sidecar to a non-member", () => {
  expect(betrayed()).toStrictEqual([]);
});
