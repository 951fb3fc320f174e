import { beforeEach, describe, expect, test, vi } from "vitest";
import { ALARM_SLACK_MS, AWAY_MS, LINK_SILENCE_MS, SIDECAR_GRACE_MS, SIDECARS_PER_HUB_MAX } from "#shared/limits.ts";
import { LinkCloseCode, type Report } from "#shared/link/messages.ts";
import type { LobbyView } from "#shared/api/lobbies.ts";
import type { Summary } from "#shared/listing/summary.ts";
import {
  alarmOf,
  inside,
  lobbyRows,
  sidecarRow,
  sidecarRows,
  timePasses,
  untilDown,
} from "../support/hub-inspector.ts";
import {
  confirms,
  heard,
  hosts,
  isHeard,
  joins,
  leaves,
  newGame,
  ORIGIN,
  POLICY,
  removed,
} from "../support/sidecar.ts";
import { roster, Sidecar, starts, worker } from "../support/sidecar.ts";

let game = "";

// Hub and test share one isolate and its clock. It starts at the real time, because an alarm in the past fires at once.
beforeEach(() => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
});

describe("a lobby that never starts", () => {
  test("a lobby expires after its wire's lease, its members are notified and its row deleted", async () => {
    const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
    await north.report(brief("Brief", 30_000));
    await south.report(joins("Brief", "Bob"));
    await north.next("told");

    await timePasses(game, 29_999);
    expect(await listed()).toStrictEqual(["Brief"]);
    expect([await north.rest(), await south.rest()]).toStrictEqual([[], []]);

    await timePasses(game, 1);
    expect(heard((await north.next("told")).items)).toStrictEqual([["Alice", removed("lobby_timeout")]]);
    expect(heard((await south.next("told")).items)).toStrictEqual([["Bob", removed("lobby_timeout")]]);
    expect([await listed(), await lobbyRows(game)]).toStrictEqual([[], []]);
  });

  test("other lobbies stay when one expires", async () => {
    const north = await Sidecar.link(game);
    await north.report(brief("Brief", 30_000), hosts("Long", "Bob"));
    await timePasses(game, 30_000);
    expect(await listed()).toStrictEqual(["Long"]);
    expect(heard((await north.next("told")).items)).toStrictEqual([["Alice", removed("lobby_timeout")]]);
  });

  test("a lobby is over for requests after its expiry, although the alarm has not fired", async () => {
    const north = await Sidecar.link(game);
    await north.report(brief("Brief", 30_000));
    vi.setSystemTime(Date.now() + 30_000);
    expect(heard(await north.report(joins("Brief", "Bob")))).toStrictEqual([
      ["Alice", removed("lobby_timeout")],
      [2, "lobby_not_found"],
    ]);
    expect(await lobbyRows(game)).toStrictEqual([]);
  });
});

describe("a started lobby", () => {
  test("a started lobby is kept for members that missed the notice, then ends", async () => {
    const north = await started();
    await timePasses(game, POLICY.started_keep_ms - 1);
    expect(await listed()).toStrictEqual(["Nice"]);
    expect(await north.rest()).toStrictEqual([]);
    await timePasses(game, 1);
    expect(heard((await north.next("told")).items)).toStrictEqual([
      ["Alice", removed("over")],
      ["Bob", removed("over")],
    ]);
    expect([await listed(), await lobbyRows(game)]).toStrictEqual([[], []]);
  });

  test("a started lobby ends soon after all members confirmed", async () => {
    const north = await started();
    await north.report(confirms("Nice", "Alice"));
    await timePasses(game, 1_000);
    await north.report(confirms("Nice", "Bob"));
    await timePasses(game, POLICY.confirmed_keep_ms - 1);
    expect(await listed()).toStrictEqual(["Nice"]);
    await timePasses(game, 1);
    expect([await listed(), await lobbyRows(game)]).toStrictEqual([[], []]);
    // No deadline is left, so nothing wakes this hub.
    expect(await alarmOf(game)).toBeNull();
  });
});

