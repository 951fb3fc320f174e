import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { OPERATIONS } from "#shared/api/openapi.ts";
import { app } from "../../../worker/http/app.ts";
import type { Env } from "../../../worker/env.ts";
import { LOBBY, Player } from "../support/player.ts";
import { problemOf } from "../support/http-fixture.ts";
import { newGame, ORIGIN, Sidecar } from "../support/sidecar.ts";
import { recordFigure } from "../../support/attack-figures.ts";

type Asking = { from?: string; method?: string; key?: string; settings?: Partial<Env> };

const ask = async (path: string, { from, method = "GET", key, settings = {} }: Asking = {}): Promise<Response> => {
  const headers: Record<string, string> = {
    ...(from !== undefined && { "cf-connecting-ip": from }),
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
  return app.fetch(new Request(ORIGIN + path, { method, headers }), { ...env, ...settings });
};

const hubCount = async (): Promise<number> => (await listDurableObjectIds(env.HUB)).length;

describe("a deployment that serves any game", () => {
  test("requests to 20 games that nobody hosts create no hub, and get empty answers", async ({ task }) => {
    await ask("/readyz");
    const before = await hubCount();
    for (let at = 0; at < 20; at++) {
      const player = await Player.of(`unhosted-${at}`);
      const list = await player.ask("GET", "lobbies");
      expect(await list.json()).toMatchObject({ lobbies: [], next_cursor: null });
      expect(await (await player.ask("GET", "stats")).json()).toMatchObject({ lobbies: [], member_count: 0 });
      expect((await ask(`/v1/games/unhosted-${at}/peers`, { method: "POST" })).status).toBe(201);
      expect(await player.refused("POST", "join-by-code", { body: { code: "ABC234" } })).toBe("code_invalid");
      expect(await player.refused("POST", "quick-join", { body: {} })).toBe("no_open_lobby");
      expect((await ask(`/v1/admin/games/unhosted-${at}/bans`, { key: "admin-key-one-of-tests" })).status).toBe(200);
    }
    const created = (await hubCount()) - before;
    expect(created).toBe(0);
    recordFigure(task, {
      order: 60,
      attack: "anonymous requests to random games that nobody hosts",
      before: "a SQLite file each: 18,000 requests, 84 MB",
      after: `${created} files, and one budget for all such games`,
    });
  });

  test("a source has one budget for all games that nobody hosts", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const statuses: number[] = [];
    for (let at = 0; at < 6; at++) {
      statuses.push((await ask(`/v1/games/random-${at}/lobbies`, { from: "198.51.100.20" })).status);
    }
    expect(statuses).toStrictEqual([200, 200, 200, 200, 200, 429]);
  });

  test("a game that is read first and hosted later is listed at once", async () => {
    const path = "/v1/games/hosted-later/lobbies";
    const listed = async (): Promise<unknown[]> =>
      (await (await ask(path)).json<{ lobbies: { name: string }[] }>()).lobbies.map(({ name }) => name);
    const before = await hubCount();
    expect(await listed()).toStrictEqual([]);
    await (await Player.of("hosted-later")).hosts();
    expect([await listed(), await hubCount()]).toStrictEqual([["Nice"], before + 1]);
  });

  test("one source may host in eight new games at once, and a game that others host is not counted", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const hosting = async (game: string): Promise<Response> =>
      (await Player.of(game)).ask("POST", "lobbies", { body: LOBBY, headers: { "cf-connecting-ip": "198.51.100.21" } });
    for (let at = 0; at < 8; at++) expect((await hosting(newGame())).status).toBe(201);
    const refused = await hosting(newGame());
    expect(refused.headers.get("retry-after")).toBe("600");
    expect(await problemOf(refused)).toMatchObject({ code: "rate_limited" });
    const known = newGame();
    await (await Player.of(known)).hosts();
    expect((await hosting(known)).status).toBe(201);
  });

  test("a sidecar's key gives a game its hub without a limit", async () => {
    const before = await hubCount();
    for (let at = 0; at < 10; at++) await Sidecar.link(newGame());
    expect(await hubCount()).toBe(before + 10);
  });

  test("the games are not listed", async () => {
    expect(await (await ask("/v1/games")).json()).toStrictEqual({ any: true, games: [] });
  });
});

