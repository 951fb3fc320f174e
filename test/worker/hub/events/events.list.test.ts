import { beforeEach, describe, expect, test, vi } from "vitest";
import { COALESCE_MS } from "#shared/limits.ts";
import { timePasses } from "../../support/hub-inspector.ts";
import { hosts, joins, kicks, leaves, newGame, Sidecar, starts } from "../../support/sidecar.ts";
import { type Frame, EventsClient } from "../../support/subscriber.ts";

let game = "";
beforeEach(() => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
});

describe("list subscriptions", () => {
  test("a subscriber gets a snapshot, then every addition, change and removal", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const [subscriber, snapshot] = await EventsClient.list(game);
    expect(snapshot).toMatchObject({ type: "snapshot", topic: "lobbies", data: { complete: true } });
    expect(linesOf(snapshot)).toMatchObject([{ name: "Nice", member_count: 1 }]);

    await north.report(hosts("Zoo", "Zoe"));
    const added = await subscriber.next("lobby.added");
    expect(added).toMatchObject({ topic: "lobbies", data: { lobby: { name: "Zoo", member_count: 1, revision: 1 } } });
    await north.report(joins("Nice", "Bob"));
    const updated = await subscriber.next("lobby.updated");
    expect(updated).toMatchObject({ data: { lobby: { name: "Nice", member_count: 2 } } });
    await timePasses(game, COALESCE_MS);
    await north.report(leaves("Zoo", "Zoe"));
    const removed = await subscriber.next("lobby.removed");
    expect(removed.data).toStrictEqual({ lobby_id: idOf(added), cause: "closed", removed_by: null });
    expect(removed.seq).toBeGreaterThan(updated.seq!);
    expect(updated.seq).toBeGreaterThan(added.seq!);
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("a lobby that starts is removed from lists that exclude started ones", async () => {
    const north = await Sidecar.link(game);
    const [open] = await EventsClient.list(game);
    const [all] = await EventsClient.list(game, { include: "in_game" });
    await north.report(hosts("Nice", "Alice"), joins("Nice", "Bob"));
    await timePasses(game, COALESCE_MS);
    await north.report(starts("Nice", "Alice"));
    expect((await open.next("lobby.removed")).data).toMatchObject({ cause: "started" });
    expect((await all.next("lobby.updated")).data).toMatchObject({ lobby: { state: "in_game" } });
  });

  test("a filtered subscriber gets lobbies as they start and stop to match", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"), hosts("Other", "Olga"));
    const [subscriber, snapshot] = await EventsClient.list(game, {
      "member_count[gte]": "2",
      "name[contains]": "nice",
    });
    expect(linesOf(snapshot)).toStrictEqual([]);
    await north.report(joins("Nice", "Bob"), joins("Other", "Otto"));
    expect((await subscriber.next("lobby.added")).data).toMatchObject({ lobby: { name: "Nice", member_count: 2 } });
    await timePasses(game, COALESCE_MS);
    await north.report(kicks("Nice", "Bob", "Alice"));
    expect((await subscriber.next("lobby.removed")).data).toMatchObject({ cause: "filtered" });
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("the first update of a lobby is sent at once, the others merged to one per second", async () => {
    const north = await Sidecar.link(game);
    const [subscriber] = await EventsClient.list(game);
    await north.report(hosts("Nice", "Alice", { seats: 12 }));
    expect((await subscriber.next("lobby.added")).data).toMatchObject({ lobby: { member_count: 1 } });
    for (const guest of ["Bob", "Carol", "Dora", "Emil"]) await north.report(joins("Nice", guest));
    expect(await subscriber.rest()).toStrictEqual([]);
    await timePasses(game, COALESCE_MS);
    expect((await subscriber.next("lobby.updated")).data).toMatchObject({ lobby: { member_count: 5 } });
    await timePasses(game, 10 * COALESCE_MS);
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("a lobby that was created and ended within one interval is not sent", async () => {
    const north = await Sidecar.link(game);
    const [subscriber] = await EventsClient.list(game);
    await north.report(hosts("Nice", "Alice"));
    const id = idOf(await subscriber.next("lobby.added"));
    await north.report(joins("Nice", "Bob"));
    await north.report(leaves("Nice", "Alice"));
    await north.report(leaves("Nice", "Bob"));
    expect(await subscriber.rest()).toStrictEqual([]);
    await timePasses(game, COALESCE_MS);
    expect((await subscriber.next("lobby.removed")).data).toStrictEqual({
      lobby_id: id,
      cause: "closed",
      removed_by: null,
    });
    expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("a snapshot during a pending update has the state that other subscribers have", async () => {
    const north = await Sidecar.link(game);
    const [first] = await EventsClient.list(game);
    await north.report(hosts("Nice", "Alice"));
    await north.report(joins("Nice", "Bob"));
    const [second, snapshot] = await EventsClient.list(game);
    expect(linesOf(snapshot)).toMatchObject([{ name: "Nice", member_count: 1 }]);
    await timePasses(game, COALESCE_MS);
    for (const subscriber of [first, second]) {
      expect((await subscriber.next("lobby.updated")).data).toMatchObject({ lobby: { member_count: 2 } });
    }
  });

  test("a subscriber may change its filter and unsubscribe", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"), hosts("Zoo", "Zoe"));
    const [subscriber, all] = await EventsClient.list(game);
    expect(linesOf(all)).toHaveLength(2);
    const other = await subscriber.ask("subscribe", { topic: "lobbies", filter: { name: "Zoo" } });
    expect(linesOf(other)).toMatchObject([{ name: "Zoo" }]);
    await north.report(joins("Nice", "Bob"));
    expect(await subscriber.rest()).toStrictEqual([]);
    expect(await subscriber.ask("unsubscribe", { topic: "lobbies" })).toMatchObject({ type: "ok" });
    await north.report(joins("Zoo", "Bob"));
    expect(await subscriber.rest()).toStrictEqual([]);
  });
});

const linesOf = ({ data }: Frame): Record<string, unknown>[] => data["lobbies"] as Record<string, unknown>[];
const idOf = ({ data }: Frame): string => (data["lobby"] as { id: string }).id;