describe("a sidecar whose link is down", () => {
  test("lobbies stay listed for a grace period, and are found by id afterwards", async () => {
    const { id, north } = await hostedByNorth();
    await falls(north);
    await timePasses(game, SIDECAR_GRACE_MS - 1);
    expect(await listed()).toStrictEqual(["Nice"]);
    await timePasses(game, 1);
    expect(await listed()).toStrictEqual([]);
    expect(await detailOf(id)).toMatchObject({ id, name: "Nice", member_count: 2 });
  });

  test("a sidecar that is back in time has lost nothing", async () => {
    const { north } = await hostedByNorth();
    const before = await lobbyRows(game);
    await falls(north);
    await timePasses(game, SIDECAR_GRACE_MS - 1);
    await Sidecar.link(game);
    await timePasses(game, SIDECAR_GRACE_MS);
    expect(await lobbyRows(game)).toStrictEqual(before);
    expect(await listed()).toStrictEqual(["Nice"]);
  });

  test("a late sidecar with its memory has its lobbies listed at once", async () => {
    const { north } = await hostedByNorth();
    await falls(north);
    await timePasses(game, SIDECAR_GRACE_MS + AWAY_MS / 2);
    expect(await listed()).toStrictEqual([]);
    const back = await Sidecar.open(game);
    expect((await back.hello()).members.map(({ to }) => to.peer)).toStrictEqual(["Alice", "Bob"]);
    expect(await listed()).toStrictEqual(["Nice"]);
  });

  test("a late sidecar without its memory has them listed when the host is heard", async () => {
    const { north } = await hostedByNorth();
    await falls(north);
    await timePasses(game, SIDECAR_GRACE_MS + AWAY_MS / 2);
    const anew = await Sidecar.link(game, { epoch: "epoch-two" });
    expect(await listed()).toStrictEqual([]);
    await anew.report(isHeard("Nice", "Bob"));
    expect(await listed()).toStrictEqual([]);
    await anew.report(isHeard("Nice", "Alice"));
    expect(await listed()).toStrictEqual(["Nice"]);
    await timePasses(game, AWAY_MS);
    expect(await lobbyRows(game)).toMatchObject([{ members: [{ peer: "Alice" }, { peer: "Bob" }] }]);
  });

  test("a restarted sidecar has its lobbies listed at once while their leases last", async () => {
    const { north } = await hostedByNorth();
    await falls(north);
    await timePasses(game, POLICY.lease_ms! - 1);
    await Sidecar.link(game, { epoch: "epoch-two" });
    expect(await listed()).toStrictEqual(["Nice"]);
    expect(await lobbyRows(game)).toMatchObject([{ members: [{ away_since: null }, { away_since: null }] }]);
  });

  test("a restarted sidecar must receive from its members again once their lease is over", async () => {
    const { north: before } = await hostedByNorth();
    await falls(before);
    await timePasses(game, POLICY.lease_ms!);
    const north = await Sidecar.link(game, { epoch: "epoch-two" });
    expect(await listed()).toStrictEqual([]);
    await north.report(isHeard("Nice", "Alice"));
    expect(await listed()).toStrictEqual(["Nice"]);
    // Bob was not heard again, and only Bob is dropped.
    await timePasses(game, AWAY_MS);
    expect(heard((await north.next("told")).items)).toStrictEqual([
      ["Bob", removed("member_timeout")],
      ["Alice", roster("Alice")],
    ]);
  });

  test("an absent sidecar loses its members: the next in order hosts, and a lobby without others ends", async () => {
    const south = await Sidecar.link(game, { name: "south" });
    const { north } = await hostedByNorth("Nice", "Mine");
    await south.report(joins("Nice", "Carol"));
    await falls(north);
    await everybodyPings();

    await timePasses(game, SIDECAR_GRACE_MS + AWAY_MS - 1);
    expect((await lobbyRows(game)).map(({ members }) => members.length)).toStrictEqual([2, 3]);
    expect(await south.rest()).toStrictEqual([]);

    await timePasses(game, 1);
    expect(heard((await south.next("told")).items)).toStrictEqual([["Carol", roster("Carol")]]);
    expect(await lobbyRows(game)).toMatchObject([{ name: "Nice", host: "Carol", term: 2, members: { length: 1 } }]);
    expect(await listed()).toStrictEqual(["Nice"]);
  });

  test("an evicted sidecar loses its members too", async () => {
    const { north } = await hostedByNorth();
    await falls(north);
    for (let at = 0; at < SIDECARS_PER_HUB_MAX; at++) await Sidecar.link(game, { name: `other-${at}` });
    expect((await sidecarRows(game)).map(({ id }) => id)).not.toContain("north");
    await everybodyPings();
    await timePasses(game, SIDECAR_GRACE_MS + AWAY_MS + LINK_SILENCE_MS);
    expect([await listed(), await lobbyRows(game)]).toStrictEqual([[], []]);
  });

  test("a sidecar that said bye has no grace period", async () => {
    const { north } = await hostedByNorth();
    north.say({ t: "bye" });
    expect(await north.closed).toMatchObject({ code: LinkCloseCode.bye });
    expect(await listed()).toStrictEqual([]);
    await timePasses(game, AWAY_MS - 1);
    expect((await lobbyRows(game)).length).toBe(1);
    await timePasses(game, 1);
    expect(await lobbyRows(game)).toStrictEqual([]);
    expect(await alarmOf(game)).toBeNull();
  });

  test("a sidecar that said bye can return with everything", async () => {
    const { north } = await hostedByNorth();
    north.say({ t: "bye" });
    await north.closed;
    await timePasses(game, AWAY_MS / 2);
    expect(await (await Sidecar.open(game)).hello()).toMatchObject({ ack: 2 });
    expect(await listed()).toStrictEqual(["Nice"]);
  });
});

