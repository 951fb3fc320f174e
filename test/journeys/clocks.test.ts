/**
 * Time that misbehaves, with a real hub and a real sidecar: the process is suspended (SIGSTOP), and the wall clock steps
 * (libfaketime). Players who keep sending keep their seats, and silent players lose them in time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { FakeClock, hasFakeClock } from "../support/fake-clock.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

/** Longer than Rabid's lease of 5 s. */
const SUSPENDED_MS = 6_000;

let clock: FakeClock;
let stack: TestStack;

beforeAll(async () => {
  clock = await FakeClock.open();
  stack = await TestStack.open({ settings: hasFakeClock ? clock.env : {} });
});
afterAll(async () => {
  await stack?.close();
  await clock?.close();
});

describe("a suspended sidecar", () => {
  test("keeps every member that went on pinging, and the one that stopped before is dropped after it", async () => {
    const lobbies = await Promise.all(["Oak", "Elm", "Ash"].map((name) => lobbyOf(name, 4)));
    const players = lobbies.flat();
    const [silent] = lobbies[0]!.splice(3);
    silent!.stopPinging();
    stack.signalSidecar("SIGSTOP");
    await sleep(SUSPENDED_MS);
    stack.signalSidecar("SIGCONT");
    // The silent member is the last of all whose lease could end.
    expect(await silent!.waitFor(/^error/)).toBe("error:player_timeout");
    const errors = players.filter((player) => player !== silent).flatMap(({ received }) => errorsOf(received));
    expect(errors).toStrictEqual([]);
    expect((await stack.lobbies()).map(({ members }) => members).toSorted((a, b) => a - b)).toStrictEqual([3, 4, 4]);
    expect(await stack.metric("parley_stalled_seconds_total")).toBeGreaterThan(5);
    for (const player of players) await player.close();
  });
});

describe.skipIf(!hasFakeClock)("a sidecar whose wall clock steps", () => {
  test.each([10, 90, 3_600, -90, -3_600])("by %d s drops only the silent member, in time", async (seconds) => {
    const name = `Step${seconds}`.replace("-", "m");
    const players = await lobbyOf(name, 3);
    const silent = players.pop()!;
    silent.stopPinging();
    await clock.step(seconds);
    expect(await silent.waitFor(/^error/, { timeout_ms: 20_000 })).toBe("error:player_timeout");
    for (const player of players) {
      expect(errorsOf(player.received)).toStrictEqual([]);
      const from = player.received.length;
      await player.waitFor(/^i:/, { from });
    }
    for (const player of [...players, silent]) await player.close();
    await clock.step(0);
  });
});

const errorsOf = (received: readonly string[]): string[] => received.filter((line) => line.startsWith("error"));

/** Pinging members of one lobby, its host first. */
async function lobbyOf(session: string, size: number): Promise<RabidPlayer[]> {
  const players: RabidPlayer[] = [];
  for (let at = 0; at < size; at++) {
    const player = await stack.player();
    await player.request(at === 0 ? `h:${session}:P0:8` : `c:${session}:P${at}`, /^i:/);
    player.startPinging(session, `P${at}`);
    players.push(player);
  }
  await eventually(
    () => stack.lobbies(),
    (lobbies) => lobbies.find(({ name }) => name === session)?.members === size,
  );
  return players;
}
