/**
 * Costs, counted and not timed: rows written, for which a hub is billed (setting its alarm is one), and transactions,
 * each of which waits for the disk. A number that changes here changes the bill.
 */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  COALESCE_MS,
  SUBSCRIBER_SILENCE_MS,
  BATCH_REPORTS_MAX,
  LINK_SILENCE_MS,
  SEATS_MAX,
  SIDECAR_GRACE_MS,
  SILENT_AWAY_MS,
  SILENT_MS,
} from "#shared/limits.ts";
import { Hub } from "../../../worker/hub/hub.ts";
import { type Bill, meter } from "../support/meter.ts";
import { hubFor, inside, lobbyRows, timePasses, untilDown } from "../support/hub-inspector.ts";
import { freeOfCharge, type Player, players } from "../support/player.ts";
import { asks, confirms, hosts, isHeard, joins, newGame, ORIGIN, Sidecar, starts, worker } from "../support/sidecar.ts";
import { EventsClient } from "../support/subscriber.ts";

const NOTHING: Bill = { rows: 0, alarms: 0, transactions: 0 };
const ACK_ALONE: Bill = { rows: 1, alarms: 0, transactions: 1 };

let game = "";
beforeEach(() => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
});

describe("rows written:", () => {
  test("a lobby of two over a wire writes 14: host 3, join 2, start 3, confirm 2, confirm 3, end 1", async () => {
    const north = await Sidecar.link(game);
    const cost = await meter(game);
    const lobbyAndAck: Bill = { rows: 2, alarms: 0, transactions: 1 };
    const thatMovesTheAlarm: Bill = { ...lobbyAndAck, alarms: 1 };

    await north.report(hosts("Nice", "Alice"));
    expect(cost()).toStrictEqual(thatMovesTheAlarm);
    await north.report(joins("Nice", "Bob"));
    expect(cost()).toStrictEqual(lobbyAndAck);
    await north.report(starts("Nice", "Alice"));
    expect(cost()).toStrictEqual(thatMovesTheAlarm);
    await north.report(confirms("Nice", "Alice"));
    expect(cost()).toStrictEqual(lobbyAndAck);
    await north.report(confirms("Nice", "Bob"));
    expect(cost()).toStrictEqual(thatMovesTheAlarm);
    await timePasses(game, 2_000);
    expect(await lobbyRows(game)).toStrictEqual([]);
    expect(cost()).toStrictEqual({ rows: 1, alarms: 0, transactions: 1 });
  });

  test("a lobby of two in one batch writes 4: lobby 1, ack 1, alarm 1, end 1", async () => {
    const north = await Sidecar.link(game);
    const cost = await meter(game);
    await north.report(
      hosts("Nice", "Alice"),
      joins("Nice", "Bob"),
      starts("Nice", "Alice"),
      confirms("Nice", "Alice"),
      confirms("Nice", "Bob"),
    );
    expect(cost()).toStrictEqual({ rows: 2, alarms: 1, transactions: 1 });
    await timePasses(game, 2_000);
    expect(cost()).toStrictEqual({ rows: 1, alarms: 0, transactions: 1 });
  });

  test("a report without effect writes 1, its ack; a repeated batch writes 0", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const cost = await meter(game);
    for (const report of [
      hosts("Nice", "Alice"),
      asks("Nice", "Alice"),
      asks("Nowhere", "Eve"),
      isHeard("Nice", "Alice"),
    ]) {
      await north.report(report);
      expect([report.kind, cost()]).toStrictEqual([report.kind, ACK_ALONE]);
    }
    await north.batch(1, [hosts("Nice", "Alice")]);
    await north.batch(9, [joins("Nice", "Bob")]);
    expect(cost()).toStrictEqual(NOTHING);
  });

  test("the first hello of a game writes 27, twenty-five for its tables and one to register it; later ones write 1", async () => {
    const cost = await meter(game);
    await Sidecar.link(game);
    expect(cost()).toStrictEqual({ rows: 27, alarms: 0, transactions: 2 });
    await Sidecar.link(game, { name: "south" });
    expect(cost()).toStrictEqual(ACK_ALONE);
  });

  test("a short outage writes 3 for any number of lobbies: down 1, alarm 1, back 1", async () => {
    const north = await Sidecar.link(game);
    await north.report(...lobbies(10));
    const cost = await meter(game);
    north.close();
    await untilDown(game, "north");
    expect(cost()).toStrictEqual({ rows: 1, alarms: 1, transactions: 1 });
    await timePasses(game, SIDECAR_GRACE_MS / 2);
    await Sidecar.link(game);
    expect(cost()).toStrictEqual(ACK_ALONE);
  });
});

