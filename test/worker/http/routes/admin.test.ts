import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../../../worker/http/app.ts";
import type { Env } from "../../../../worker/env.ts";
import { hubFor, timePasses } from "../../support/hub-inspector.ts";
import { freeOfCharge, LOBBY, Player } from "../../support/player.ts";
import { problemOf, withTwoShards } from "../../support/http-fixture.ts";
import { EventsClient } from "../../support/subscriber.ts";
import { heard, hosts, joins, newGame, ORIGIN, Sidecar } from "../../support/sidecar.ts";

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  freeOfCharge();
});

type Asking = { key?: string | null; body?: unknown; settings?: Partial<Env> };
type BanView = { id: string; ip_prefix: string | null; peer_id: string | null };

async function ask(
  game: string,
  method: string,
  path: string,
  { key = "admin-key-one-of-tests", body, settings = {} }: Asking = {},
) {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (key !== null) headers["authorization"] = `Bearer ${key}`;
  const said = body === undefined ? {} : { body: JSON.stringify(body) };
  const request = new Request(`${ORIGIN}/v1/admin/games/${game}/${path}`, { method, headers, ...said });
  return app.fetch(request, { ...env, ...settings });
}

const WHY = { message: "aimbot", moderator: "mo" };
const ban = async (game: string, parts: object): Promise<BanView> => {
  const response = await ask(game, "POST", "bans", { body: { ...WHY, ...parts } });
  expect(response.status).toBe(201);
  return response.json<BanView>();
};

describe("admin routes", () => {
  const ROUTES = [
    "GET lobbies",
    "DELETE lobbies/0-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "GET bans",
    "POST bans",
    "DELETE bans/x",
  ];

  test.each([...ROUTES, "GET drain", "PUT drain"])("%s returns 401 without a key", async (route) => {
    const [method, path] = route.split(" ") as [string, string];
    const peer = await Player.of(newGame());
    expect((await peer.ask(method, `../../admin/games/${peer.game}/${path}`)).status).toBe(401);
    for (const key of [null, "key-one-of-tests", "admin-key-three", "admin-key-one-of-tests,admin-key-two-of-tests"]) {
      const refused = await ask(peer.game, method, path, { key, ...(method === "GET" ? {} : { body: {} }) });
      expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="parley admin"');
      expect(await problemOf(refused)).toMatchObject({ code: "unauthorized" });
    }
    const closed = await ask(peer.game, method, path, { settings: { ADMIN_KEYS: "" } });
    expect(await problemOf(closed)).toMatchObject({ code: "unauthorized" });
  });

  test("either of two keys is accepted", async () => {
    for (const key of ["admin-key-one-of-tests", "admin-key-two-of-tests"]) {
      expect((await ask(newGame(), "GET", "drain", { key })).status).toBe(200);
    }
  });

  test("admin routes have no CORS headers", async () => {
    expect((await ask("UPPER", "GET", "lobbies")).headers.has("access-control-allow-origin")).toBe(false);
    expect(await problemOf(await ask("UPPER", "GET", "lobbies"))).toMatchObject({ code: "invalid_request" });
  });
});

describe("listing and ending lobbies", () => {
  test("all lobbies are listed over all hubs and pages, whatever their visibility, without addresses", async () => {
    const game = newGame();
    const hosting = await Player.of(game, withTwoShards);
    await hosting.hosts({ name: "Public" });
    await hosting.hosts({ name: "Unlisted", visibility: "unlisted" });
    await hosting.hosts({ name: "Private", visibility: "private" });
    for (const shard of [0, 1]) {
      const north = await Sidecar.link(game, { shard, worker: withTwoShards });
      await north.report(hosts(`Wired ${shard}`, "Alice"));
    }
    const seen: { name: string; visibility: string; members: object[] }[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const response = await ask(game, "GET", `lobbies?limit=2${query}`, { settings: { HUB_SHARDS: "2" } });
      const page = await response.json<{ lobbies: typeof seen; next_cursor: string | null }>();
      seen.push(...page.lobbies);
      cursor = page.next_cursor;
    }
    const names = seen.map(({ name, visibility }) => `${name} ${visibility}`);
    const wired = ["Wired 0 public", "Wired 1 public"];
    expect(names.toSorted()).toStrictEqual(["Private private", "Public public", "Unlisted unlisted", ...wired]);
    expect(seen.find(({ name }) => name === "Private")?.members).toStrictEqual([
      { peer_id: hosting.id, name: hosting.id, host: true },
    ]);
  });

  test.each(["limit=0", "limit=x", "cursor=x", "cursor=0.UP"])("a list with %s is refused", async (query) => {
    expect(await problemOf(await ask(newGame(), "GET", `lobbies?${query}`))).toMatchObject({
      code: "invalid_request",
    });
  });

  test("an ended lobby is gone for everybody", async () => {
    const host = await Player.of(newGame());
    const { id } = await host.hosts({ visibility: "private" });
    expect((await ask(host.game, "DELETE", `lobbies/${id}`)).status).toBe(204);
    expect(await host.refused("GET", `lobbies/${id}`)).toBe("lobby_not_found");
    for (const gone of [id, "nonsense", "1-aaaaaaaaaaaaaaaaaaaaaaaaaa"]) {
      expect(await problemOf(await ask(host.game, "DELETE", `lobbies/${gone}`))).toMatchObject({
        code: "lobby_not_found",
      });
    }
  });

  test("the members of an ended wire lobby are notified by their sidecar", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const { lobbies } = await (await ask(game, "GET", "lobbies")).json<{ lobbies: { id: string }[] }>();
    await ask(game, "DELETE", `lobbies/${lobbies[0]!.id}`);
    const { items } = await north.next("told");
    expect(heard(items)).toStrictEqual([["Alice", { kind: "removed", reason: "banned" }]]);
  });
});

