/** Two play, and something breaks: what goes on, and for how long nothing came. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Player, playerAt } from "../lab/connect.ts";
import type { Home, Host } from "../lab/lab.ts";
import { labIsMissing } from "../lab/space.ts";
import { Town } from "../lab/lab-players.ts";

const PATIENCE = { within_ms: 60_000 };
const WAY = { delay_ms: 20 };

let town: Town;
let homes: readonly [Home, Home];
let host: Host;
let a: Player;
let b: Player;

describe.skipIf(labIsMissing())("two who play every 20 ms", () => {
  // What one has broken is broken for good: each begins with everything whole, another try too.
  beforeEach(async () => {
    longest.length = 0;
    town = await Town.open();
    await town.house.addSidecar(await town.lab.host());
    homes = [await town.lab.home("port-restricted", WAY), await town.lab.home("port-restricted", WAY)];
    host = await town.lab.host({ net: homes[0] });
    a = await playerAt(town, host);
    b = await playerAt(town, await town.lab.host({ net: homes[1] }), a.lobby);
    a.program.tell({ connect: b.id });
    await Promise.all([becomes(a, b, "direct", 0), becomes(b, a, "direct", 0)]);
    a.program.tell({ play: b.id });
    b.program.tell({ play: a.id });
  });
  afterEach(() => town?.close());

  test("the hub dies, and comes back: not one datagram waits for it", async () => {
    await silence();
    const from = a.program.lines.length;
    await town.house.kill("hub");
    await a.program.line((line) => line["lost"] === true, { from, ...PATIENCE });
    await town.house.startHub();
    await a.program.line((line) => line["opened"] === true, { from, ...PATIENCE });
    await within("the hub's death", 2_000, "direct");
  });

  test("the direct path is blocked: a relay takes over within seconds, and gives way when it is free again", async () => {
    await silence();
    const from = [a, b].map(({ program }) => program.lines.length);
    await town.lab.block(homes[0], homes[1].address);
    await Promise.all([becomes(a, b, "relay", from[0]!), becomes(b, a, "relay", from[1]!)]);
    await within("a blocked path", 10_000, "relay");
    const then = [a, b].map(({ program }) => program.lines.length);
    await town.lab.unblock(homes[0]);
    await Promise.all([becomes(a, b, "direct", then[0]!), becomes(b, a, "direct", then[1]!)]);
    await within("the way back", 2_000, "direct");
  });

  test("the address of one changes: they are direct again by themselves", async () => {
    await silence();
    const from = a.program.lines.length;
    const { prefix } = homes[0];
    await host.shell(
      `ip addr del ${host.address}/24 dev eth0`,
      `ip addr add ${prefix}.99/24 dev eth0`,
      `ip route replace default via ${prefix}.1`,
    );
    await becomes(a, b, "direct", from);
    await within("another address", 20_000, "direct");
  });

  test("a sidecar dies: nobody notices", async () => {
    await silence();
    await town.house.kill("sidecar");
    await new Promise((done) => setTimeout(done, 2_000));
    await within("the sidecar's death", 2_000, "direct");
  });
});

/** Gaps are counted from now on. */
const silence = async (): Promise<void> => void (await gaps());

async function gaps(): Promise<{ longest_ms: number; path: unknown }[]> {
  return Promise.all(
    (
      [
        [a, b],
        [b, a],
      ] as const
    ).map(async ([one, other]) => {
      const from = one.program.lines.length;
      one.program.tell({ gaps: other.id });
      const { longest_ms, path } = await one.program.line((line) => line["gaps"] === other.id, { from, ...PATIENCE });
      return { longest_ms: Number(longest_ms), path };
    }),
  );
}

/** Both have heard each other with no longer silence than this, and are on this path. */
async function within(what: string, most_ms: number, path: string): Promise<void> {
  // Something comes again.
  await expect
    .poll(async () => (await Promise.all([heard(a, b), heard(b, a)])).every(Boolean), PATIENCE_POLL)
    .toBe(true);
  const seen = longest.splice(0);
  if (process.env["PARLEY_TABLE"] !== undefined) console.log(what, Math.max(...seen), "ms");
  expect(Math.max(...seen)).toBeLessThan(most_ms);
  await expect.poll(async () => (await gaps()).map(({ path }) => path), PATIENCE_POLL).toStrictEqual([path, path]);
}

const PATIENCE_POLL = { timeout: 30_000, interval: 200 };
const longest: number[] = [];

async function heard(one: Player, other: Player): Promise<boolean> {
  const from = one.program.lines.length;
  one.program.tell({ gaps: other.id });
  const { longest_ms, got } = await one.program.line((line) => line["gaps"] === other.id, { from, ...PATIENCE });
  longest.push(Number(longest_ms));
  return Number(got) > 0;
}

async function becomes(one: Player, other: Player, path: string, from: number): Promise<void> {
  await one.program.line((line) => line["peer"] === other.id && line["path"] === path, { from, ...PATIENCE });
}