describe("rows written over HTTP:", () => {
  test("a lobby of two writes 8: create 1, join and alarm 2, heartbeat 1, change 1, leave 1, silent 1, end 1", async () => {
    freeOfCharge();
    // Tables are created once per game, and its alarm is set: neither is counted here.
    const [ann, bob] = (await players(game, 2)) as [Player, Player];
    await bob.hosts();
    await bob.ask("DELETE", `lobbies/${(await lobbyRows(game))[0]!.id}`);
    const cost = await meter(game);
    const one: Bill = { rows: 1, alarms: 0, transactions: 1 };

    const { id } = await ann.hosts();
    expect(cost()).toStrictEqual(one);
    await bob.joins(id);
    expect(cost()).toStrictEqual({ ...one, alarms: 1 });
    await bob.beats(id);
    expect(cost()).toStrictEqual(one);
    for (const talk of ["heartbeat", "heartbeat", "heartbeat"]) await ann.ask("POST", `lobbies/${id}/${talk}`);
    await bob.ask("POST", `lobbies/${id}/chat`, { body: { text: "hello" } });
    await bob.ask("POST", `lobbies/${id}/signals`, { body: { to: ann.id, body: "sdp" } });
    await bob.sees(id);
    expect(cost()).toStrictEqual(NOTHING);
    await ann.patches(id, { name: "Nicer" });
    expect(cost()).toStrictEqual(one);
    await ann.patches(id, { name: "Nicer" });
    expect(cost()).toStrictEqual(NOTHING);
    await bob.ask("DELETE", `lobbies/${id}/members/${bob.id}`);
    expect(cost()).toStrictEqual(one);
    await timePasses(game, SILENT_MS);
    expect((await lobbyRows(game))[0]!.members[0]!.away_since).not.toBeNull();
    expect(cost().rows).toBe(1);
    await timePasses(game, SILENT_AWAY_MS);
    expect(await lobbyRows(game)).toStrictEqual([]);
    expect(cost().rows).toBe(1);
  });

  test("a minute of heartbeats writes at most 4, all alarms, for any number of lobbies", async () => {
    freeOfCharge();
    const many = await players(game, 20);
    const made = await Promise.all(many.map(async (who) => ({ who, id: (await who.hosts()).id })));
    const cost = await meter(game);
    for (let passed = 0; passed < 60_000; passed += 10_000) {
      await timePasses(game, 10_000);
      for (const { who, id } of made) await who.beats(id);
    }
    const { rows, alarms } = cost();
    expect([rows, alarms <= 4]).toStrictEqual([0, true]);
  });
});

describe("rows written for subscribers:", () => {
  test("changes a second apart write nothing, for any number of subscribers", async () => {
    const north = await Sidecar.link(game);
    for (let at = 0; at < 5; at++) await EventsClient.list(game);
    await north.report(hosts("Nice", "Alice"));
    const cost = await meter(game);
    for (const guest of ["Bob", "Carol", "Dora"]) {
      vi.setSystemTime(Date.now() + COALESCE_MS);
      await north.report(joins("Nice", guest));
      expect(cost()).toStrictEqual({ rows: 2, alarms: 0, transactions: 1 });
    }
  });

  test("faster changes write two alarms a second, for any number of lobbies and subscribers", async () => {
    const north = await Sidecar.link(game);
    const told = await Promise.all([1, 2, 3].map(async () => (await EventsClient.list(game, { include: "full" }))[0]));
    await north.report(...lobbies(10));
    for (const subscriber of told) expect(await subscriber.rest()).toHaveLength(10);
    const cost = await meter(game);
    for (const guest of ["Bob", "Carol", "Dora"]) {
      await north.report(...lobbies(10).map(({ name }) => joins(name, guest)));
    }
    await timePasses(game, COALESCE_MS);
    for (const subscriber of told) {
      const frames = await subscriber.rest();
      expect(
        frames.map(({ type, data }) => [type, (data["lobby"] as { member_count: number }).member_count]),
      ).toStrictEqual(Array.from({ length: 10 }, () => ["lobby.updated", 4]));
    }
    // One for the pending updates, and one for the earlier purpose of the alarm.
    expect(cost()).toStrictEqual({ rows: 33, alarms: 2, transactions: 3 });
  });

  test("subscribers write one alarm every half minute, and none when there are none", async () => {
    const [subscriber] = await EventsClient.list(game);
    const prototype = await inside(game, (state) => Object.getPrototypeOf(state) as DurableObjectState);
    vi.spyOn(prototype, "getWebSocketAutoResponseTimestamp").mockImplementation(() => new Date());
    const cost = await meter(game);
    await timePasses(game, 10 * SUBSCRIBER_SILENCE_MS);
    expect(cost()).toStrictEqual({ rows: 0, alarms: 10, transactions: 0 });
    subscriber.close();
    await vi.waitFor(async () =>
      expect(
        (await inside(game, (state) => state.getWebSockets("events"))).filter(({ readyState }) => readyState === 1),
      ).toHaveLength(0),
    );
    await timePasses(game, SUBSCRIBER_SILENCE_MS);
    cost();
    await timePasses(game, 10 * SUBSCRIBER_SILENCE_MS);
    expect(cost()).toStrictEqual(NOTHING);
  });
});