describe("bans", () => {
  test("a banned peer can neither host nor join, and gets the reason", async () => {
    const game = newGame();
    const [host, mallory] = [await Player.of(game), await Player.of(game)];
    const {
      id,
      join: { code: join_code },
    } = await host.hosts();
    await ban(game, { peer_id: mallory.id });
    const ways: [string, string, object][] = [
      ["POST", "lobbies", LOBBY],
      ["PUT", "lobbies/by-key/den", LOBBY],
      ["POST", `lobbies/${id}/members`, {}],
      ["POST", "join-by-code", { code: join_code }],
      ["POST", "quick-join", {}],
    ];
    for (const [method, path, body] of ways) {
      const refused = await problemOf(await mallory.ask(method, path, { body }));
      expect([path, refused["code"], refused["detail"]]).toStrictEqual([path, "banned", "aimbot"]);
    }
    expect((await mallory.ask("GET", `lobbies/${id}`)).status).toBe(200);
    await (await Player.of(game)).joins(id);
  });

  test("a hidden reason is not returned", async () => {
    const mallory = await Player.of(newGame());
    await ban(mallory.game, { peer_id: mallory.id, message_hidden: true });
    const refused = await problemOf(await mallory.ask("POST", "lobbies", { body: LOBBY }));
    expect([refused["code"], refused["detail"]]).toStrictEqual(["banned", undefined]);
  });

  test("a banned address gets no identity, and an older token does not help from there", async () => {
    const mallory = await Player.of(newGame());
    const { id, ip_prefix } = await ban(mallory.game, { ip_prefix: "198.51.100.7/24" });
    expect(ip_prefix).toBe("198.51.100.0/24");
    const from = (last: number) => ({ "cf-connecting-ip": `198.51.100.${last}` });
    const peers = new Request(`${ORIGIN}/v1/games/${mallory.game}/peers`, { method: "POST", headers: from(200) });
    expect(await problemOf(await app.fetch(peers, env))).toMatchObject({ code: "banned" });
    expect(await mallory.refused("POST", "lobbies", { body: LOBBY, headers: from(3) })).toBe("banned");
    expect(
      (await mallory.ask("POST", "lobbies", { body: LOBBY, headers: { "cf-connecting-ip": "192.0.2.1" } })).status,
    ).toBe(201);
    expect((await ask(mallory.game, "DELETE", `bans/${id}`)).status).toBe(204);
    expect((await mallory.ask("POST", "lobbies", { body: LOBBY, headers: from(3) })).status).toBe(201);
  });

  test("a banned address is refused silently over every sidecar, and other addresses are served", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await ban(game, { ip_prefix: "203.0.113.7" });
    const free = { endpoint: { address: "192.0.2.1", port: 7_000 } };
    const items = await north.report(hosts("Evil", "Mallory"), hosts("Nice", "Alice", free), joins("Nice", "Mallory"));
    expect(heard(items)).toStrictEqual([
      [1, "banned"],
      ["Alice", { kind: "hosted", peers: ["Alice"] }],
      [3, "banned"],
    ]);
  });

  test("a member is banned by address if its wire has no peer ids, and otherwise by id", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const { lobbies } = await (await ask(game, "GET", "lobbies")).json<{ lobbies: { id: string }[] }>();
    const wired = await ban(game, { member: { lobby_id: lobbies[0]!.id, name: "Alice" } });
    expect([wired.ip_prefix, wired.peer_id]).toStrictEqual(["203.0.113.7/32", null]);
    const host = await Player.of(game);
    const { id } = await host.hosts({ member_name: "Bo" });
    expect(await ban(game, { member: { lobby_id: id, name: "Bo" } })).toMatchObject({
      ip_prefix: null,
      peer_id: host.id,
    });
    const nobody = { ...WHY, member: { lobby_id: id, name: "Nobody" } };
    expect(await problemOf(await ask(game, "POST", "bans", { body: nobody }))).toMatchObject({
      code: "member_not_found",
    });
  });

  test("a ban survives a sleep of the hub and ends on time", async () => {
    const mallory = await Player.of(newGame());
    vi.useFakeTimers({ toFake: ["Date"] });
    await ban(mallory.game, { peer_id: mallory.id, expires_at: new Date(Date.now() + 60_000).toISOString() });
    await evictDurableObject(hubFor(mallory.game));
    expect(await mallory.refused("POST", "lobbies", { body: LOBBY })).toBe("banned");
    await timePasses(mallory.game, 60_001);
    expect(await (await ask(mallory.game, "GET", "bans")).json()).toStrictEqual({ bans: [] });
    await mallory.hosts();
  });

  test("a ban is listed once over several hubs, and a newer ban replaces the older one", async () => {
    const game = newGame();
    const settings = { HUB_SHARDS: "3" };
    await ask(game, "POST", "bans", { body: { ...WHY, ip_prefix: "192.0.2.0/24" }, settings });
    await ask(game, "POST", "bans", { body: { ...WHY, message: "again", ip_prefix: "192.0.2.77/24" }, settings });
    const { bans } = await (await ask(game, "GET", "bans", { settings })).json<{ bans: { message: string }[] }>();
    expect(bans.map(({ message }) => message)).toStrictEqual(["again"]);
  });

  test.each([
    ["nobody", {}],
    ["two at once", { peer_id: "a".repeat(26), ip_prefix: "192.0.2.1" }],
    ["no prefix", { ip_prefix: "192.0.2.1/0" }],
    ["everybody", { ip_prefix: "::/0" }],
    ["no peer", { peer_id: "mallory" }],
    ["with an end in the past", { peer_id: "a".repeat(26), expires_at: "2020-01-01T00:00:00Z" }],
    ["with an invalid end", { peer_id: "a".repeat(26), expires_at: "2999-99-99T00:00:00Z" }],
    ["without a message", { peer_id: "a".repeat(26), message: undefined }],
  ])("a ban cannot be %s", async (_, parts) => {
    const body = { ...WHY, ...parts };
    expect(await problemOf(await ask(newGame(), "POST", "bans", { body }))).toMatchObject({ code: "invalid_request" });
  });

  test("a ban cannot be removed twice", async () => {
    const game = newGame();
    const { id } = await ban(game, { ip_prefix: "192.0.2.1" });
    expect((await ask(game, "DELETE", `bans/${id}`)).status).toBe(204);
    expect(await problemOf(await ask(game, "DELETE", `bans/${id}`))).toMatchObject({ code: "not_found" });
  });
});

