import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { LinkCloseCode, LINK_VERSION } from "#shared/link/messages.ts";
import { SUBPROTOCOL } from "#shared/api/events.ts";
import { app } from "../../../../worker/http/app.ts";
import type { Env } from "../../../../worker/env.ts";
import { GOLDEN } from "../../../support/golden-tickets.ts";
import { hubFor, sidecarRow, sidecarRows, tablesOf, untilDown } from "../../support/hub-inspector.ts";
import {
  heard,
  helloOf,
  hosted,
  hosts,
  joins,
  linkRequest,
  newGame,
  ORIGIN,
  removed,
  roster,
} from "../../support/sidecar.ts";
import { leaves, Sidecar, worker } from "../../support/sidecar.ts";
import { SOCKET_URLS } from "../../../../worker/rpc.ts";

// The hub logs the invalid messages of this file.
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

describe("opening a link", () => {
  test.each([
    ["no key at all", null],
    ["another key", "key-three"],
    ["the beginning of a key", "key-on"],
    ["a key and more", "key-onee"],
    ["a key in capitals", "KEY-ONE"],
    ["the whole setting", "key-one-of-tests,key-two-of-tests"],
    ["what separates keys", ","],
    ["both keys", "key-one-of-tests key-two-of-tests"],
    ["a very long key", "x".repeat(600)],
  ])("a link is refused with %s", async (_, key) => {
    const response = await worker(linkRequest(newGame(), 0, key));
    expect(response.status).toBe(401);
    expect(response.webSocket).toBeNull();
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
    expect(await response.json()).toMatchObject({
      status: 401,
      code: "unauthorized",
      type: "urn:parley:problem:unauthorized",
    });
  });

  test("a link is refused with the right key in another scheme", async () => {
    const request = new Request(linkRequest(newGame(), 0), { headers: { authorization: "Basic key-one-of-tests" } });
    expect((await worker(request)).status).toBe(401);
  });

  test.each(["key-one-of-tests", "key-two-of-tests"])(
    "a link is accepted with %s: two keys are valid during a rotation",
    async (key) => {
      const north = await Sidecar.open(newGame(), { key });
      expect(await north.hello()).toStrictEqual({ ack: 0, shards: 1, members: [] });
    },
  );

  test("a plain request with the right key returns 426", async () => {
    const headers = { authorization: "Bearer key-one-of-tests" };
    const response = await worker(new Request(`${ORIGIN}/v1/link/${newGame()}/0`, { headers }));
    expect(response.status).toBe(426);
    expect(response.headers.get("upgrade")).toBe("websocket");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  const games = ["UPPER/0", "-dash/0", "under_score/0", `${"x".repeat(33)}/0`, "a%20b/0", "a%2F0/0"];
  const shards = ["game/1", "game/-1", "game/0.5", "game/zero", "game/64", "game/1e9"];
  test.each([...games, ...shards])("no hub %s exists", async (hub) => {
    const [game = "", shard = ""] = hub.split("/");
    const response = await worker(linkRequest(game, shard));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ status: 400, code: "invalid_request" });
  });

  test.each(["", " , ", undefined])("links are refused and the error is logged if SIDECAR_KEYS is %j", async (keys) => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const settings = { ...env, SIDECAR_KEYS: keys } as Env;
    for (const key of [null, "", "undefined"]) {
      expect((await app.fetch(linkRequest(newGame(), 0, key), settings)).status).toBe(401);
    }
    expect(complaint).toHaveBeenCalledWith({
      message: expect.stringContaining("SIDECAR_KEYS has no usable key"),
      request_id: expect.any(String),
    });
  });

  test.each(["%65vents", "event%73", "%65%76%65%6e%74%73", "./events", "//events"])(
    "an events client cannot reach the link by the path %s",
    async (spelled) => {
      const game = newGame();
      const headers = { upgrade: "websocket", "sec-websocket-protocol": SUBPROTOCOL };
      const { status, webSocket } = await worker(new Request(`${ORIGIN}/v1/games/${game}/${spelled}`, { headers }));
      if (webSocket === null) return expect(status).toBe(404);
      const answered = new Promise<string>((resolve) => {
        webSocket.addEventListener("message", ({ data }) => resolve(String(data)));
      });
      webSocket.accept();
      webSocket.send(JSON.stringify(helloOf({ name: "north", epoch: "epoch" })));
      expect(JSON.parse(await answered)).toMatchObject({
        type: "error",
        data: { problem: { code: "invalid_request" } },
      });
      webSocket.close();
      expect(await tablesOf(game)).not.toContain("sidecars");
    },
  );

  test("a hub accepts two socket URLs and no third", async () => {
    for (const url of [SOCKET_URLS.link, SOCKET_URLS.events]) {
      const answer = await hubFor(newGame()).fetch(new Request(url, { headers: { upgrade: "websocket" } }));
      expect(answer.status).toBe(101);
      answer.webSocket!.accept();
      answer.webSocket!.close();
    }
    for (const url of [`${ORIGIN}/v1/link/game/0`, `${ORIGIN}/v1/games/game/events`, `${SOCKET_URLS.link}/`]) {
      expect((await hubFor(newGame()).fetch(url, { headers: { upgrade: "websocket" } })).status).toBe(404);
    }
  });

  test("a request without a key does not reveal which hubs exist", async () => {
    expect((await worker(linkRequest("UPPER", 99, "wrong"))).status).toBe(401);
  });
});

