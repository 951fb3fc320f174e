import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shardOf } from "#shared/lobby/ids.ts";
import { Hub } from "../../../../worker/hub/hub.ts";
import { hangUp, hosts, newGame, ORIGIN, Sidecar, worker } from "../../support/sidecar.ts";

let game = "";
beforeEach(() => (game = newGame()));
afterEach(() => {
  vi.restoreAllMocks();
  hangUp();
});

test("many readers of a list of two hubs cost one request of each, and see a change of either at once", async () => {
  const links = await Promise.all([0, 1].map((shard) => Sidecar.link(game, { shard })));
  const calls = vi.spyOn(Hub.prototype, "listLobbies");
  for (const [at, name] of ["One", "Two", "Three", "Four"].entries()) {
    await links[shardOf("rabid", name, 2)]!.report(hosts(name, "Alice"));
    const read = async (): Promise<number> => {
      const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies`));
      return (await response.json<{ lobbies: unknown[] }>()).lobbies.length;
    };
    expect(new Set(await Promise.all(Array.from({ length: 30 }, read)))).toStrictEqual(new Set([at + 1]));
    expect([await read(), calls.mock.calls.length]).toStrictEqual([at + 1, 2 * (at + 1)]);
  }
});