describe("draining", () => {
  test("a draining game refuses new lobbies over HTTP and wires, keeps existing ones, and can resume", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.report(hosts("Old", "Alice"));
    const host = await Player.of(game);
    const { id } = await host.hosts();
    expect(await (await ask(game, "PUT", "drain", { body: { draining: true } })).json()).toStrictEqual({
      draining: true,
    });
    await evictDurableObject(hubFor(game));
    const refused = await host.ask("POST", "lobbies", { body: LOBBY });
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await problemOf(refused)).toMatchObject({ status: 503, code: "draining" });
    expect(await host.refused("PUT", "lobbies/by-key/den", { body: LOBBY })).toBe("draining");
    expect(
      await host.refused("POST", "quick-join", { body: { filter: { version: "9" }, create_if_none: LOBBY } }),
    ).toBe("draining");
    const again = await Sidecar.link(game);
    expect(heard(await again.report(hosts("New", "Bob"), hosts("Old", "Alice")))).toStrictEqual([
      [2, "draining"],
      ["Alice", { kind: "hosted", peers: ["Alice"] }],
    ]);
    await (await Player.of(game)).joins(id);
    await ask(game, "PUT", "drain", { body: { draining: false } });
    expect(await (await ask(game, "GET", "drain")).json()).toStrictEqual({ draining: false });
    await host.hosts();
  });

  test("subscribers are notified once that the game is draining", async () => {
    const game = newGame();
    const [subscriber] = await EventsClient.list(game);
    for (const draining of [true, true]) await ask(game, "PUT", "drain", { body: { draining } });
    expect(await subscriber.next("going_away")).toStrictEqual({ type: "going_away", data: {} });
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test.each([{}, { draining: "yes" }, [], null])("draining cannot be set with %j", async (body) => {
    expect(await problemOf(await ask(newGame(), "PUT", "drain", { body }))).toMatchObject({ code: "invalid_request" });
  });
});

