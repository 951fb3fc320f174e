import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { REFUSALS } from "#shared/refusals.ts";
import { VERSION } from "#shared/version.ts";
import { app } from "../../../worker/http/app.ts";
import type { Env } from "../../../worker/env.ts";
import {
  ask,
  betrayed,
  EVERYTHING,
  LIST,
  LIST_CACHE,
  listOf,
  plant,
  problemOf,
  words,
} from "../support/http-fixture.ts";
import { ORIGIN } from "../support/sidecar.ts";

let logged: MockInstance<typeof console.error>;

beforeAll(plant);
beforeEach(() => {
  logged = vi.spyOn(console, "error").mockImplementation(() => {});
});

const NOTHING = { etag: '"none"', body: '{"lobbies":[],"next_cursor":null}', next: null };
const NOBODY = "0-aaaaaaaaaaaaaaaaaaaaaaaaaa";

describe("malformed requests are refused:", () => {
  test.each([
    ...words("limit=0 limit=-1 limit=1.5 limit=ten limit= limit=1e999 limit=1&limit=x"),
    ...words("cursor= cursor=x cursor=0 cursor=zzzzzzzzzzz.a cursor=0.A cursor=0.%00"),
    ...words("include=empty include=FULL include=full%2Cother include=full+in_game"),
    `cursor=0.${"a".repeat(65)}`,
  ])("%s", async (query) => {
    const problem = await problemOf(await ask(`${LIST}?${query}`));
    expect(problem).toMatchObject({ status: 400, code: "invalid_request" });
    // The invalid parameter is named, and its value is not repeated.
    expect(problem["detail"]).toBe(`${query.split("=", 1)[0]}: not a value this parameter takes`);
  });

  test.each(["PLAZA", "plaza%20", "-plaza", "pla_za", "a".repeat(33), "%00", "..%2F", "plaza%0A"])(
    "game %s",
    async (game) => {
      for (const path of [`/v1/games/${game}/lobbies`, `/v1/games/${game}/lobbies/${NOBODY}`]) {
        expect(await problemOf(await ask(path))).toMatchObject({ status: 400, code: "invalid_request" });
      }
    },
  );
});

describe("unknown paths", () => {
  test.each([
    ...words("/v1 /v1/ /v1/games/ /v1/games/plaza /v1/link/plaza /v2/games"),
    ...words("/nothing /nothing.html /.env /problems/ /problems/nothing /problems/constructor"),
    ...words("// /%2e%2e/%2e%2e/etc/passwd /healthz/"),
    `${LIST}/`,
    `${LIST}/${NOBODY}/nothing`,
  ])("%s returns a problem", async (path) => {
    expect(await problemOf(await ask(path))).toMatchObject({ status: 404, code: "not_found" });
  });

  test.each([
    [LIST, "GET, HEAD, POST"],
    [`${LIST}/${NOBODY}`, "DELETE, GET, HEAD, PATCH"],
    [`${LIST}/${NOBODY}/members`, "GET, HEAD, POST"],
    [`${LIST}/${NOBODY}/members/${"a".repeat(26)}`, "DELETE, GET, HEAD, PATCH"],
  ])("%s returns 405 for methods that it does not have", async (path, allow) => {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      if (allow.split(", ").includes(method)) continue;
      const response = await ask(path, { method });
      // RFC 9110 section 15.5.6: the response must list the allowed methods.
      expect(response.headers.get("allow")).toBe(allow);
      expect(await problemOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
    }
  });

  test("a known path keeps its status for every method", async () => {
    for (const path of ["/v1/nothing", "/nothing", `${LIST}/${NOBODY}/nothing`]) {
      expect(await problemOf(await ask(path, { method: "POST" }))).toMatchObject({ status: 404, code: "not_found" });
    }
  });
});

describe("problem pages", () => {
  test.each(Object.entries(REFUSALS))(
    "%s is explained at the URL of its type",
    async (code, { status, message: says }) => {
      const response = await ask(`/problems/${code}`);
      expect(await response.text()).toBe(`${code} (HTTP ${status}): ${says}\n`);
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    },
  );
});

