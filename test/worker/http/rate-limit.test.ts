import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../../worker/http/app.ts";
import { budgetsOf, type Env } from "../../../worker/env.ts";
import { freeOfCharge, LOBBY, Player, players } from "../support/player.ts";
import { problemOf } from "../support/http-fixture.ts";
import { newGame, ORIGIN } from "../support/sidecar.ts";
import { recordFigure } from "../../support/attack-figures.ts";

type Asking = { from?: string; method?: string; headers?: Record<string, string>; settings?: Partial<Env> };

async function ask(
  path: string,
  { from, method = "GET", headers = {}, settings = {} }: Asking = {},
): Promise<Response> {
  const source: Record<string, string> = from === undefined ? {} : { "cf-connecting-ip": from };
  const request = new Request(ORIGIN + path, { method, headers: { ...source, ...headers } });
  return app.fetch(request, { ...env, ...settings });
}

// No budget refills during a test.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));

const listOf = (game: string): string => `/v1/games/${game}/lobbies`;

describe("listing", () => {
  test("the list allows one request per second and a burst of five, and every response says so", async () => {
    const path = listOf(newGame());
    for (let left = 4; left >= 0; left--) {
      const { status, headers } = await ask(path, { from: "198.51.100.1" });
      expect([status, headers.get("ratelimit-policy")]).toStrictEqual([200, '"list";q=5;w=5']);
      expect(headers.get("ratelimit")).toMatch(new RegExp(`^"list";r=${left};t=${5 - left}$`));
    }
    const refused = await ask(path, { from: "198.51.100.1" });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.headers.get("ratelimit")).toBe('"list";r=0;t=5');
    expect(await problemOf(refused)).toMatchObject({ code: "rate_limited", retry_after_s: 1 });
  });

  test("every address has its own budget, and an IPv6 network shares one", async () => {
    const path = listOf(newGame());
    const statuses = async (...sources: string[]): Promise<number[]> => {
      const answers: number[] = [];
      for (const from of sources) answers.push((await ask(path, { from })).status);
      return answers;
    };
    await statuses(...Array.from({ length: 5 }, (_, at) => `2001:db8:1:2::${at + 1}`));
    expect(await statuses("2001:db8:1:2:9::9", "2001:db8:1:3::1", "198.51.100.2")).toStrictEqual([429, 200, 200]);
  });

  test("a sidecar with its key is not rate limited", async () => {
    const path = listOf(newGame());
    const headers = { authorization: "Bearer key-one-of-tests" };
    for (let at = 0; at < 12; at++) {
      const answer = await ask(path, { from: "198.51.100.3", headers });
      expect([answer.status, answer.headers.has("ratelimit")]).toStrictEqual([200, false]);
    }
  });

  test("an invalid key or token is refused for every request", async () => {
    for (const shown of ["Bearer nonsense", "Basic a2V5LW9uZTo=", "Bearer"]) {
      const refused = await ask(listOf(newGame()), { headers: { authorization: shown } });
      expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="parley"');
      expect(await problemOf(refused)).toMatchObject({ code: "unauthorized" });
    }
  });
});

describe("creating peers", () => {
  test("one address may create 64 peers at once", async () => {
    const path = `/v1/games/${newGame()}/peers`;
    for (let at = 0; at < 64; at++)
      expect((await ask(path, { method: "POST", from: "198.51.100.4" })).status).toBe(201);
    const refused = await ask(path, { method: "POST", from: "198.51.100.4" });
    expect(refused.headers.get("retry-after")).toBe("10");
    expect(await problemOf(refused)).toMatchObject({ code: "rate_limited" });
  });
});

describe("join codes", () => {
  test("one address may try ten wrong codes for all its peers, then must wait", async () => {
    const game = newGame();
    const guess = async (): Promise<Response> => {
      const init = { headers: { "cf-connecting-ip": "198.51.100.8" }, body: { code: "ABC234" } };
      return (await Player.of(game)).ask("POST", "join-by-code", init);
    };
    for (let at = 0; at < 10; at++) expect(await problemOf(await guess())).toMatchObject({ code: "code_invalid" });
    const refused = await guess();
    expect(refused.headers.get("retry-after")).toBe("6");
    expect(await problemOf(refused)).toMatchObject({ code: "rate_limited", retry_after_s: 6 });
  });
});