describe("one transaction:", () => {
  test(`a batch of ${BATCH_REPORTS_MAX} new lobbies writes one row each and one for the ack`, async () => {
    const north = await Sidecar.link(game);
    const cost = await meter(game);
    await north.report(...lobbies(BATCH_REPORTS_MAX));
    expect(cost()).toStrictEqual({ rows: BATCH_REPORTS_MAX + 1, alarms: 1, transactions: 1 });
  });

  test("a batch of 20 joins to one lobby writes one row for it", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice", { seats: SEATS_MAX }));
    const cost = await meter(game);
    await north.report(...Array.from({ length: 20 }, (_, at) => joins("Nice", `Player ${at}`)));
    expect(cost()).toStrictEqual({ rows: 2, alarms: 0, transactions: 1 });
  });

  test(`the end of ${BATCH_REPORTS_MAX} lobbies at once`, async () => {
    const north = await Sidecar.link(game);
    await north.report(...lobbies(BATCH_REPORTS_MAX, 30_000));
    const cost = await meter(game);
    await timePasses(game, 30_000);
    expect(cost()).toStrictEqual({ rows: BATCH_REPORTS_MAX, alarms: 0, transactions: 1 });
  });
});

describe("no rows:", () => {
  test("pings, none of which reaches the hub", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const cost = await meter(game);
    const messages = vi.spyOn(Hub.prototype, "webSocketMessage");
    await Promise.all(Array.from({ length: 100 }, () => north.ping()));
    expect(messages).not.toHaveBeenCalled();
    expect(cost()).toStrictEqual(NOTHING);
    // The same counter sees a message that reaches the hub.
    await north.report(asks("Nice", "Alice"));
    expect(messages).toHaveBeenCalledOnce();
  });

  test("HTTP reads, which are answered from memory", async () => {
    const north = await Sidecar.link(game);
    await north.report(...lobbies(3));
    const [{ id } = { id: "" }] = await lobbyRows(game);
    const cost = await meter(game);
    for (const path of ["lobbies", "lobbies?limit=1", "lobbies?include=full,in_game", `lobbies/${id}`]) {
      expect((await worker(new Request(`${ORIGIN}/v1/games/${game}/${path}`))).status).toBe(200);
    }
    expect([cost.statements(), cost()]).toStrictEqual([0, NOTHING]);
  });

  test("an eviction and wake, which do not set the alarm again", async () => {
    const north = await Sidecar.link(game);
    await north.report(...lobbies(3, 30_000));
    const cost = await meter(game);
    await evictDurableObject(hubFor(game));
    await north.batch(1, []);
    expect(cost()).toStrictEqual(NOTHING);
    await north.report(...lobbies(4, 40_000).slice(3));
    expect(cost()).toStrictEqual({ rows: 2, alarms: 0, transactions: 1 });
  });

  test("waiting, except one row a minute for the check of the links", async () => {
    const north = await Sidecar.link(game);
    await north.report(...lobbies(10, 3_600_000));
    // The platform records pongs by a clock that tests cannot change.
    const prototype = await inside(game, (state) => Object.getPrototypeOf(state) as DurableObjectState);
    vi.spyOn(prototype, "getWebSocketAutoResponseTimestamp").mockImplementation(() => new Date());
    const cost = await meter(game);
    await timePasses(game, 10 * LINK_SILENCE_MS);
    expect(cost()).toStrictEqual({ rows: 0, alarms: 10, transactions: 0 });
  });
});

function lobbies(count: number, lifetime_ms = 900_000): ReturnType<typeof hosts>[] {
  const names = Array.from({ length: count }, (_, at) => `Lobby ${at}`);
  return names.map((name) => {
    const report = hosts(name, "Alice");
    return { ...report, policy: { ...report.policy, lifetime_ms } };
  });
}
