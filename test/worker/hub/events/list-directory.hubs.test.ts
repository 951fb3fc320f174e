/** Lists of a game with two hubs, through the Worker as deployed. Calls of either hub are counted. */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { DIRECTORY_KEPT_MS, DIRECTORY_RELOAD_MS } from "#shared/limits.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { Hub } from "../../../../worker/hub/hub.ts";
import { hubFor } from "../../support/hub-inspector.ts";
import { Player } from "../../support/player.ts";
import { hosts, leaves, newGame, ORIGIN, Sidecar, worker } from "../../support/sidecar.ts";

const NAMES = Array.from({ length: 40 }, (_, at) => `Lobby ${at}`);
const [here, there] = [0, 1].map((shard) => NAMES.filter((name) => shardOf("rabid", name, 2) === shard)) as [
  string[],
  string[],
];

let game = "";
let [near, far] = [] as unknown as [Sidecar, Sidecar];
let queries = 0;
beforeEach(async () => {
  game = newGame();
  near = await Sidecar.link(game, { shard: 0 });
  far = await Sidecar.link(game, { shard: 1 });
});

/** The names of a list that no cache has. */
async function list(): Promise<string[]> {
  const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies?seats[lt]=${1_000 + ++queries}`));
  expect(response.status).toBe(200);
  const { lobbies } = await response.json<{ lobbies: { name: string }[] }>();
  return lobbies.map(({ name }) => name).toSorted();
}

const spies = () => {
  const [first, other, subscribed, sent] = (
    ["renderList", "listLobbies", "subscribeShard", "onShardChanges"] as const
  ).map((name) => vi.spyOn(Hub.prototype, name));
  return (): number[] => [first, other, subscribed, sent].map((spy) => spy!.mock.calls.length);
};

describe("the list of two hubs", () => {
  test("costs one call for each request, and one for each change of the other hub", async () => {
    const calls = spies();
    await near.report(hosts(here[0]!, "Alice"));
    // The other hub does not know yet whether the list is used.
    await far.report(hosts(there[0]!, "Bob"));
    await vi.waitFor(() => expect(calls()[3]).toBe(1));
    for (let at = 0; at < 10; at++) expect(await list()).toStrictEqual([here[0]!, there[0]!].toSorted());
    expect(calls()).toStrictEqual([10, 0, 1, 1]);
    await far.report(hosts(there[1]!, "Carol"));
    await vi.waitFor(async () => expect(await list()).toContain(there[1]!));
    await far.report(leaves(there[0]!, "Bob"));
    await near.report(hosts(here[1]!, "Dora"));
    await vi.waitFor(async () => expect(await list()).toStrictEqual([here[0]!, here[1]!, there[1]!].toSorted()));
    expect(calls().slice(1)).toStrictEqual([0, 1, 3]);
  });

  test("is whole after either hub slept", async () => {
    await far.report(hosts(there[0]!, "Bob"));
    expect(await list()).toStrictEqual([there[0]!]);
    for (const [at, shard] of [1, 0, 1].entries()) {
      await evictDurableObject(hubFor(game, shard));
      await far.report(hosts(there[at + 1]!, "Bob"));
      await vi.waitFor(async () => expect(await list()).toHaveLength(at + 2));
    }
  });

  test("is asked of every hub for a client with a token, which sees its own change at once", async () => {
    await list();
    const ann = await Player.of(game);
    const calls = spies();
    await far.report(hosts(there[0]!, "Bob"));
    const own = await ann.ask("GET", "lobbies");
    expect(await own.json()).toMatchObject({ lobbies: [{ name: there[0]! }] });
    expect(calls().slice(0, 3)).toStrictEqual([0, 2, 0]);
  });

  test("is asked of every hub while the other cannot be loaded, and is limited once", async () => {
    await far.report(hosts(there[0]!, "Bob"));
    const broken = vi.spyOn(Hub.prototype, "subscribeShard").mockImplementation(() => {
      throw new Error("too many lines");
    });
    const other = vi.spyOn(Hub.prototype, "listLobbies");
    expect([await list(), other.mock.calls.length]).toStrictEqual([[there[0]!], 2]);
    expect(other.mock.calls.map(([meta]) => meta.cost)).toStrictEqual([null, null]);
    broken.mockRestore();
    expect([await list(), other.mock.calls.length]).toStrictEqual([[there[0]!], 2]);
  });

  test("repairs what a hub lost on the way, by the next change or after a minute", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await far.report(hosts(there[0]!, "Bob"));
    await list();
    const lost = vi.spyOn(Hub.prototype, "onShardChanges").mockRejectedValueOnce(new Error("lost"));
    await far.report(hosts(there[1]!, "Carol"));
    await vi.waitFor(() => expect(lost).toHaveBeenCalledTimes(1));
    lost.mockRestore();
    expect(await list()).toStrictEqual([there[0]!]);
    vi.setSystemTime(Date.now() + DIRECTORY_RELOAD_MS + 1);
    await list();
    await vi.waitFor(async () => expect(await list()).toHaveLength(2));
  });

  test("is not sent to the first hub when nobody has read it for a minute", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await list();
    const calls = spies();
    vi.setSystemTime(Date.now() + DIRECTORY_KEPT_MS + 1);
    await far.report(hosts(there[0]!, "Bob"));
    await vi.waitFor(() => expect(calls()[3]).toBe(1));
    for (const name of there.slice(1, 4)) await far.report(hosts(name, "Bob"));
    await vi.waitFor(async () => {
      const before = calls()[3];
      await far.report(hosts(there[5]!, "Eve"), leaves(there[5]!, "Eve"));
      expect(calls()[3]).toBe(before);
    });
    expect(await list()).toHaveLength(4);
  });
});
