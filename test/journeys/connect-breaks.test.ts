/** Two connected peers while hub, relay, path or sidecar fails: which path they use, and their longest silence. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Player, startPlayer } from "../lab/connect-pairs.ts";
import type { Home, Host } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";

/** What a loaded test machine adds to the limits, which hold on an idle one. */
const SLACK_MS = 1_000;
const PATIENCE = { within_ms: 60_000 };
const WAY = { delay_ms: 20 };

let labPlayers: LabPlayers;
let homes: readonly [Home, Home];
let host: Host;
let a: Player;
let b: Player;

describe.skipIf(isLabMissing())("two peers that send every 20 ms", () => {
  // A test breaks its deployment for good, so each test starts a new one.
  beforeEach(async () => {
    longest.length = 0;
    labPlayers = await LabPlayers.open();
    await labPlayers.stack.addSidecar(await labPlayers.lab.host());
    homes = [await labPlayers.lab.home("port-restricted", WAY), await labPlayers.lab.home("port-restricted", WAY)];
    host = await labPlayers.lab.host({ net: homes[0] });
    a = await startPlayer(labPlayers, host);
    b = await startPlayer(labPlayers, await labPlayers.lab.host({ net: homes[1] }), a.lobby);
    a.program.send({ connect: b.id });
    await Promise.all([becomes(a, b, "direct", 0), becomes(b, a, "direct", 0)]);
    a.program.send({ play: b.id });
    b.program.send({ play: a.id });
  });
  afterEach(() => labPlayers?.close());

  test("keep their path while the hub is down", async () => {
    await silence();
    const from = a.program.lines.length;
    await labPlayers.stack.kill("hub");
    await a.program.waitForLine((line) => line["lost"] === true, { from, ...PATIENCE });
    await labPlayers.stack.startHub();
    await a.program.waitForLine((line) => line["opened"] === true, { from, ...PATIENCE });
    await within("the hub's death", 2_000, "direct");
  });

  test("use a relay within seconds when the direct path is blocked, and the direct path when it works again", async () => {
    await silence();
    const from = [a, b].map(({ program }) => program.lines.length);
    await labPlayers.lab.block(homes[0], homes[1].address);
    await Promise.all([becomes(a, b, "relay", from[0]!), becomes(b, a, "relay", from[1]!)]);
    await within("a blocked path", 1_500 + SLACK_MS, "relay");
    const then = [a, b].map(({ program }) => program.lines.length);
    await labPlayers.lab.unblock(homes[0]);
    await Promise.all([becomes(a, b, "direct", then[0]!), becomes(b, a, "direct", then[1]!)]);
    await within("the way back", 2_000, "direct");
  });

  test("find a direct path again after an address change", async () => {
    await silence();
    const from = a.program.lines.length;
    const { prefix } = homes[0];
    await host.shell(
      `ip addr del ${host.address}/24 dev eth0`,
      `ip addr add ${prefix}.99/24 dev eth0`,
      `ip route replace default via ${prefix}.1`,
    );
    await becomes(a, b, "direct", from);
    await within("another address", 1_000 + SLACK_MS, "direct");
  });

  test("keep their path when a sidecar dies", async () => {
    await silence();
    await labPlayers.stack.kill("sidecar");
    await new Promise((done) => setTimeout(done, 2_000));
    await within("the sidecar's death", 2_000, "direct");
  });
});

/** Starts the measurement of gaps. */
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
      one.program.send({ gaps: other.id });
      const { longest_ms, path } = await one.program.waitForLine((line) => line["gaps"] === other.id, {
        from,
        ...PATIENCE,
      });
      return { longest_ms: Number(longest_ms), path };
    }),
  );
}

/** Both received each other's datagrams without a longer silence than this, and use this path. */
async function within(what: string, most_ms: number, path: string): Promise<void> {
  // Datagrams arrive again.
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
  one.program.send({ gaps: other.id });
  const { longest_ms, got } = await one.program.waitForLine((line) => line["gaps"] === other.id, { from, ...PATIENCE });
  longest.push(Number(longest_ms));
  return Number(got) > 0;
}

async function becomes(one: Player, other: Player, path: string, from: number): Promise<void> {
  await one.program.waitForLine((line) => line["peer"] === other.id && line["path"] === path, { from, ...PATIENCE });
}
