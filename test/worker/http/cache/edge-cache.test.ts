/** Each `AnonymousReads` has the memory of one isolate; all of a file share the cache of one location. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { READ_FRESH_MS, READ_STALE_MS } from "#shared/limits.ts";
import { app } from "../../../../worker/http/app.ts";
import { AnonymousReads } from "../../../../worker/http/cache/anonymous-reads.ts";
import { Hub } from "../../../../worker/hub/hub.ts";
import { hosts, newGame, ORIGIN, Sidecar } from "../../support/sidecar.ts";

let game = "";
let work: Promise<unknown>[] = [];
let calls: { readonly mock: { readonly calls: readonly unknown[] } };
beforeEach(() => {
  game = newGame();
  work = [];
  calls = vi.spyOn(Hub.prototype, "renderList");
});

const called = (): number => calls.mock.calls.length;

/** A reader at a new isolate or at this one, after which all work in the background is done. */
async function read(query = "", { reads = new AnonymousReads(), edge = "on", headers = {} } = {}): Promise<Response> {
  const request = new Request(`${ORIGIN}/v1/games/${game}/lobbies${query}`, { headers });
  const waitUntil = (one: Promise<unknown>): void => void work.push(one);
  const answer = (one: Request): Promise<Response> => Promise.resolve(app.fetch(one, env));
  const response = await reads.respond(request, { env: { EDGE_CACHE: edge }, waitUntil, answer })!;
  while (work.length > 0) await work.pop();
  return response;
}

test("the deployment's settings turn the cache on", () => {
  expect(env).toMatchObject({ EDGE_CACHE: "on" });
});

describe("isolates of one location", () => {
  test("share one request of the hub, with every header that clients get", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("One", "Alice"), hosts("Two", "Alice"));
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 1);
    const first = await read("?limit=1&name[contains]=o");
    const body = await first.text();
    for (let at = 0; at < 5; at++) {
      const other = await read("?name[contains]=O&limit=1");
      expect([other.status, await other.text()]).toStrictEqual([200, body]);
      for (const name of ["etag", "link", "cache-control", "vary", "content-type", "access-control-allow-origin"]) {
        expect([name, other.headers.get(name)]).toStrictEqual([name, first.headers.get(name)]);
      }
      expect(
        [...other.headers.keys()].filter((name) => name.startsWith("parley") || name.startsWith("cf-")),
      ).toStrictEqual([]);
    }
    const known = { "if-none-match": first.headers.get("etag")! };
    expect((await read("?limit=1&name[contains]=o", { headers: known })).status).toBe(304);
    expect(called()).toBe(1);
  });

  test("renew a stale response once for all, and use none that is older", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await read();
    vi.setSystemTime(Date.now() + READ_FRESH_MS + 1);
    expect([(await read()).headers.get("age"), called()]).toStrictEqual(["1", 2]);
    expect([(await read()).headers.get("age"), called()]).toStrictEqual(["0", 2]);
    vi.setSystemTime(Date.now() + READ_STALE_MS + 1);
    expect([(await read()).headers.get("age"), called()]).toStrictEqual([null, 3]);
  });

  test("do not use a response from before a change that they know of", async () => {
    const north = await Sidecar.link(game);
    await read();
    await north.report(hosts("One", "Alice"));
    expect(await (await read()).json()).toMatchObject({ lobbies: [{ name: "One" }] });
    expect(called()).toBe(2);
  });
});

test("an invalid request and one with a key neither read nor fill the cache", async () => {
  const put = vi.spyOn(caches.default, "put");
  const match = vi.spyOn(caches.default, "match");
  const reads = new AnonymousReads();
  const respond = (request: Request): unknown =>
    reads.respond(request, {
      env: { EDGE_CACHE: "on" },
      waitUntil: () => {},
      answer: () => Promise.reject(new Error("asked")),
    });
  const list = `${ORIGIN}/v1/games/${game}/lobbies`;
  expect(respond(new Request(list, { headers: { authorization: "Bearer key-one-of-tests" } }))).toBeNull();
  expect(respond(new Request(list, { method: "POST" }))).toBeNull();
  for (const path of ["?limit=0", "/x/members", "/x?y=1"]) expect(respond(new Request(list + path))).toBeNull();
  expect([put, match].map(({ mock }) => mock.calls.length)).toStrictEqual([0, 0]);
});

test("a response that is an error is not put into the cache", async () => {
  vi.spyOn(Hub.prototype, "renderList").mockResolvedValue({
    refused: "hub_unavailable",
    rate_limit: null,
    replayed: false,
  });
  expect((await read()).status).toBe(503);
  vi.restoreAllMocks();
  expect((await read()).status).toBe(200);
});

test("without the cache every isolate asks the hub: turned off, or failing", async () => {
  for (let at = 1; at <= 2; at++) {
    await read("", { edge: "off" });
    expect(called()).toBe(at);
  }
  vi.spyOn(caches.default, "match").mockRejectedValue(new Error("no cache was configured"));
  vi.spyOn(caches.default, "put").mockRejectedValue(new Error("no cache was configured"));
  expect([(await read()).status, (await read()).status, called()]).toStrictEqual([200, 200, 4]);
});