describe("hello", () => {
  test("of a relay is answered with the addresses of the other sidecars, and they get its own", async () => {
    const game = newGame();
    const relay = { addresses: ["198.51.100.10"], pairs: 10 };
    const [north, south] = [await Sidecar.open(game), await Sidecar.open(game, { name: "south" })];
    await north.hello({ relay });
    expect((await north.next("sidecars")).addresses).toStrictEqual([]);
    await south.hello({ addresses: ["203.0.113.9"], relay: { addresses: ["203.0.113.10"], pairs: 10 } });
    expect((await south.next("sidecars")).addresses).toStrictEqual(["198.51.100.9", "198.51.100.10"]);
    expect((await north.next("sidecars")).addresses).toStrictEqual(["203.0.113.9", "203.0.113.10"]);
    // The same hello again changes nothing for the other one.
    await south.hello({ addresses: ["203.0.113.9"], relay: { addresses: ["203.0.113.10"], pairs: 10 } });
    await south.next("sidecars");
    expect((await north.rest()).map(({ t }) => t)).not.toContain("sidecars");
  });

  test("hello is answered with the ack, the number of shards and the members", async () => {
    const north = await Sidecar.open(newGame());
    north.say(helloOf(north));
    const keys = { ticket_keys: GOLDEN.keys };
    expect(await north.next("welcome")).toStrictEqual({
      t: "welcome",
      version: LINK_VERSION,
      ack: 0,
      shards: 1,
      directory: true,
      ...keys,
    });
    expect(await north.next("members")).toStrictEqual({ t: "members", items: [], last: true });
  });

  test("hello from a newer sidecar is answered in the newest common version", async () => {
    const north = await Sidecar.open(newGame());
    north.say({ ...helloOf(north), version: LINK_VERSION + 1, added: "later" });
    expect(await north.next("welcome")).toMatchObject({ version: LINK_VERSION });
  });

  test("hello with a wire of a newer sidecar is accepted for the wires that both know", async () => {
    const game = newGame();
    const north = await Sidecar.open(game);
    const ports = [
      { port: 5_000, wires: ["rabid", "carrier-pigeon"] },
      { port: 5_001, wires: ["carrier-pigeon"] },
    ];
    north.say({ ...helloOf(north), ports });
    await north.next("welcome");
    expect((await sidecarRow(game, "north")).hello.ports).toStrictEqual([
      { port: 5_000, wires: ["rabid"] },
      { port: 5_001, wires: [] },
    ]);
  });

  test("hello of a second running process with the same name is refused, and the older link stays", async () => {
    const game = newGame();
    const older = await Sidecar.link(game);
    await older.ping();
    const twin = await Sidecar.open(game, { epoch: "epoch-two" });
    twin.say(helloOf(twin));
    expect(await twin.closed).toMatchObject({ code: LinkCloseCode.replaced });
    expect(heard(await older.report(hosts("Nice", "Alice")))).toStrictEqual([["Alice", hosted("Alice")]]);
    // The same process may always reconnect.
    await Sidecar.link(game);
    expect(await older.closed).toMatchObject({ code: LinkCloseCode.replaced });
  });

  test("hello in an outdated version is refused and leaves no rows", async () => {
    const game = newGame();
    const north = await Sidecar.open(game);
    north.say(helloOf(north, { version: 0 }));
    expect(await north.closed).toMatchObject({ code: LinkCloseCode.version });
    expect(await tablesOf(game)).toStrictEqual([]);
  });

  test("hello may be repeated on the same link", async () => {
    const north = await Sidecar.link(newGame());
    await north.report(hosts("Nice", "Alice"));
    expect(await north.hello()).toMatchObject({ ack: 1, members: [{ to: { peer: "Alice" } }] });
  });

  test("hello with a second name is refused: a link belongs to one sidecar", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    north.say(helloOf({ name: "south", epoch: "epoch-two" }));
    expect(await north.closed).toMatchObject({ code: LinkCloseCode.malformed });
    await untilDown(game, "north");
    expect((await sidecarRows(game)).map(({ id }) => id)).toStrictEqual(["north"]);
  });

  test("hello on a newer link replaces the older one of the same sidecar", async () => {
    const game = newGame();
    const older = await Sidecar.link(game);
    await older.report(hosts("Nice", "Alice"));
    const newer = await Sidecar.link(game);
    expect(await older.closed).toMatchObject({ code: LinkCloseCode.replaced });
    expect(heard(await newer.report(joins("Nice", "Bob")))).toStrictEqual([
      ["Alice", roster("Alice", "Bob")],
      ["Bob", roster("Alice", "Bob")],
    ]);
    expect(await sidecarRow(game, "north")).toMatchObject({ down_since: null, ack: 2 });
  });

  test("hello of another sidecar replaces no link", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await Sidecar.link(game, { name: "south" });
    expect(heard(await north.report(hosts("Nice", "Alice")))).toStrictEqual([["Alice", hosted("Alice")]]);
  });
});

