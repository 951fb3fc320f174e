import { beforeEach, expect, test, vi } from "vitest";
import { shardOf } from "#shared/lobby/ids.ts";
import { Hub } from "../../../../worker/hub/hub.ts";
import { hosts, newGame, ORIGIN, Sidecar, worker } from "../../support/sidecar.ts";

let game = "";
beforeEach(() => {
  game = newGame();
  // A busy machine must not let responses become stale.
  vi.useFakeTimers({ toFake: ["Date"] });
});

test("many readers of a list of two hubs cost one request of the first hub, and see a change of either", async () => {
  const links = await Promise.all([0, 1].map((shard) => Sidecar.link(game, { shard })));
  const [first, other] = [vi.spyOn(Hub.prototype, "renderList"), vi.spyOn(Hub.prototype, "listLobbies")];
  for (const [at, name] of ["One", "Two", "Three", "Four"].entries()) {
    await links[shardOf("rabid", name, 2)]!.report(hosts(name, "Alice"));
    const read = async (): Promise<number> => {
      const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies`));
      return (await response.json<{ lobbies: unknown[] }>()).lobbies.length;
    };
    await vi.waitFor(async () => expect(await read()).toBe(at + 1));
    const before = first.mock.calls.length;
    expect(new Set(await Promise.all(Array.from({ length: 30 }, read)))).toStrictEqual(new Set([at + 1]));
    expect([first.mock.calls.length - before, other.mock.calls.length]).toStrictEqual([0, 0]);
  }
});
