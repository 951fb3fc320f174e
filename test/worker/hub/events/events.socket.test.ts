import { evictDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  COALESCE_MS,
  REPLAY_ITEMS_MAX,
  SNAPSHOT_LENGTH_MAX,
  SNAPSHOT_LOBBIES_MAX,
  TOPICS_PER_SUBSCRIBER_MAX,
  UNCONFIRMED_LENGTH_MAX,
  SUBSCRIBER_MESSAGES_BURST,
  SUBSCRIBER_MESSAGE_LENGTH_MAX,
  SUBSCRIBER_SILENCE_MS,
  SUBSCRIBERS_PER_SOURCE_MAX,
  SUBSCRIBERS_UNGREETED_PER_SOURCE_MAX,
  HELLO_MS,
} from "#shared/limits.ts";
import { isRefusalCode } from "#shared/refusals.ts";
import { seeded } from "../../../support/dice.ts";
import { app } from "../../../../worker/http/app.ts";
import { hubFor, inside, timePasses } from "../../support/hub-inspector.ts";
import { problemOf } from "../../support/http-fixture.ts";
import { freeOfCharge, players } from "../../support/player.ts";
import { hosts, joins, leaves, newGame, Sidecar, worker } from "../../support/sidecar.ts";
import { eventsRequest, type Frame, EventsClient } from "../../support/subscriber.ts";

const NOBODY = `0-${"a".repeat(26)}`;

let game = "";
beforeEach(() => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
});

describe("opening a socket", () => {
  test("a request without an upgrade returns 426", async () => {
    const answer = await worker(
      new Request(eventsRequest(game), { headers: { "sec-websocket-protocol": "parley.v1" } }),
    );
    expect(answer.headers.get("upgrade")).toBe("websocket");
    expect(await problemOf(answer)).toMatchObject({ code: "upgrade_required", status: 426 });
  });

  test.each(["", "chat", "parley.v2", "parley.v1x"])("the subprotocol is required, not '%s'", async (protocol) => {
    const headers = protocol === "" ? {} : { "sec-websocket-protocol": protocol };
    const answer = await worker(new Request(eventsRequest(game), { headers: { upgrade: "websocket", ...headers } }));
    expect(await problemOf(answer)).toMatchObject({ code: "invalid_request" });
  });

  test("the subprotocol is selected among others", async () => {
    const answer = await worker(eventsRequest(game, undefined, { "sec-websocket-protocol": "chat, parley.v1" }));
    expect([answer.status, answer.headers.get("sec-websocket-protocol")]).toStrictEqual([101, "parley.v1"]);
    answer.webSocket!.accept();
    answer.webSocket!.close();
  });

  test("unknown shards and invalid games are refused", async () => {
    expect(await problemOf(await worker(eventsRequest(game, `1-${"a".repeat(26)}`)))).toMatchObject({
      code: "lobby_not_found",
    });
    expect(await problemOf(await worker(eventsRequest(game, "nonsense")))).toMatchObject({ code: "lobby_not_found" });
    expect(await problemOf(await worker(eventsRequest("UPPER")))).toMatchObject({ code: "invalid_request" });
  });

  test(`one source may open ${SUBSCRIBERS_PER_SOURCE_MAX} sockets, and others are not affected`, async () => {
    const settings = { ...env, SOURCE_HEADER: "cf-connecting-ip" };
    const from = async (source: string): Promise<Response> =>
      app.fetch(eventsRequest(game, undefined, { "cf-connecting-ip": source, "parley-source": "10.0.0.1" }), settings);
    const sockets: WebSocket[] = [];
    const open = async (source: string): Promise<void> => {
      const socket = (await from(source)).webSocket!;
      sockets.push(socket);
      socket.accept();
      const welcomed = new Promise((resolve) => socket.addEventListener("message", resolve));
      socket.send(JSON.stringify({ type: "hello", data: {} }));
      await welcomed;
    };
    // A home network has a whole /64.
    for (let at = 1; at <= SUBSCRIBERS_PER_SOURCE_MAX; at++) await open(`2001:db8::${at.toString(16)}`);
    expect(await problemOf(await from("2001:db8::ffff"))).toMatchObject({ code: "quota_exceeded", status: 429 });
    const other = await from("2001:db8:0:1::1");
    expect(other.status).toBe(101);
    other.webSocket!.accept();
    sockets.push(other.webSocket!);
    for (const socket of sockets) socket.close();
  });
});