describe("invalid messages", () => {
  const report = hosts("Bad", "Mallory");

  test.each([
    ["no JSON", "{"],
    ["no JSON, and more bytes than characters", "漢字".repeat(4_000)],
    ["nothing at all", ""],
    ["bytes", new TextEncoder().encode(JSON.stringify(batch(report))).buffer],
    ["JSON that is no object", "[]"],
    ["a message without a kind", {}],
    ["a kind that nobody knows", { t: "goodbye" }],
    ["a kind that every object has", { t: "constructor" }],
    ["a hub's message", { t: "welcome", version: 1, ack: 0, shards: 1 }],
    ["a batch without a number", { t: "reports", items: [] }],
    ["a batch with a fractional number", { t: "reports", seq: 1.5, items: [] }],
    ["a batch that is no list", { t: "reports", seq: 1, items: report }],
    ["more reports than a batch holds", { t: "reports", seq: 1, items: Array(101).fill(report) }],
    ["a report of an unknown kind", batch({ ...report, kind: "crash" })],
    ["a wire that nobody speaks", batch({ ...report, wire: "carrier-pigeon" })],
    ["a name that is no text", batch({ ...report, name: 7 })],
    ["a name with a line break", batch({ ...report, name: "Bad\n" })],
    ["no seats", batch({ ...report, seats: 0 })],
    [
      "an endpoint in another form than the canonical one",
      batch({ ...report, endpoint: { address: "::ffff:203.0.113.7", port: 9 } }),
    ],
    ["a duration that is no number", batch({ ...report, policy: { ...report.policy, lifetime_ms: "Infinity" } })],
    ["a frame that is too long", " ".repeat(1_048_577)],
  ])("%s ends only that link", async (_, frame) => {
    const game = newGame();
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    await south.report(hosts("Good", "Carol"));
    north.say(frame);
    expect(await north.closed).toMatchObject({ code: LinkCloseCode.malformed });
    expect(heard(await south.report(joins("Good", "Dave")))).toHaveLength(2);
    expect(await sidecarRow(game, "north")).toMatchObject({ ack: 0, down_since: expect.any(Number) });
    // The same sidecar may connect again with a clean start.
    expect(await (await Sidecar.open(game)).hello()).toMatchObject({ ack: 0, members: [] });
  });

  test.each([{ t: "reports", seq: 1, items: [report] }, { t: "bye" }])(
    "%o before hello ends the link",
    async (message) => {
      const game = newGame();
      const north = await Sidecar.open(game);
      north.say(message);
      expect(await north.closed).toMatchObject({ code: LinkCloseCode.malformed, reason: "send hello first" });
      expect(await tablesOf(game)).toStrictEqual([]);
    },
  );

  test("a hello after an invalid message is ignored", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    const broken = await Sidecar.open(game, { halfOpen: true });
    broken.say("{");
    broken.say(helloOf(broken));
    expect(await broken.closed).toMatchObject({ code: LinkCloseCode.malformed });
    // North's link is still open.
    expect(heard(await north.report(hosts("Nice", "Alice")))).toStrictEqual([["Alice", hosted("Alice")]]);
  });

  test("a replaced link can report nothing", async () => {
    const game = newGame();
    const older = await Sidecar.open(game, { halfOpen: true });
    await older.hello();
    const newer = await Sidecar.link(game);
    await older.closed;
    older.say({ t: "reports", seq: 1, items: [report] });
    expect(heard(await newer.report(hosts("Nice", "Alice")))).toStrictEqual([["Alice", hosted("Alice")]]);
    expect(await (await Sidecar.open(game)).hello()).toMatchObject({ ack: 1, members: [{ to: { peer: "Alice" } }] });
  });
});

describe("an open link", () => {
  test("pings are answered without waking the hub", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    await evictDurableObject(hubFor(game));
    await north.ping();
    await north.ping();
    // Only a running hub can be evicted.
    await expect(evictDurableObject(hubFor(game))).rejects.toThrow();
    await north.report(leaves("Nice", "Alice"));
    await evictDurableObject(hubFor(game));
  });

  test("a bye closes the link", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    north.say({ t: "bye" });
    expect(await north.closed).toStrictEqual({ code: LinkCloseCode.bye, reason: "bye" });
    expect(await sidecarRow(game, "north")).toMatchObject({ away: true, down_since: expect.any(Number) });
  });

  test.each([1000, 1001, 4000])("the sidecar closes the link with %i", async (code) => {
    const game = newGame();
    const north = await Sidecar.link(game);
    north.close(code);
    await north.closed;
    await untilDown(game, "north");
    expect(await sidecarRow(game, "north")).toMatchObject({ away: false });
  });

  test("a bye with members marks them away", async () => {
    const north = await Sidecar.link(newGame());
    await north.report(hosts("Nice", "Alice"));
    expect(heard(await north.report(leaves("Nice", "Alice")))).toStrictEqual([["Alice", removed("left")]]);
  });
});

const batch = (item: object): object => ({ t: "reports", seq: 1, items: [item] });
