import { beforeEach, expect, test, vi } from "vitest";
import { stats as statsShape } from "#shared/api/service.ts";
import { STATS_SAMPLES_MIN } from "#shared/limits.ts";
import { meet, reads, reports } from "../../support/introduction.ts";
import { fits, freeOfCharge, Player } from "../../support/player.ts";
import { newGame } from "../../support/sidecar.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  freeOfCharge();
});

test("a connection is in its lobby's hub, and its statistics are merged with other hubs'", async () => {
  const game = newGame();
  const hosts = await Player.ofBothShards(game);
  const ids: string[] = [];
  for (const [shard, ann] of hosts.entries()) {
    const bob = hosts[1 - shard]!;
    const { id: lobby } = await ann.hosts();
    await bob.enters(lobby);
    for (let at = 0; at < STATS_SAMPLES_MIN; at++) {
      const id = await meet(
        { ann, bob, lobby },
        { address: `20.${shard}.${at}.1` },
        { address: `20.${shard}.${at}.2` },
      );
      const path = at < 15 ? "direct" : "relay";
      for (const player of hosts) await reports(player, id, { path, first_path_ms: 200 * (shard + 1) });
      ids.push(id);
    }
    const last = ids.at(-1)!;
    expect([last.split("-")[0], (await reads(bob, last)).state]).toStrictEqual([String(shard), "over"]);
  }
  const { connections } = await fits(await hosts[0].ask("GET", "stats"), 200, statsShape);
  expect(connections).toStrictEqual([
    {
      nat_pair: "cone/cone",
      introductions: 40,
      tries: 40,
      direct: 30,
      // At one hub 200 ms, at the other 400 ms.
      first_path: { count: 40, p50_ms: 200, p95_ms: 390 },
      direct_path: { count: 0, p50_ms: null, p95_ms: null },
    },
  ]);
});