describe("hello", () => {
  test("a socket without hello is closed after the deadline, and one with hello stays", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const silent = await EventsClient.open(game);
    const greeted = await EventsClient.greet(game);
    const [expire] = timers.mock.calls.find(([, delay_ms]) => delay_ms === HELLO_MS)!;
    vi.setSystemTime(Date.now() + HELLO_MS);
    await inside(game, () => (expire as () => void)());
    expect(await silent.closed).toStrictEqual({ code: 4408, reason: "no hello" });
    expect((await greeted.ask("subscribe", { topic: "lobbies" })).type).toBe("snapshot");
  });

  test("one source may have a few sockets without hello, and a hello makes room for another", async () => {
    const source = "198.51.100.20";
    const waiting: EventsClient[] = [];
    for (let at = 0; at < SUBSCRIBERS_UNGREETED_PER_SOURCE_MAX; at++)
      waiting.push(await EventsClient.open(game, { source }));
    await expect(EventsClient.open(game, { source })).rejects.toThrow(/quota_exceeded/);
    await EventsClient.open(game, { source: "203.0.113.20" });
    expect((await waiting[0]!.ask("hello", {})).type).toBe("welcome");
    await EventsClient.open(game, { source });
  });

  test("hello comes first and once", async () => {
    const subscriber = await EventsClient.open(game);
    for (const [type, data] of [
      ["subscribe", { topic: "lobbies" }],
      ["unsubscribe", { topic: "lobbies" }],
      ["chat", { lobby_id: NOBODY, text: "hi" }],
    ] as const) {
      const answer = await subscriber.ask(type, data);
      expect(problemIn(answer)).toMatchObject({ code: "invalid_request", status: 400, detail: "send hello first" });
    }
    expect(await subscriber.ask("hello", {})).toStrictEqual({
      type: "welcome",
      re: 4,
      data: { peer_id: null, heartbeat_s: 10 },
    });
    expect(problemIn(await subscriber.ask("hello", {}))).toMatchObject({ code: "invalid_request" });
  });

  test("a peer's token authenticates the socket, and an invalid one ends it", async () => {
    const { peer_id, peer_token } = await peerOf(game);
    const subscriber = await EventsClient.open(game);
    expect((await subscriber.ask("hello", { token: peer_token })).data).toMatchObject({ peer_id });
    for (const token of [
      "x",
      "",
      `${peer_token}x`,
      (await peerOf("another-game")).peer_token,
      (await peerOf(game)).udp_token,
    ]) {
      const stranger = await EventsClient.open(game);
      stranger.say({ type: "hello", data: { token } });
      const { data } = await stranger.next("error");
      expect(data).toMatchObject({ problem: { code: "unauthorized", status: 401 }, in_reply_to: "hello" });
      expect((await stranger.closed).code).toBe(4401);
    }
  });

  test("hello is answered before later messages, however long the token takes", async () => {
    const { peer_token } = await peerOf(game);
    const subscriber = await EventsClient.open(game);
    subscriber.say({ type: "hello", data: { token: peer_token } });
    subscriber.say({ type: "subscribe", data: { topic: "lobbies" } });
    expect([(await subscriber.next()).type, (await subscriber.next()).type]).toStrictEqual(["welcome", "snapshot"]);
  });
});

