/** Hub requests are counted at the hub, through the Worker as deployed. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { READ_ENTRIES_MAX, READ_FRESH_MS, READ_STALE_MS } from "#shared/limits.ts";
import { app } from "../../../../worker/http/app.ts";
import { AnonymousReads, type ReadContext } from "../../../../worker/http/cache/anonymous-reads.ts";
import { Hub } from "../../../../worker/hub/hub.ts";
import { freeOfCharge, Player } from "../../support/player.ts";
import { hosts, newGame, ORIGIN, Sidecar, worker } from "../../support/sidecar.ts";

type Calls = { readonly mock: { readonly calls: readonly unknown[] } };

let game = "";
let calls: Calls;
beforeEach(() => {
  game = newGame();
  // A busy machine must not let responses become stale.
  vi.useFakeTimers({ toFake: ["Date"] });
  calls = vi.spyOn(Hub.prototype, "renderList");
});

const requestOf = (path: string, init: RequestInit = {}): Request =>
  new Request(`${ORIGIN}/v1/games/${game}/lobbies${path}`, init);
const list = (query = "", headers: Record<string, string> = {}): Promise<Response> =>
  worker(requestOf(query, { headers }));

const called = (of = calls): number => of.mock.calls.length;
const passes = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

const namesIn = async (response: Response): Promise<string[]> =>
  (await response.json<{ lobbies: { name: string }[] }>()).lobbies.map(({ name }) => name);

describe("anonymous reads of a list", () => {
  test("by many readers at once and later reach the hub once, however they spell it, and are not limited", async () => {
    const headers = { "cf-connecting-ip": "198.51.100.1" };
    const spellings = [
      "?seats[gte]=2&name=A",
      "?name=A&seats[gte]=2.0&limit=50",
      "?order=-created_at&name[eq]=A&seats[gte]=2&x_1=2",
    ];
    const readers = Array.from({ length: 60 }, (_, at) => list(spellings[at % 3], headers));
    const bodies = await Promise.all((await Promise.all(readers)).map((response) => response.text()));
    for (let at = 0; at < 60; at++) {
      const again = await list(spellings[at % 3], headers);
      expect([again.status, again.headers.has("ratelimit")]).toStrictEqual([200, false]);
      bodies.push(await again.text());
    }
    expect([called(), new Set(bodies).size]).toStrictEqual([1, 1]);
    await list("?name=B&seats[gte]=2", headers);
    expect(called()).toBe(2);
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

  test("are fresh for a second, then renewed behind a response, and never older than two", async () => {
    const age = async (): Promise<string | null> => (await list()).headers.get("age");
    expect([await age(), called()]).toStrictEqual([null, 1]);
    passes(READ_FRESH_MS);
    expect([await age(), called()]).toStrictEqual(["1", 1]);
    passes(1);
    // Ten readers cause one renewal.
    expect(await Promise.all(Array.from({ length: 10 }, age))).toStrictEqual(Array.from({ length: 10 }, () => "1"));
    await vi.waitFor(async () => expect(await age()).toBe("0"));
    expect(called()).toBe(2);
    passes(READ_STALE_MS + 1);
    expect([await age(), called()]).toStrictEqual([null, 3]);
    passes(-60_000);
    expect([await age(), called()]).toStrictEqual([null, 4]);
  });

  test("get 304 with the headers of the list if the client has it", async () => {
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

  test("answer HEAD like GET, without the body", async () => {
    const head = await worker(requestOf("", { method: "HEAD" }));
    const get = await list();
    expect([head.status, await head.text(), head.headers.get("etag")]).toStrictEqual([
      200,
      "",
      get.headers.get("etag"),
    ]);
    const again = await worker(requestOf("", { method: "HEAD" }));
    expect([again.status, await again.text(), called()]).toStrictEqual([200, "", 1]);
  });

  test("have their own request ids, and no parameter of another reader", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("One", "Alice"), hosts("Two", "Alice"));
    const first = await list("?x_secret=1&limit=1", { "x-request-id": "request-one" });
    const second = await list("?limit=1", { "x-request-id": "request-two" });
    expect([first.headers.get("x-request-id"), second.headers.get("x-request-id")]).toStrictEqual([
      "request-one",
      "request-two",
    ]);
    expect(second.headers.get("link")).toMatch(
      /^<\/v1\/games\/[a-z0-9-]+\/lobbies\?limit=1&cursor=[^&]+>; rel="next"$/,
    );
    const next = /<[^?]+(\?.*)>/.exec(second.headers.get("link")!)![1]!;
    expect(await namesIn(await list(next))).toHaveLength(1);
  });
});

describe("anonymous reads of a lobby", () => {
  test("reach the hub once, and see a change at once", async () => {
    freeOfCharge();
    const ann = await Player.of(game);
    const { id } = await ann.hosts();
    const reads = vi.spyOn(Hub.prototype, "getLobby");
    for (const name of ["Nice", "Nicer"]) {
      await ann.patches(id, { name });
      const before = called(reads);
      const responses = await Promise.all(Array.from({ length: 20 }, () => worker(requestOf(`/${id}`))));
      for (const response of responses) expect(await response.json()).toMatchObject({ name });
      const etag = responses[0]!.headers.get("etag")!;
      expect((await worker(requestOf(`/${id}`, { headers: { "if-none-match": etag } }))).status).toBe(304);
      expect(called(reads) - before).toBe(1);
    }
  });

  test("are not kept for members, and an ended lobby is gone at once", async () => {
    freeOfCharge();
    const ann = await Player.of(game);
    const { id } = await ann.hosts();
    const stranger = await worker(requestOf(`/${id}`));
    expect(stranger.headers.get("etag")).toBe('"v1-s"');
    const own = await ann.ask("GET", `lobbies/${id}`);
    expect([own.headers.get("etag"), own.headers.get("cache-control")]).toStrictEqual(['"v1"', "private, no-cache"]);
    await ann.ask("DELETE", `lobbies/${id}`);
    for (let at = 0; at < 2; at++) expect((await worker(requestOf(`/${id}`))).status).toBe(404);
  });
});

test("readers are answered although the request that they wait for never ends, because its client is gone", async () => {
  let answered = 0;
  const context: ReadContext = {
    env: {},
    waitUntil: () => {},
    answer: (request) => (++answered === 1 ? new Promise(() => {}) : Promise.resolve(app.fetch(request, env))),
  };
  const reads = new AnonymousReads();
  void reads.respond(requestOf(""), context);
  const readers = Array.from({ length: 3 }, () => reads.respond(requestOf(""), context)!);
  expect((await Promise.all(readers.map(async (one) => one))).map(({ status }) => status)).toStrictEqual([
    200, 200, 200,
  ]);
  // Later readers do not wait for it.
  expect((await reads.respond(requestOf(""), context)!).status).toBe(200);
});

test("a read with a token always reaches the hub, and its response is for nobody else", async () => {
  const ann = await Player.of(game);
  for (let at = 1; at <= 2; at++) {
    const own = await ann.ask("GET", "lobbies");
    expect([own.headers.get("cache-control"), called()]).toStrictEqual(["private, no-cache", at]);
  }
  const known = (await ann.ask("GET", "lobbies")).headers.get("etag")!;
  expect((await ann.ask("GET", "lobbies", { headers: { "if-none-match": known } })).status).toBe(304);
  const anonymous = await list();
  expect([anonymous.headers.get("cache-control"), called()]).toStrictEqual([expect.stringMatching(/^public/), 5]);
  expect((await list("", { authorization: "Bearer wrong" })).status).toBe(401);
});

test("a refusal is never kept, and refuses only the client that caused it", async () => {
  for (let at = 0; at < 2; at++) expect((await list("?limit=0")).status).toBe(400);
  expect((await list("?limit=1")).status).toBe(200);
  const flooder = { "cf-connecting-ip": "198.51.100.7" };
  let limit = 2;
  while ((await list(`?limit=${limit}`, flooder)).status === 200) limit++;
  const [first, second] = await Promise.all([
    list(`?limit=${limit}`, flooder),
    list(`?limit=${limit}`, { "cf-connecting-ip": "198.51.100.8" }),
  ]);
  expect([first.status, second.status]).toStrictEqual([429, 200]);
});

test("a reader that comes after a change does not get what was requested before it", async () => {
  const north = await Sidecar.link(game);
  let began: () => void;
  let finish: () => void;
  const isBegun = new Promise<void>((done) => (began = done));
  const isFinished = new Promise<void>((done) => (finish = done));
  let answered = 0;
  const context: ReadContext = {
    env: {},
    waitUntil: () => {},
    answer: async (request) => {
      const response = await app.fetch(request, env);
      if (++answered === 1) {
        began();
        await isFinished;
      }
      return response;
    },
  };
  const reads = new AnonymousReads();
  const early = reads.respond(requestOf(""), context)!;
  await isBegun;
  await north.report(hosts("One", "Alice"));
  expect(await namesIn(await reads.respond(requestOf(""), context)!)).toStrictEqual(["One"]);
  finish!();
  expect(await namesIn(await early)).toStrictEqual([]);
  expect(await namesIn(await reads.respond(requestOf(""), context)!)).toStrictEqual(["One"]);
});

test("the memory is bounded, and drops the oldest", async () => {
  const reads = new AnonymousReads();
  let answered = 0;
  const answer = (): Promise<Response> => {
    answered++;
    return Promise.resolve(new Response("{}", { headers: { etag: '"1"', "cache-control": "public" } }));
  };
  const ask = async (at: number): Promise<void> => {
    await reads.respond(requestOf(`?seats=${at}`), { env: {}, waitUntil: () => {}, answer });
  };
  for (let at = 0; at <= READ_ENTRIES_MAX; at++) await ask(at);
  await ask(READ_ENTRIES_MAX);
  expect(answered).toBe(READ_ENTRIES_MAX + 1);
  await ask(0);
  expect(answered).toBe(READ_ENTRIES_MAX + 2);
});
