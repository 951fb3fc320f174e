import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { COALESCE_MS } from "#shared/limits.ts";
import { timePasses } from "../../support/hub-inspector.ts";
import { hangUp, hosts, joins, kicks, leaves, newGame, Sidecar, starts } from "../../support/sidecar.ts";
import { type Frame, lookAway, Watcher } from "../../support/subscriber.ts";

let game = "";
beforeEach(() => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  lookAway();
  hangUp();
});

describe("who watches the list", () => {
  test("begins with the lobbies there are, and is told of each that comes, changes and goes", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const [watcher, snapshot] = await Watcher.list(game);
    expect(snapshot).toMatchObject({ type: "snapshot", topic: "lobbies", data: { complete: true } });
    expect(linesOf(snapshot)).toMatchObject([{ name: "Nice", members: 1 }]);

    await north.report(hosts("Zoo", "Zoe"));
    const added = await watcher.next("lobby.added");
    expect(added).toMatchObject({ topic: "lobbies", data: { lobby: { name: "Zoo", members: 1, revision: 1 } } });
    await north.report(joins("Nice", "Bob"));
    const updated = await watcher.next("lobby.updated");
    expect(updated).toMatchObject({ data: { lobby: { name: "Nice", members: 2 } } });
    await timePasses(game, COALESCE_MS);
    await north.report(leaves("Zoo", "Zoe"));
    const removed = await watcher.next("lobby.removed");
    expect(removed.data).toStrictEqual({ id: idOf(added), reason: "closed" });
    expect(removed.seq).toBeGreaterThan(updated.seq!);
    expect(updated.seq).toBeGreaterThan(added.seq!);
    expect(await watcher.rest()).toStrictEqual([]);
  });

  test("is told that a lobby has started, where the list does not show those", async () => {
    const north = await Sidecar.link(game);
    const [open] = await Watcher.list(game);
    const [all] = await Watcher.list(game, { include: "in_game" });
    await north.report(hosts("Nice", "Alice"), joins("Nice", "Bob"));
    await timePasses(game, COALESCE_MS);
    await north.report(starts("Nice", "Alice"));
    expect((await open.next("lobby.removed")).data).toMatchObject({ reason: "started" });
    expect((await all.next("lobby.updated")).data).toMatchObject({ lobby: { state: "in_game" } });
  });

  test("is told of what his filter picks alone, as it comes to be so and ceases to be", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"), hosts("Other", "Olga"));
    const [watcher, snapshot] = await Watcher.list(game, { "members[gte]": "2", "name[contains]": "nice" });
    expect(linesOf(snapshot)).toStrictEqual([]);
    await north.report(joins("Nice", "Bob"), joins("Other", "Otto"));
    expect((await watcher.next("lobby.added")).data).toMatchObject({ lobby: { name: "Nice", members: 2 } });
    await timePasses(game, COALESCE_MS);
    await north.report(kicks("Nice", "Bob", "Alice"));
    expect((await watcher.next("lobby.removed")).data).toMatchObject({ reason: "filtered" });
    expect(await watcher.rest()).toStrictEqual([]);
  });

  test("is told of a lobby once a second: the first change at once, all others in one", async () => {
    const north = await Sidecar.link(game);
    const [watcher] = await Watcher.list(game);
    await north.report(hosts("Nice", "Alice", { seats: 12 }));
    expect((await watcher.next("lobby.added")).data).toMatchObject({ lobby: { members: 1 } });
    for (const guest of ["Bob", "Carol", "Dora", "Emil"]) await north.report(joins("Nice", guest));
    expect(await watcher.rest()).toStrictEqual([]);
    await timePasses(game, COALESCE_MS);
    expect((await watcher.next("lobby.updated")).data).toMatchObject({ lobby: { members: 5 } });
    await timePasses(game, 10 * COALESCE_MS);
    expect(await watcher.rest()).toStrictEqual([]);
  });

  test("hears nothing of a lobby that came and went between two tellings", async () => {
    const north = await Sidecar.link(game);
    const [watcher] = await Watcher.list(game);
    await north.report(hosts("Nice", "Alice"));
    const id = idOf(await watcher.next("lobby.added"));
    await north.report(joins("Nice", "Bob"));
    await north.report(leaves("Nice", "Alice"));
    await north.report(leaves("Nice", "Bob"));
    expect(await watcher.rest()).toStrictEqual([]);
    await timePasses(game, COALESCE_MS);
    expect((await watcher.next("lobby.removed")).data).toStrictEqual({ id, reason: "closed" });
    expect(await watcher.rest()).toStrictEqual([]);
  });

  test("begins, while something waits to be told, where the others are", async () => {
    const north = await Sidecar.link(game);
    const [first] = await Watcher.list(game);
    await north.report(hosts("Nice", "Alice"));
    await north.report(joins("Nice", "Bob"));
    const [second, snapshot] = await Watcher.list(game);
    expect(linesOf(snapshot)).toMatchObject([{ name: "Nice", members: 1 }]);
    await timePasses(game, COALESCE_MS);
    for (const watcher of [first, second]) {
      expect((await watcher.next("lobby.updated")).data).toMatchObject({ lobby: { members: 2 } });
    }
  });

  test("may ask for another filter, and may stop", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"), hosts("Zoo", "Zoe"));
    const [watcher, all] = await Watcher.list(game);
    expect(linesOf(all)).toHaveLength(2);
    const other = await watcher.ask("subscribe", { topic: "lobbies", filter: { name: "Zoo" } });
    expect(linesOf(other)).toMatchObject([{ name: "Zoo" }]);
    await north.report(joins("Nice", "Bob"));
    expect(await watcher.rest()).toStrictEqual([]);
    expect(await watcher.ask("unsubscribe", { topic: "lobbies" })).toMatchObject({ type: "ok" });
    await north.report(joins("Zoo", "Bob"));
    expect(await watcher.rest()).toStrictEqual([]);
  });
});

const linesOf = ({ data }: Frame): Record<string, unknown>[] => data["lobbies"] as Record<string, unknown>[];
const idOf = ({ data }: Frame): string => (data["lobby"] as { id: string }).id;