describe("a text that is no message ends only its socket:", () => {
  test.each<[string, string | ArrayBuffer]>([
    ["bytes", new Uint8Array([1, 2, 3]).buffer],
    ["nothing", ""],
    ["no JSON", "hello"],
    ["a list", "[]"],
    ["null", "null"],
    ["a number", "1e999"],
    ["half of it", '{"type":"hello","data":{}'],
    ["length", JSON.stringify({ type: "hello", data: { token: "x".repeat(SUBSCRIBER_MESSAGE_LENGTH_MAX) } })],
  ])("%s", async (_, message) => {
    const [witness] = await EventsClient.list(game);
    const subscriber = await EventsClient.open(game);
    subscriber.say(message);
    const { data } = await subscriber.next("error");
    expect(data).toMatchObject({ problem: { code: "invalid_request", status: 400 }, in_reply_to: null });
    expect((await subscriber.closed).code).toBe(4400);
    expect(await witness.rest()).toStrictEqual([]);
  });

  test("too many messages in a short time", async () => {
    const subscriber = await EventsClient.open(game);
    for (let at = 0; at <= SUBSCRIBER_MESSAGES_BURST; at++)
      subscriber.say({ type: "unsubscribe", data: { topic: "lobbies" } });
    expect((await subscriber.closed).code).toBe(4429);
    const refused = subscriber.unread.filter((frame) => problemIn(frame)?.["code"] === "rate_limited");
    expect(refused).toMatchObject([{ data: { in_reply_to: "unsubscribe" } }]);
    expect(subscriber.unread.length).toBeLessThanOrEqual(SUBSCRIBER_MESSAGES_BURST + 1);
  });
});

describe("an impossible command is refused and the socket stays open:", () => {
  test.each<[string, unknown, string, string?]>([
    ["subscribe", { topic: "lobby" }, "invalid_request", "lobby_id: a lobby topic needs one"],
    ["unsubscribe", { topic: "lobby" }, "invalid_request", "lobby_id: a lobby topic needs one"],
    ["subscribe", { topic: "lobby", lobby_id: NOBODY }, "lobby_not_found"],
    ["subscribe", { topic: "lobby", lobby_id: `1-${"a".repeat(26)}` }, "misdirected"],
    [
      "subscribe",
      { topic: "lobbies", filter: { "members[like]": "2" } },
      "invalid_request",
      "filter.members[like]: not a value this parameter takes",
    ],
    [
      "subscribe",
      { topic: "lobbies", filter: { limit: "5" } },
      "invalid_request",
      "filter.limit: not a value this parameter takes",
    ],
    [
      "subscribe",
      { topic: "lobbies", filter: { near: "skill:5" } },
      "invalid_request",
      "filter.near: not a value this parameter takes",
    ],
    ["chat", { lobby_id: NOBODY, text: "hi" }, "unauthorized"],
    ["signal", { lobby_id: NOBODY, to: "a".repeat(26), body: "x" }, "unauthorized"],
  ])("%s %j", async (type, data, code, detail) => {
    const subscriber = await EventsClient.greet(game);
    const problem = problemIn(await subscriber.ask(type, data));
    expect(problem).toMatchObject({ code, ...(detail !== undefined && { detail }) });
    expect((await subscriber.ask("subscribe", { topic: "lobbies" })).type).toBe("snapshot");
  });

  test("a filter that does not fit the socket's attachment", async () => {
    const subscriber = await EventsClient.greet(game);
    const filter = Object.fromEntries(
      Array.from({ length: 8 }, (_, at) => [`data[${"k".repeat(60)}${at}][in]`, "v".repeat(127)]),
    );
    expect(problemIn(await subscriber.ask("subscribe", { topic: "lobbies", filter }))).toBeUndefined();
    const longer = Object.fromEntries(
      Object.entries(filter).map(([name, value]) => [name, value.replaceAll("v", "\u0001")]),
    );
    expect(problemIn(await subscriber.ask("subscribe", { topic: "lobbies", filter: longer }))).toMatchObject({
      code: "invalid_request",
      detail: "filter: too long",
    });
  });

  test(`more than ${TOPICS_PER_SUBSCRIBER_MAX} lobbies on one socket`, async () => {
    const north = await Sidecar.link(game);
    await north.report(
      ...Array.from({ length: TOPICS_PER_SUBSCRIBER_MAX + 1 }, (_, at) => hosts(`Lobby ${at}`, "Alice")),
    );
    const [subscriber, snapshot] = await EventsClient.list(game);
    const ids = linesOf(snapshot).map(({ id }) => id);
    for (const id of ids.slice(1))
      expect((await subscriber.ask("subscribe", { topic: "lobby", lobby_id: id })).type).toBe("snapshot");
    expect(problemIn(await subscriber.ask("subscribe", { topic: "lobby", lobby_id: ids[0] }))).toMatchObject({
      code: "quota_exceeded",
    });
    expect((await subscriber.ask("subscribe", { topic: "lobby", lobby_id: ids[1] })).type).toBe("snapshot");
  });
});