describe("announcements", () => {
  const TEXT = { text: "The servers restart at 20:00 \u{1F527}" };
  const announce = (game: string, body: object, settings: Partial<Env> = {}) =>
    ask(game, "POST", "announcements", { body, settings });

  test("every subscriber of every hub and every sidecar receives an announcement once, also after a sleep", async () => {
    const game = newGame();
    const [list] = await EventsClient.list(game, {}, { worker: withTwoShards });
    const elsewhere = await EventsClient.greet(game, undefined, {
      lobby: `1-${"a".repeat(26)}`,
      worker: withTwoShards,
    });
    const [north, west] = await Promise.all(
      ["north", "west"].map((name) => Sidecar.open(game, { name, worker: withTwoShards })),
    );
    const other = await Sidecar.open(game, { name: "north", shard: 1, worker: withTwoShards });
    for (const able of [north!, other]) await able.hello({ announcements: true });
    await west!.hello();
    await evictDurableObject(hubFor(game));
    const silent = await EventsClient.open(game, { worker: withTwoShards });
    const response = await announce(game, TEXT, { HUB_SHARDS: "2" });
    const { announcement_id, ...counts } = await response.json<{ announcement_id: string }>();
    expect([response.status, counts]).toStrictEqual([200, { subscriber_count: 2, sidecar_count: 1 }]);
    const event = { type: "announcement", data: { announcement_id, ...TEXT } };
    for (const subscriber of [list, elsewhere]) {
      expect(await subscriber.next("announcement")).toStrictEqual(event);
      expect(await subscriber.rest()).toStrictEqual([]);
    }
    expect((await silent.ask("hello", {})).type).toBe("welcome");
    expect(silent.unread).toStrictEqual([]);
    expect(await north!.next("announcement")).toStrictEqual({ t: "announcement", ...TEXT });
    for (const spared of [west!, other]) await spared.report(hosts("Later", spared.name));
    expect([...west!.log, ...other.log].filter(({ t }) => t === "announcement")).toStrictEqual([]);
  });

  test("the fourth announcement in a row is refused until a minute has passed", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const game = newGame();
    for (const _ of [1, 2, 3]) expect((await announce(game, TEXT)).status).toBe(200);
    const refused = await announce(game, TEXT);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await problemOf(refused)).toMatchObject({ status: 429, code: "rate_limited" });
    vi.setSystemTime(Date.now() + 60_000);
    expect((await announce(game, TEXT)).status).toBe(200);
  });

  test("an announcement needs the role moderate, and the audit trail has it and what was refused", async () => {
    const game = newGame();
    const settings = { ADMIN_KEYS: "read:a-key-that-may-only-read,moderate:a-key-that-may-moderate" };
    const send = (key: string) => ask(game, "POST", "announcements", { key, body: TEXT, settings });
    expect(await problemOf(await send("a-key-that-may-only-read"))).toMatchObject({ code: "forbidden" });
    expect((await send("a-key-that-may-moderate")).status).toBe(200);
    const { entries } = await (await ask(game, "GET", "audit")).json<{ entries: object[] }>();
    const entry = { operation: "announce", role: "moderate", body: JSON.stringify(TEXT) };
    expect(entries).toMatchObject([
      { ...entry, status: 200 },
      { operation: "announce", role: "read", status: 403 },
    ]);
  });

  test.each([
    {},
    { text: "" },
    { text: "\u200b" },
    { text: "two\nlines" },
    { text: "\u202egnp" },
    { text: "a".repeat(151) },
  ])("%j is no announcement", async (body) => {
    expect(await problemOf(await announce(newGame(), body))).toMatchObject({ code: "invalid_request" });
  });
});