describe("a password", () => {
  const password = "correct horse";
  /** How many of these requests cost a key derivation. */
  async function derivationsOf(work: () => Promise<unknown>): Promise<number> {
    const derive = vi.spyOn(crypto.subtle, "deriveBits");
    await work();
    const { length } = derive.mock.calls;
    derive.mockClear();
    return length;
  }
  const statuses = async (count: number, request: () => Promise<Response>): Promise<number[]> => {
    const seen: number[] = [];
    for (let at = 0; at < count; at++) seen.push((await request()).status);
    return seen;
  };

  test("is derived only after the rate limit admits the request, on every path", async () => {
    const [ann, eve] = (await players(newGame(), 2)) as [Player, Player];
    const { id, join } = await ann.hosts({ password });
    const body = { password: "wrong horse" };
    const attempts = {
      join: () => eve.ask("POST", `lobbies/${id}/members`, { body }),
      "join by code": () => eve.ask("POST", "join-by-code", { body: { code: join.code, ...body } }),
      "join by key": () => eve.ask("PUT", "lobbies/by-key/arena", { body: { ...LOBBY, password } }),
      create: () => eve.ask("POST", "lobbies", { body: { ...LOBBY, password } }),
      "quick join": () => eve.ask("POST", "quick-join", { body: { create_if_none: { ...LOBBY, password } } }),
      patch: () => ann.ask("PATCH", `lobbies/${id}`, { body: { password } }),
    };
    const derived = await derivationsOf(async () => {
      for (const [name, attempt] of Object.entries(attempts)) {
        expect([name, (await statuses(8, attempt)).includes(429)]).toStrictEqual([name, true]);
      }
    });
    // Budgets: three joins, two creations, five patches.
    expect(derived).toBeLessThanOrEqual(3 + 2 + 5);
    expect(await derivationsOf(() => statuses(1, attempts.create))).toBe(0);
  });

  test("of a refused request costs no derivation, if no password can help", async ({ task }) => {
    freeOfCharge();
    const [ann, bob, eve] = (await players(newGame(), 3)) as [Player, Player, Player];
    const [open, full, other] = await Promise.all([
      ann.hosts(),
      bob.hosts({ seats: 2, password }),
      ann.hosts({ version: "1.4" }),
    ]);
    await ann.joins(full.id, { password });
    const join = (id: string): Promise<Response> => eve.ask("POST", `lobbies/${id}/members`, { body: { password } });
    const derived = await derivationsOf(async () => {
      expect((await join(open.id)).status).toBe(201);
      expect((await join(other.id)).status).toBe(409);
      expect((await join(open.id.replace(/.{5}$/, "00000"))).status).toBe(404);
      expect((await eve.ask("POST", "join-by-code", { body: { code: "ABC234", password } })).status).toBe(404);
      expect((await eve.ask("PATCH", `lobbies/${open.id}`, { body: { password } })).status).toBe(403);
    });
    expect(derived).toBe(0);
    recordFigure(task, {
      order: 90,
      attack: "requests with a password that are refused for another reason",
      before: "2 ms more than an honest request, before the rate limit",
      after: `${derived} key derivations`,
    });
    // Whether the lobby is full is visible only to a peer that knows the password.
    const refuse = async (): Promise<void> =>
      expect(await problemOf(await join(full.id))).toMatchObject({ code: "lobby_full" });
    expect(await derivationsOf(refuse)).toBe(1);
  });

  test("of a retried request costs no second derivation", async () => {
    freeOfCharge();
    const [ann, bob] = (await players(newGame(), 2)) as [Player, Player];
    const headers = { "idempotency-key": "one" };
    const create = (): Promise<Response> => ann.ask("POST", "lobbies", { body: { ...LOBBY, password }, headers });
    const { lobby } = (await (await create()).json()) as { lobby: { id: string } };
    const join = (word: string): Promise<Response> =>
      bob.ask("POST", `lobbies/${lobby.id}/members`, { body: { password: word }, headers });
    const refused = await join("wrong horse");
    const derived = await derivationsOf(async () => {
      expect(await (await create()).json()).toMatchObject({ lobby: { id: lobby.id } });
      const again = await join("wrong horse");
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      expect((await problemOf(again))["code"]).toBe((await problemOf(refused))["code"]);
    });
    expect(derived).toBe(0);
  });
});

describe("client addresses", () => {
  test("the address is read only from the configured header", async () => {
    const path = listOf(newGame());
    const settings = { SOURCE_HEADER: "" };
    for (let at = 0; at < 9; at++) expect((await ask(path, { from: "198.51.100.5", settings })).status).toBe(200);
    expect((await ask(path, { from: "198.51.100.5", settings })).headers.has("ratelimit")).toBe(false);
  });

  test("the last address of a list counts, because the client may have sent the others", async () => {
    const path = listOf(newGame());
    const settings = { SOURCE_HEADER: "X-Forwarded-For" };
    const claims = (at: number) => ({ "x-forwarded-for": `192.0.2.${at}, 198.51.100.6` });
    for (let at = 0; at < 5; at++) await ask(path, { headers: claims(at), settings });
    expect((await ask(path, { headers: claims(6), settings })).status).toBe(429);
  });

  test("an address with a port, in brackets or in quotes has the same limit", async () => {
    const path = listOf(newGame());
    const forms = ["[2001:db8::9]:443", '"[2001:db8::9]"', "2001:db8::9", "for=2001:db8::9", 'for="[2001:db8::9]:1"'];
    for (const from of forms) expect((await ask(path, { from })).status).toBe(200);
    expect((await ask(path, { from: "[2001:db8::9]:9" })).status).toBe(429);
  });

  test("a request whose proxy names no address is refused, and the log names the header", async () => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const response = await ask(listOf(newGame()), { from: "unknown" });
    expect([response.status, await response.text()]).toStrictEqual([400, expect.stringContaining("no address")]);
    expect(complaint).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringMatching(/SOURCE_HEADER/) }),
    );
  });
});

describe("RATE_LIMITS", () => {
  test("RATE_LIMITS=off disables all limits", () => {
    expect(budgetsOf({ ...env, RATE_LIMITS: "off" })).toBe(null);
  });

  test("an invalid RATE_LIMITS is logged, and the defaults apply", () => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(budgetsOf({ ...env, RATE_LIMITS: "list=many" })?.list).toStrictEqual({ per_s: 1, burst: 5 });
    expect(complaint).toHaveBeenCalledWith(expect.objectContaining({ invalid: "list=many" }));
  });
});
