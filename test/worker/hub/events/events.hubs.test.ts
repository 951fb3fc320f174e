import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { COALESCE_MS, REPLAY_KEPT_MS } from "#shared/limits.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { hubFor, timePasses } from "../../support/hub-inspector.ts";
import { hosts, joins, leaves, newGame, Sidecar } from "../../support/sidecar.ts";
import { type Frame, EventsClient } from "../../support/subscriber.ts";

/** A name's hub follows from its hash; these are the first names for each of the two. */
const NAMES = Array.from({ length: 40 }, (_, at) => `Lobby ${at}`);
const [here, there] = [0, 1].map((shard) => NAMES.filter((name) => shardOf("rabid", name, 2) === shard));

let game = "";
let near: Sidecar;
let far: Sidecar;
beforeEach(async () => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
  near = await Sidecar.link(game, { shard: 0 });
  far = await Sidecar.link(game, { shard: 1 });
});

describe("the list of two hubs", () => {
  test("a subscriber gets a snapshot and events of both hubs", async () => {
    await near.report(hosts(here![0]!, "Alice"));
    await far.report(hosts(there![0]!, "Bob"));
    const [subscriber, snapshot] = await EventsClient.list(game);
    expect(namesOf(snapshot).toSorted()).toStrictEqual([here![0]!, there![0]!].toSorted());

    await far.report(hosts(there![1]!, "Carol"));
    expect((await subscriber.next("lobby.added")).data).toMatchObject({ lobby: { name: there![1]! } });
    await near.report(joins(here![0]!, "Dora"));
    expect((await subscriber.next("lobby.updated")).data).toMatchObject({
      lobby: { name: here![0]!, member_count: 2 },
    });
    await far.report(leaves(there![0]!, "Bob"));
    expect((await subscriber.next("lobby.removed")).data).toMatchObject({ cause: "closed" });
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("a lobby's updates are merged to one per second, whichever hub holds it", async () => {
    const [subscriber] = await EventsClient.list(game);
    await far.report(hosts(there![0]!, "Alice", { seats: 12 }));
    await subscriber.next("lobby.added");
    for (const guest of ["Bob", "Carol", "Dora"]) await far.report(joins(there![0]!, guest));
    expect(await subscriber.rest()).toStrictEqual([]);
    await timePasses(game, COALESCE_MS);
    expect((await subscriber.next("lobby.updated")).data).toMatchObject({ lobby: { member_count: 4 } });
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("events continue after either hub slept", async () => {
    const [subscriber] = await EventsClient.list(game);
    for (const shard of [1, 0]) {
      await evictDurableObject(hubFor(game, shard));
      await far.report(hosts(there![shard]!, "Alice"));
      expect((await subscriber.next("lobby.added")).data).toMatchObject({ lobby: { name: there![shard]! } });
    }
    const [, snapshot] = await EventsClient.list(game);
    expect(namesOf(snapshot)).toHaveLength(2);
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("a gap at the first hub causes a new snapshot", async () => {
    await far.report(hosts(there![0]!, "Alice"));
    const [subscriber] = await EventsClient.list(game);
    const first = hubFor(game, 0);
    await first.onShardChanges(1, [], 7, false);
    expect(namesOf(await subscriber.next("snapshot"))).toStrictEqual([there![0]!]);
    await first.onShardChanges(1, [], 1, true);
    expect(namesOf(await subscriber.next("snapshot"))).toStrictEqual([there![0]!]);
    await first.onShardChanges(1, [], 1, false);
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("the other hub stops sending after the last subscriber left", async () => {
    const fed = vi.spyOn((await import("../../../../worker/hub/hub.ts")).Hub.prototype, "onShardChanges");
    const [subscriber] = await EventsClient.list(game);
    await far.report(hosts(there![0]!, "Alice"));
    await subscriber.next("lobby.added");
    await subscriber.ask("unsubscribe", { topic: "lobbies" });
    // For this long the subscriber may only have lost its connection.
    vi.setSystemTime(Date.now() + REPLAY_KEPT_MS + 1);
    const callsOf = async (lobby: string): Promise<number> => {
      const before = fed.mock.calls.length;
      await far.report(hosts(lobby, "Bob"));
      await far.report(leaves(lobby, "Bob"));
      return fed.mock.calls.length - before;
    };
    // The other hub stops once it has the first hub's response.
    await vi.waitFor(async () => expect(await callsOf(there![1]!)).toBe(0), { timeout: 30_000 });
    expect(await callsOf(there![2]!)).toBe(0);
  });
});

describe("a socket at the wrong hub", () => {
  test("a subscription at the wrong hub names the right one", async () => {
    await far.report(hosts(there![0]!, "Alice"));
    const [subscriber, snapshot] = await EventsClient.list(game);
    const id = (snapshot.data["lobbies"] as { id: string }[])[0]!.id;
    expect(await subscriber.ask("subscribe", { topic: "lobby", lobby_id: id })).toMatchObject({
      type: "error",
      data: { problem: { code: "misdirected", status: 421 } },
    });
    const other = await EventsClient.greet(game, undefined, { lobby: id });
    expect(await other.ask("subscribe", { topic: "lobby", lobby_id: id })).toMatchObject({ type: "snapshot" });
    expect(await other.ask("subscribe", { topic: "lobbies" })).toMatchObject({
      data: { problem: { code: "misdirected" } },
    });
  });
});

const namesOf = ({ data }: Frame): string[] => (data["lobbies"] as { name: string }[]).map(({ name }) => name);