describe("caching", () => {
  test("lists and lobbies may be cached for a moment", async () => {
    const [line] = (await listOf(`${LIST}?limit=1`)).lobbies;
    for (const path of [LIST, EVERYTHING, `${LIST}/${line!.id}`]) {
      expect((await ask(path)).headers.get("cache-control")).toBe(LIST_CACHE);
    }
  });

  test.each([
    "/healthz",
    `${LIST}/${NOBODY}`,
    `${LIST}?limit=0`,
    "/v1/nothing",
    "/v1/link/plaza/0",
    "/problems/nothing",
  ])("%s may not be cached", async (path) => {
    expect((await ask(path)).headers.get("cache-control")).toBe("no-store");
  });

  test("preflights and 405 responses may not be cached", async () => {
    for (const method of ["OPTIONS", "POST"]) {
      expect((await ask(LIST, { method })).headers.get("cache-control")).toBe("no-store");
    }
  });
});

describe("CORS", () => {
  const headers = { origin: "https://game.example" };

  test.each([LIST, `${LIST}?limit=0`, `${LIST}/${NOBODY}`, "/v1/games/UPPER/lobbies"])(
    "another origin may read %s",
    async (path) => {
      const answer = await ask(path, { headers });
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
      const exposed = answer.headers.get("access-control-expose-headers")!.split(",");
      expect(exposed).toStrictEqual(expect.arrayContaining(words("ETag Link Location Retry-After RateLimit")));
    },
  );

  test.each([
    ["GET", LIST, "if-none-match"],
    ["POST", LIST, "authorization,content-type,idempotency-key"],
    ["PATCH", `${LIST}/${NOBODY}`, "authorization,content-type,if-match"],
    ["PUT", `${LIST}/by-key/room`, "authorization,content-type"],
    ["DELETE", `${LIST}/${NOBODY}/members/${"a".repeat(26)}`, "authorization"],
  ])("a preflight for %s %s returns what is allowed", async (method, path, wanted) => {
    const preflight = { "access-control-request-method": method, "access-control-request-headers": wanted };
    const answer = await ask(path, { method: "OPTIONS", headers: { ...headers, ...preflight } });
    expect([answer.status, await answer.text()]).toStrictEqual([204, ""]);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-methods")).toBe("GET,HEAD,POST,PUT,PATCH,DELETE");
    expect(answer.headers.get("access-control-allow-headers")).toBe(wanted);
    expect(answer.headers.get("access-control-max-age")).toBe("86400");
  });

  test("links have no CORS headers", async () => {
    const answer = await ask("/v1/link/plaza/0", { headers });
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  });
});

test("an id is the same in every URL encoding, and an endless one finds nothing", async () => {
  const { id } = (await listOf(LIST)).lobbies[0]!;
  const spelled = await ask(`${LIST}/${id.replace("-", "%2D")}`);
  expect(await spelled.json()).toMatchObject({ id });
  for (const wrong of ["%E0%A4%A", "%00", "a%2Fb", "a".repeat(8_000)]) {
    expect(await problemOf(await ask(`${LIST}/${wrong}`))).toMatchObject({ code: "lobby_not_found" });
  }
});

describe("HEAD", () => {
  test.each([
    LIST,
    `${LIST}?limit=2`,
    `${LIST}/${NOBODY}`,
    `${LIST}?limit=0`,
    "/healthz",
    "/nothing",
    "/problems/not-found",
  ])("HEAD %s returns the headers of GET without the body", async (path) => {
    const headers = { "x-request-id": "one-and-the-same" };
    const [get, head] = [await ask(path, { headers }), await ask(path, { method: "HEAD", headers })];
    expect(await head.text()).toBe("");
    expect([head.status, [...head.headers]]).toStrictEqual([get.status, [...get.headers]]);
  });
});

describe("Worker settings", () => {
  test("/healthz returns the version", async () => {
    const response = await ask("/healthz");
    expect([response.status, await response.json()]).toStrictEqual([200, { ok: true, version: VERSION }]);
  });

  test.each(["0", "-1", "1.5", "65", "many", ""])(
    "HUB_SHARDS=%s is logged and counts as one hub per game",
    async (HUB_SHARDS) => {
      const { asked, env } = hubsThat(() => ({ value: NOTHING }));
      expect((await app.fetch(new Request(ORIGIN + LIST), { ...env, HUB_SHARDS })).status).toBe(200);
      expect(asked.map(({ name }) => name)).toStrictEqual(["plaza/0"]);
      expect(logged).toHaveBeenCalledWith(expect.objectContaining({ message: expect.stringContaining("HUB_SHARDS") }));
    },
  );

  test.each([
    ["weur", { locationHint: "weur" }],
    ["", {}],
    ["mars", {}],
  ])("LOCATION_HINT=%s places hubs with %j", async (LOCATION_HINT, options) => {
    const { asked, env } = hubsThat(() => ({ value: NOTHING }));
    await app.fetch(new Request(ORIGIN + LIST), { ...env, LOCATION_HINT });
    expect(asked).toStrictEqual([{ name: "plaza/0", options }]);
  });

  test("an impossible lobby id calls no hub", async () => {
    const { asked, env } = hubsThat(() => ({ value: null }));
    for (const id of ["1-aaaaaaaaaaaaaaaaaaaaaaaaaa", "nonsense"])
      await app.fetch(new Request(`${ORIGIN}${LIST}/${id}`), env);
    expect(asked).toStrictEqual([]);
  });
});