test("a snapshot has a bounded number of lobbies and says that there are more", async () => {
  const north = await Sidecar.link(game);
  for (let at = 0; at < SNAPSHOT_LOBBIES_MAX; at += 100) {
    await north.report(...Array.from({ length: 100 }, (_, n) => hosts(`Lobby ${at + n}`, "Alice")));
  }
  const [, whole] = await EventsClient.list(game);
  expect([linesOf(whole).length, whole.data["complete"]]).toStrictEqual([SNAPSHOT_LOBBIES_MAX, true]);
  await north.report(hosts("One more", "Alice"));
  const [, part] = await EventsClient.list(game);
  expect([linesOf(part).length, part.data["complete"]]).toStrictEqual([SNAPSHOT_LOBBIES_MAX, false]);
});

test("a snapshot has a bounded length and says that there are more", async () => {
  freeOfCharge();
  const [value, rule] = ["v".repeat(128), { index: true }];
  const keys = Array.from({ length: 10 }, (_, at) => `${"k".repeat(60)}${at}`);
  const data = Object.fromEntries(keys.map((key) => [key, value]));
  const data_rules = Object.fromEntries(keys.map((key) => [key, rule]));
  for (const player of await players(game, 30)) for (let at = 0; at < 4; at++) await player.hosts({ data, data_rules });
  const [keen, part] = await EventsClient.list(game);
  expect(part.data["complete"]).toBe(false);
  expect(linesOf(part).length).toBeGreaterThan(100);
  expect(JSON.stringify(part).length).toBeLessThan(SNAPSHOT_LENGTH_MAX + 200);
  expect(await keen.rest()).toStrictEqual([]);
});

test("150 sockets that send random messages are answered and closed, and nothing else fails", async () => {
  const faults = vi.spyOn(console, "error");
  const north = await Sidecar.link(game);
  await north.report(hosts("Nice", "Alice"));
  const [witness, list] = await EventsClient.list(game);
  const { peer_token } = await peerOf(game);
  const dice = seeded(20_261_125);
  const ends = new Map<number, number>();
  for (let round = 0; round < 150; round++) {
    const subscriber = await EventsClient.greet(game, round % 2 === 0 ? peer_token : undefined);
    for (let at = 0; at < 20; at++) subscriber.say(absurd(dice, linesOf(list)[0]!.id));
    subscriber.say("{");
    const { code } = await subscriber.closed;
    ends.set(code, (ends.get(code) ?? 0) + 1);
    for (const frame of subscriber.unread) {
      expect(["error", "snapshot", "resumed", "ok"]).toContain(frame.type);
      const problem = problemIn(frame);
      if (problem !== undefined)
        expect([problem["code"], isRefusalCode(String(problem["code"]))]).toStrictEqual([problem["code"], true]);
    }
  }
  expect([...ends.keys()]).toStrictEqual([4400]);
  expect(await witness.rest()).toStrictEqual([]);
  expect(faults).not.toHaveBeenCalled();
});