describe("a link without pings", () => {
  test("a silent link is ended within two checks, and its sidecar is down", async () => {
    const { north } = await hostedByNorth();
    await timePasses(game, LINK_SILENCE_MS);
    expect((await sidecarRow(game, "north")).down_since).toBeNull();
    await timePasses(game, LINK_SILENCE_MS);
    expect(await north.closed).toMatchObject({ code: LinkCloseCode.silent });
    await timePasses(game, SIDECAR_GRACE_MS);
    expect(await listed()).toStrictEqual([]);
  });

  test("a link that pings stays open without other messages", async () => {
    await hostedByNorth();
    await everybodyPings();
    await timePasses(game, 10 * LINK_SILENCE_MS);
    expect(await sidecarRow(game, "north")).toMatchObject({ down_since: null });
    expect(await listed()).toStrictEqual(["Nice"]);
  });
});

describe("the alarm", () => {
  test("one alarm serves all deadlines, and moves only for one that is clearly sooner", async () => {
    const north = await Sidecar.link(game);
    const now = Date.now();
    const set = await inside(game, ({ storage }) => vi.spyOn(Object.getPrototypeOf(storage), "setAlarm"));

    await north.report(brief("First", 40_000));
    expect(await alarmOf(game)).toBe(now + 40_000);
    await north.report(brief("Later", 50_000));
    await north.report(brief("Hardly sooner", 40_000 - ALARM_SLACK_MS));
    await north.report(joins("First", "Bob"), leaves("First", "Bob"));
    expect([await alarmOf(game), set.mock.calls.length]).toStrictEqual([now + 40_000, 1]);
    await north.report(brief("Sooner", 40_000 - ALARM_SLACK_MS - 1));
    expect([await alarmOf(game), set.mock.calls.length]).toStrictEqual([now + 38_999, 2]);

    // After it fired, it is set for the next deadline.
    await timePasses(game, 38_999);
    expect((await lobbyRows(game)).map(({ name }) => name)).toStrictEqual(["First", "Hardly sooner", "Later"]);
    expect(await alarmOf(game)).toBe(now + 39_000);
  });
});

async function started(): Promise<Sidecar> {
  const north = await Sidecar.link(game);
  await north.report(hosts("Nice", "Alice"), joins("Nice", "Bob"), starts("Nice", "Alice"));
  return north;
}

const brief = (name: string, lifetime_ms: number): Report =>
  hosts(name, "Alice", { policy: { ...POLICY, lifetime_ms } });

async function hostedByNorth(...names: string[]): Promise<{ north: Sidecar; id: string }> {
  const north = await Sidecar.link(game);
  for (const name of names.length === 0 ? ["Nice"] : names)
    await north.report(hosts(name, "Alice"), joins(name, "Bob"));
  return { north, id: (await lobbyRows(game))[0]!.id };
}

/** The link breaks, and the hub notices. */
async function falls(north: Sidecar): Promise<void> {
  north.close();
  await untilDown(game, "north");
}

/** The platform records pongs by a clock that tests cannot change. */
async function everybodyPings(): Promise<void> {
  const prototype = await inside(game, (state) => Object.getPrototypeOf(state) as DurableObjectState);
  vi.spyOn(prototype, "getWebSocketAutoResponseTimestamp").mockImplementation(() => new Date());
}

async function listed(): Promise<string[]> {
  const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies?include=full,in_game`));
  const { lobbies } = await response.json<{ lobbies: Summary[] }>();
  return lobbies.map(({ name }) => name);
}

async function detailOf(id: string): Promise<LobbyView> {
  return (await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies/${id}`))).json();
}
