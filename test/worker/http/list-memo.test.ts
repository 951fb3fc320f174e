import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LIST_MEMO_ENTRIES_MAX, LIST_MEMO_MS } from "#shared/limits.ts";
import { ListMemo } from "../../../worker/http/list-memo.ts";
import { Hub } from "../../../worker/hub/hub.ts";
import { Player } from "../support/player.ts";
import { hangUp, hosts, newGame, ORIGIN, Sidecar, worker } from "../support/sidecar.ts";

let game = "";
let calls: { readonly mock: { readonly calls: readonly unknown[] } };
beforeEach(() => {
  game = newGame();
  calls = vi.spyOn(Hub.prototype, "renderList");
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  hangUp();
});

const list = (query = "", headers: Record<string, string> = {}): Promise<Response> =>
  worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies${query}`, { headers }));

const called = (): number => calls.mock.calls.length;

const namesIn = async (response: Response): Promise<string[]> =>
  (await response.json<{ lobbies: { name: string }[] }>()).lobbies.map(({ name }) => name);

describe("anonymous list requests", () => {
  test("of one second reach the hub once, and are not rate limited", async () => {
    const headers = { "cf-connecting-ip": "198.51.100.1" };
    const first = await list("", headers);
    expect(first.headers.get("ratelimit")).toMatch(/^"list";r=4/);
    const body = await first.text();
    for (let at = 0; at < 20; at++) {
      const again = await list("", headers);
      expect([again.status, await again.text(), again.headers.has("ratelimit")]).toStrictEqual([200, body, false]);
    }
    expect(called()).toBe(1);
  });

  test("see a change of the list at once", async () => {
    const north = await Sidecar.link(game);
    for (const name of ["One", "Two", "Three"]) {
      await north.report(hosts(name, "Alice"));
      expect(await namesIn(await list())).toContain(name);
      expect(await namesIn(await list())).toContain(name);
    }
    expect(called()).toBe(3);
  });

  test("reach the hub again after a second, and when the clock was set back", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await list();
    for (const [ms, times] of [
      [LIST_MEMO_MS, 1],
      [1, 2],
      [-60_000, 3],
    ] as const) {
      vi.setSystemTime(Date.now() + ms);
      await list();
      expect(called()).toBe(times);
    }
  });

  test("of a client that has the list get 304 with the headers of the list", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("One", "Alice"), hosts("Two", "Alice"));
    const whole = await list("?limit=1");
    const etag = whole.headers.get("etag")!;
    for (const known of [etag, `"other", W/${etag}`, "*"]) {
      const { status, headers, body } = await list("?limit=1", { "if-none-match": known });
      expect([status, body]).toStrictEqual([304, null]);
      for (const name of ["etag", "link", "cache-control", "vary", "access-control-allow-origin"]) {
        expect([name, headers.get(name)]).toStrictEqual([name, whole.headers.get(name)]);
      }
    }
    expect((await list("?limit=1", { "if-none-match": '"other"' })).status).toBe(200);
    expect(called()).toBe(1);
    // Also the first request of a second.
    expect((await list("?limit=2", { "if-none-match": (await list("?limit=2")).headers.get("etag")! })).status).toBe(
      304,
    );
  });
});

test("a list request with a token always reaches the hub, and its response is for nobody else", async () => {
  const ann = await Player.of(game);
  for (let at = 1; at <= 2; at++) {
    const own = await ann.ask("GET", "lobbies");
    expect([own.headers.get("cache-control"), called()]).toStrictEqual(["private, no-cache", at]);
  }
  const known = (await ann.ask("GET", "lobbies")).headers.get("etag")!;
  expect((await ann.ask("GET", "lobbies", { headers: { "if-none-match": known } })).status).toBe(304);
  const anonymous = await list();
  expect([anonymous.headers.get("cache-control"), called()]).toStrictEqual([expect.stringMatching(/^public/), 5]);
});

test("an invalid list request is never kept", async () => {
  for (let at = 0; at < 2; at++) expect((await list("?limit=0")).status).toBe(400);
  expect((await list("?limit=1")).status).toBe(200);
});

test("the memo is bounded, and drops the oldest", async () => {
  const memo = new ListMemo();
  let answered = 0;
  const ask = async (at: number): Promise<void> => {
    await memo.respond(new Request(`${ORIGIN}/v1/games/${game}/lobbies?limit=${at}`), () => {
      answered++;
      return Promise.resolve(new Response("{}", { headers: { etag: '"1"' } }));
    });
  };
  vi.useFakeTimers({ toFake: ["Date"] });
  for (let at = 0; at <= LIST_MEMO_ENTRIES_MAX; at++) await ask(at);
  await ask(LIST_MEMO_ENTRIES_MAX);
  expect(answered).toBe(LIST_MEMO_ENTRIES_MAX + 1);
  await ask(0);
  expect(answered).toBe(LIST_MEMO_ENTRIES_MAX + 2);
});
