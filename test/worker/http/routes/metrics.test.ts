import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../../../worker/http/app.ts";
import type { Env } from "../../../../worker/env.ts";
import { problemOf, withTwoShards } from "../../support/http-fixture.ts";
import { tablesOf } from "../../support/hub-inspector.ts";
import { hosts, joins, newGame, ORIGIN, Sidecar, starts } from "../../support/sidecar.ts";

beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

const KEY = { authorization: "Bearer admin-key-one-of-tests" };

const ask = (path: string, headers: Record<string, string> = {}, settings: Partial<Env> = {}): Promise<Response> =>
  Promise.resolve(app.fetch(new Request(ORIGIN + path, { headers }), { ...env, ...settings }));

describe("sidecars", () => {
  test("linked sidecars are listed with all that a player needs to reach and verify them", async () => {
    const game = newGame();
    const south = await Sidecar.open(game, { name: "south" });
    const dtls = { name: "*.example", fingerprint: Array(32).fill("AB").join(":"), pem: "PEM\n", required: false };
    const advertised = { clock_skew_s: -90, relay: { addresses: ["198.51.100.9"], pairs: 500 }, dtls };
    await south.hello({ addresses: ["198.51.100.9", "2001:db8::9"], ...advertised });
    const north = await Sidecar.link(game, { name: "north" });
    const response = await ask(`/v1/games/${game}/sidecars`);
    const { sidecars } = await response.json<{ sidecars: { id: string }[] }>();
    expect(response.headers.get("cache-control")).toBe("public, max-age=30");
    expect(sidecars.map(({ id }) => id)).toStrictEqual(["north", "south"]);
    const ports = [{ port: 3_478, wires: ["rabid"] }];
    const v6 = ["2001:db8::9"];
    expect(sidecars[1]).toStrictEqual({ id: "south", region: "weur", v4: ["198.51.100.9"], v6, ports, ...advertised });

    const headers = { "if-none-match": response.headers.get("etag")! };
    expect((await ask(`/v1/games/${game}/sidecars`, headers)).status).toBe(304);
    north.say({ t: "bye" });
    await north.closed;
    const rest = await (await ask(`/v1/games/${game}/sidecars`, headers)).json<{ sidecars: { id: string }[] }>();
    expect(rest.sidecars.map(({ id }) => id)).toStrictEqual(["south"]);
  });

  test("a game without sidecars lists none, and reading leaves no rows", async () => {
    const game = newGame();
    expect(await (await ask(`/v1/games/${game}/sidecars`)).json()).toStrictEqual({ sidecars: [] });
    expect(await tablesOf(game)).toStrictEqual([]);
  });
});

describe("statistics", () => {
  test("statistics count lobbies by wire and state, members, peers and sidecars over all hubs, without names", async () => {
    const game = newGame();
    const links = [0, 1].map((shard) => Sidecar.link(game, { shard, worker: withTwoShards }));
    const [first, second] = await Promise.all(links);
    await first!.report(hosts("Nice", "Alice"), joins("Nice", "Bob"), starts("Nice", "Alice"));
    await first!.report(hosts("Second", "Alice"));
    await second!.report(hosts("Third", "Carol"));
    const response = await withTwoShards(new Request(`${ORIGIN}/v1/games/${game}/stats`));
    expect(await response.json()).toStrictEqual({
      lobbies: [
        { wire: "rabid", state: "open", count: 2 },
        { wire: "rabid", state: "in_game", count: 1 },
      ],
      member_count: 4,
      // Alice hosts two lobbies from one address.
      peer_count: 3,
      sidecar_count: 1,
      connections: [],
    });
    expect(response.headers.get("cache-control")).toBe("public, max-age=10");
  });
});

describe("metrics", () => {
  test("metrics in Prometheus' text format are returned for an operator's key", async () => {
    const [game, other] = [newGame(), newGame()];
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const response = await ask(`/metrics?game=${game}&game=${other}`, KEY);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text).toContain("# TYPE parley_lobbies gauge\n");
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines).toStrictEqual([
      `parley_lobbies{game="${game}",wire="rabid",state="open"} 1`,
      `parley_members{game="${game}"} 1`,
      `parley_members{game="${other}"} 0`,
      `parley_peers{game="${game}"} 1`,
      `parley_peers{game="${other}"} 0`,
      `parley_sidecars{game="${game}"} 1`,
      `parley_sidecars{game="${other}"} 0`,
    ]);
  });

  test.each([
    ["no key", {}, {}],
    ["a sidecar's key", { authorization: "Bearer key-one-of-tests" }, {}],
    ["any key where there is none", KEY, { ADMIN_KEYS: "" }],
    ["an empty key where there is none", { authorization: "Bearer " }, { ADMIN_KEYS: "" }],
    ["what separates keys", { authorization: "Bearer ," }, { ADMIN_KEYS: "," }],
  ])("metrics are refused with %s", async (_, headers, settings) => {
    const refused = await ask("/metrics", headers, settings);
    expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="parley admin"');
    expect(await problemOf(refused)).toMatchObject({ code: "unauthorized" });
  });

  test.each(["game=UPPER", "game=", "game=a&".repeat(33)])("metrics cannot be requested with %s", async (query) => {
    expect(await problemOf(await ask(`/metrics?${query}`, KEY))).toMatchObject({ code: "invalid_request" });
  });
});

describe("readiness", () => {
  test("/readyz returns 200 if a hub responds and the keys are set", async () => {
    const response = await ask("/readyz");
    expect([response.status, await response.json()]).toStrictEqual([200, { ok: true }]);
    // The check writes to the storage of one fixed hub.
    expect(await tablesOf("*")).toContain("notes");
  });

  test.each([{ SIDECAR_KEYS: "" }, { TOKEN_KEYS: "" }, { TOKEN_KEYS: "short" }])(
    "/readyz fails without %j",
    async (settings) => {
      expect(await problemOf(await ask("/readyz", {}, settings))).toMatchObject({ code: "hub_unavailable" });
    },
  );
});