describe("resuming a socket", () => {
  test("a resumed list gets everything that it missed, once", async () => {
    const north = await Sidecar.link(game);
    const [first] = await EventsClient.list(game);
    await north.report(hosts("Nice", "Alice"));
    const { seq } = await first.next("lobby.added");
    first.close();
    await north.report(hosts("Zoo", "Zoe"), hosts("Brief", "Bob"));
    await timePasses(game, COALESCE_MS);
    await north.report(joins("Nice", "Bob"), leaves("Brief", "Bob"));
    const again = await EventsClient.greet(game);
    expect(await again.ask("subscribe", { topic: "lobbies", since: seq })).toMatchObject({
      type: "resumed",
      data: { topic: "lobbies" },
    });
    const missed = await again.rest();
    expect(missed.map(({ type, data }) => [type, (data["lobby"] as { name: string } | undefined)?.name])).toStrictEqual(
      [
        ["lobby.added", "Zoo"],
        ["lobby.added", "Brief"],
        ["lobby.updated", "Nice"],
        ["lobby.removed", undefined],
      ],
    );
    for (const frame of missed) expect(frame.seq).toBeGreaterThan(seq!);
    const third = await EventsClient.greet(game);
    await third.ask("subscribe", { topic: "lobbies", since: missed.at(-1)!.seq });
    expect(await third.rest()).toStrictEqual([]);
  });

  test("a resumed lobby gets everything that it missed", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const [subscriber, list] = await EventsClient.list(game);
    const { id } = linesOf(list)[0]!;
    const { seq } = await subscriber.ask("subscribe", { topic: "lobby", lobby_id: id });
    await north.report(joins("Nice", "Bob"));
    const other = await EventsClient.greet(game);
    expect(await other.ask("subscribe", { topic: "lobby", lobby_id: id, since: seq })).toMatchObject({
      type: "resumed",
    });
    expect((await other.rest()).map(({ type }) => type)).toStrictEqual(["member.joined", "lobby.updated"]);
  });

  test("a subscriber gets a snapshot if the log no longer reaches back", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const [subscriber, { seq }] = await EventsClient.list(game);
    for (const since of [seq! - 1, seq! + 1_000_000, 0]) {
      expect((await subscriber.ask("subscribe", { topic: "lobbies", since })).type).toBe("snapshot");
    }
    for (let at = 0; at <= REPLAY_ITEMS_MAX / 100; at++) {
      await north.report(...Array.from({ length: 100 }, (_, n) => hosts(`Lobby ${at} ${n}`, "Alice")));
    }
    expect((await subscriber.ask("subscribe", { topic: "lobbies", since: seq })).type).toBe("resumed");
    await evictDurableObject(hubFor(game));
    vi.setSystemTime(Date.now() + 1);
    const back = await EventsClient.greet(game);
    expect((await back.ask("subscribe", { topic: "lobbies", since: seq })).type).toBe("snapshot");
  });
});

describe("a hub that slept", () => {
  test("subscribers continue if no update was pending", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const [subscriber, list] = await EventsClient.list(game, { name: "Nice" });
    const { id } = linesOf(list)[0]!;
    const { seq } = await subscriber.ask("subscribe", { topic: "lobby", lobby_id: id });
    await evictDurableObject(hubFor(game));
    await north.report(joins("Nice", "Bob"), hosts("Zoo", "Zoe"));
    const frames = await subscriber.rest();
    expect(frames.map(({ topic, type }) => [topic, type])).toStrictEqual([
      ["lobby", "member.joined"],
      ["lobby", "lobby.updated"],
      ["lobbies", "lobby.updated"],
    ]);
    for (const frame of frames) expect(frame.seq).toBeGreaterThan(seq!);
  });

  test("subscribers get a new snapshot if an update was pending", async () => {
    const north = await Sidecar.link(game);
    const [subscriber] = await EventsClient.list(game);
    const [other] = await EventsClient.list(game, { "member_count[gte]": "3" });
    await north.report(hosts("Nice", "Alice"));
    const id = (await subscriber.next("lobby.added")).data["lobby"] as { id: string };
    await subscriber.ask("subscribe", { topic: "lobby", lobby_id: id.id });
    await north.report(joins("Nice", "Bob"));
    await north.report(joins("Nice", "Carol"));
    await subscriber.rest();
    await evictDurableObject(hubFor(game));
    await north.batch(1, []);
    expect(linesOf(await subscriber.next("snapshot"))).toMatchObject([{ member_count: 3 }]);
    expect((await subscriber.next("snapshot")).data).toMatchObject({ lobby: { id: id.id, member_count: 3 } });
    expect(linesOf(await other.next("snapshot"))).toMatchObject([{ member_count: 3 }]);
    await evictDurableObject(hubFor(game));
    await north.batch(1, []);
    expect([await subscriber.rest(), await other.rest()]).toStrictEqual([[], []]);
  });
});