describe("a failing hub", () => {
  test.each([
    ["overloaded is left alone", { overloaded: true, retryable: true }, 1],
    ["gone for a moment is asked once more, on a fresh stub", { retryable: true }, 2],
  ])("a hub that is %s: 503 with Retry-After", async (_, parts, times) => {
    const { asked, env } = failing(parts);
    const response = await app.fetch(new Request(ORIGIN + LIST), env);
    expect(response.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await problemOf(response)).toMatchObject({ status: 503, code: "hub_unavailable" });
    expect(asked).toHaveLength(times);
  });

  test("a retry that succeeds returns 200", async () => {
    let times = 0;
    const { env } = hubsThat(() => {
      if (times++ === 0) throw Object.assign(new Error("moved"), { retryable: true });
      return { value: NOTHING };
    });
    expect((await app.fetch(new Request(ORIGIN + LIST), env)).status).toBe(200);
  });

  test("an unexpected error returns 500 without details, which are logged", async () => {
    const { asked, env } = failing({});
    const response = await app.fetch(new Request(ORIGIN + LIST), env);
    expect(await response.clone().text()).not.toContain("inner-detail");
    expect(await problemOf(response)).toMatchObject({ status: 500, code: "internal_error" });
    expect(asked).toHaveLength(1);
    const request_id = response.headers.get("x-request-id");
    expect(logged).toHaveBeenCalledWith({
      message: "a request failed",
      request_id,
      error: expect.stringContaining("inner-detail"),
    });
  });

  test("a failure of the hub's storage is logged with the id of the request", async () => {
    const { env } = hubsThat(() => Promise.reject(new Error("database or disk is full: SQLITE_FULL")));
    const response = await app.fetch(new Request(ORIGIN + LIST), env);
    const { request_id } = await problemOf(response);
    expect(logged).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringContaining("disk"), request_id }),
    );
  });
});

describe("the id of a request", () => {
  const idOf = async (sent?: string): Promise<string> => {
    const response = await ask("/nowhere", sent === undefined ? {} : { headers: { "x-request-id": sent } });
    const { request_id } = await problemOf(response);
    expect(response.headers.get("x-request-id")).toBe(request_id);
    return request_id as string;
  };

  test("each request has another one", async () => {
    expect(new Set(await Promise.all([idOf(), idOf(), idOf()])).size).toBe(3);
  });

  test("the client's own is returned if it has the form of one", async () => {
    expect(await idOf("my-game_4711")).toBe("my-game_4711");
    for (const other of ["short", "two words", "a".repeat(65), 'quo"ted-id', "<script>"])
      expect(await idOf(other)).not.toBe(other);
  });

  test.each(["/healthz", "/openapi.json", LIST, "/"])("a success of %s has one too", async (path) => {
    expect((await ask(path)).headers.get("x-request-id")).toMatch(/^[a-z0-9]{26}$/);
  });
});

// Last, because it checks the responses of all tests above.
test("no response reveals an address, port, digest, note, key or sidecar to a non-member", () => {
  expect(betrayed()).toStrictEqual([]);
});

/** Hubs that return this for every call, and a record of the calls. */
function hubsThat(answer: () => object | Promise<object>): { asked: { name: string; options: object }[]; env: Env } {
  const asked: { name: string; options: object }[] = [];
  const HUB = {
    idFromName: (name: string) => name,
    get: (name: string, options: object) => {
      asked.push({ name, options });
      const answered = async () => ({ rate_limit: null, replayed: false, ...(await answer()) });
      return { renderList: answered, getLobby: answered };
    },
  };
  return { asked, env: { ...env, HUB: HUB as unknown as Env["HUB"] } };
}

const failing = (parts: object): ReturnType<typeof hubsThat> =>
  hubsThat(() => Promise.reject(Object.assign(new Error("inner-detail"), parts)));