describe("a source in many hosted games", () => {
  test("has one budget over all of them, as large as that of peers behind one address", async () => {
    const games = Array.from({ length: 17 }, () => newGame());
    for (const game of games) await (await Player.of(game)).hosts();
    vi.useFakeTimers({ toFake: ["Date"] });
    const statuses: number[] = [];
    for (const game of games) {
      for (let at = 0; at < 5; at++)
        statuses.push((await ask(`/v1/games/${game}/lobbies`, { from: "198.51.100.22" })).status);
    }
    expect(statuses).toStrictEqual([...Array.from({ length: 80 }, () => 200), ...Array.from({ length: 5 }, () => 429)]);
  });
});

describe("GAMES", () => {
  const settings = { GAMES: "arena, quest" };

  test("every operation of another game returns 404, a link only with its key", async () => {
    const before = await hubCount();
    for (const [path, methods] of Object.entries(OPERATIONS)) {
      if (!path.includes("{game}")) continue;
      const other = path.replace("{game}", "other").replaceAll(/\{\w+\}/g, "x");
      for (const method of Object.keys(methods)) {
        for (const key of ["key-one-of-tests", "admin-key-one-of-tests"]) {
          const refused = await ask(other, { method: method.toUpperCase(), key, settings });
          const isForeign = path.startsWith("/v1/link/") && key.startsWith("admin");
          const code = isForeign ? "unauthorized" : "game_not_found";
          expect([path, (await problemOf(refused))["code"]]).toStrictEqual([path, code]);
        }
      }
    }
    expect(await hubCount()).toBe(before);
  });

  test("the listed games are served and returned", async () => {
    expect((await ask("/v1/games/quest/lobbies", { settings })).status).toBe(200);
    const listed = await ask("/v1/games", { settings });
    expect(await listed.json()).toStrictEqual({
      any: false,
      games: ["arena", "quest"].map((name) => ({ name, identity_providers: [], identity_required: false })),
    });
    expect(listed.headers.get("access-control-allow-origin")).toBe("*");
  });

  test("metrics are those of the listed games", async () => {
    const key = "admin-key-one-of-tests";
    const text = await (await ask("/metrics", { key, settings })).text();
    expect(text).toContain('parley_members{game="arena"} 0\nparley_members{game="quest"} 0');
    const other = await ask("/metrics?game=other", { key, settings });
    expect(await problemOf(other)).toMatchObject({ code: "game_not_found" });
  });

  test("entries that are no names are logged, reported by /readyz, and not served", async () => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const wrong = { GAMES: "arena, Quest!, *", HUB_SHARDS: "65", RATE_LIMITS: "list=many", SIDECAR_KEYS: "short" };
    const { detail } = await problemOf(await ask("/readyz", { settings: wrong }));
    for (const name of ["SIDECAR_KEYS: ", 'GAMES: "Quest!"', "GAMES: * stands alone", "HUB_SHARDS: ", "RATE_LIMITS: "])
      expect(detail).toContain(name);
    expect((await ask("/v1/games/arena/lobbies", { settings: { GAMES: "arena, Quest!" } })).status).toBe(200);
    expect(complaint).toHaveBeenCalledWith({ message: expect.stringContaining('"Quest!" is no name') });
  });
});

describe("wrong keys", () => {
  const bans = "/v1/admin/games/arena/bans";
  const right = "admin-key-one-of-tests";

  test("a source that shows ten wrong operators' keys is refused before its key is compared", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const from = "198.51.100.23";
    for (let at = 0; at < 10; at++) expect((await ask(bans, { from, key: `wrong-key-${at}` })).status).toBe(401);
    const compared = vi.spyOn(crypto.subtle, "timingSafeEqual");
    const refused = await ask(bans, { from, key: right });
    expect(refused.headers.get("retry-after")).toBe("6");
    expect(await problemOf(refused)).toMatchObject({ code: "rate_limited", detail: "too many wrong keys" });
    expect(compared).not.toHaveBeenCalled();
    expect((await ask(bans, { from: "198.51.100.24", key: right })).status).toBe(200);
  });

  test("right keys, and requests without one, are not counted", async () => {
    const from = "198.51.100.25";
    for (let at = 0; at < 12; at++) {
      expect((await ask(bans, { from, key: right })).status).toBe(200);
      expect((await ask(bans, { from })).status).toBe(401);
    }
  });

  test.each(["/v1/link/arena/0", "/v1/games/arena/lobbies"])("%s limits wrong sidecars' keys", async (path) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const from = path.includes("link") ? "198.51.100.26" : "198.51.100.27";
    for (let at = 0; at < 256; at++) expect((await ask(path, { from, key: "a-wrong-key" })).status).toBe(401);
    expect((await ask(path, { from, key: "a-wrong-key" })).status).toBe(429);
  });
});