describe("slow and silent clients", () => {
  test("a client that reads too slowly is closed with the reason", async () => {
    const north = await Sidecar.link(game);
    const [slow] = await EventsClient.list(game);
    const [keen] = await EventsClient.list(game);
    const pinged = await pingsOf(game);
    const name = (at: number): string => `${"x".repeat(40)} ${at}`;
    let told = 0;
    for (let round = 0; told <= UNCONFIRMED_LENGTH_MAX; round++) {
      await north.report(...Array.from({ length: 100 }, (_, at) => hosts(name(round * 100 + at), "Alice")));
      told += 100 * 330;
      vi.setSystemTime(Date.now() + 1);
      pinged.by(keen);
    }
    expect(await slow.next("resync")).toMatchObject({ type: "resync", data: {} });
    expect(await slow.closed).toMatchObject({ code: 4008 });
    expect((await keen.ask("unsubscribe", { topic: "lobbies" })).type).toBe("ok");
  });

  test("a client that does not ping is closed, and one that does is not", async () => {
    const [silent] = await EventsClient.list(game);
    const [alive] = await EventsClient.list(game);
    const pinged = await pingsOf(game);
    for (let at = 0; at < 4; at++) {
      await timePasses(game, SUBSCRIBER_SILENCE_MS / 2);
      pinged.by(alive);
    }
    expect(await silent.closed).toMatchObject({ code: 4408 });
    expect((await alive.ask("unsubscribe", { topic: "lobbies" })).type).toBe("ok");
  });

  test("pings are answered without waking the hub", async () => {
    const subscriber = await EventsClient.greet(game);
    const { Hub } = await import("../../../../worker/hub/hub.ts");
    const heard = vi.spyOn(Hub.prototype, "webSocketMessage");
    await Promise.all(Array.from({ length: 20 }, () => subscriber.ping()));
    expect(heard).not.toHaveBeenCalled();
  });
});

/** Valid, nearly valid and invalid messages. */
function absurd(dice: () => number, lobby: string): string | ArrayBuffer {
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(dice() * of.length)]!;
  const value = (): unknown =>
    pick<unknown>(lobby, NOBODY, "lobbies", "lobby", -1, 1e308, null, true, [], {}, "", "\u202e", "a".repeat(600), {
      a: { a: {} },
    });
  const filter = (): unknown =>
    pick<unknown>(
      value(),
      { members: "2" },
      { "data[map]": "x" },
      { "name[contains]": "" },
      { __proto__: "x" },
      { limit: "1" },
    );
  const data = {
    topic: value(),
    lobby_id: value(),
    filter: filter(),
    since: value(),
    text: value(),
    to: value(),
    body: value(),
    token: value(),
  };
  const keys = Object.keys(data).filter(() => dice() < 0.7) as (keyof typeof data)[];
  const said = Object.fromEntries(keys.map((key) => [key, data[key]]));
  const type = pick<unknown>("subscribe", "subscribe", "unsubscribe", "chat", "signal", "hello", "welcome", value());
  return JSON.stringify({
    type,
    seq: pick<unknown>(undefined, 7, value()),
    data: pick<unknown>(said, said, said, value()),
  });
}

// --- helpers ---------------------------------------------------------------------------------------------------

type Peer = { peer_id: string; peer_token: string; udp_token: string };

async function peerOf(of: string): Promise<Peer> {
  const answer = await exports.default.fetch(new Request(`http://hub.test/v1/games/${of}/peers`, { method: "POST" }));
  return answer.json<Peer>();
}

/** The platform records pings by a clock that tests cannot change, so the test says which sockets pinged and when. */
async function pingsOf(of: string): Promise<{ by: (subscriber: EventsClient) => void }> {
  const stamps = new Map<number, Date>();
  const sockets = await inside(of, (state) => state.getWebSockets("events"));
  const prototype = await inside(of, (state) => Object.getPrototypeOf(state) as DurableObjectState);
  vi.spyOn(prototype, "getWebSocketAutoResponseTimestamp").mockImplementation(
    (socket) => stamps.get(sockets.indexOf(socket)) ?? null,
  );
  return { by: (subscriber) => void stamps.set(subscriber.number, new Date()) };
}

const problemIn = ({ type, data }: Frame): Record<string, unknown> | undefined =>
  type === "error" ? (data["problem"] as Record<string, unknown>) : undefined;
const linesOf = ({ data }: Frame): { id: string }[] => data["lobbies"] as { id: string }[];
