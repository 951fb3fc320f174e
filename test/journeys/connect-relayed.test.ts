/** Two peers that are relayed, because no direct path exists, while the relay, a router or the hub fails. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countsOf, type Player, startPlayer } from "../lab/connect-pairs.ts";
import type { Home } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { sidecarMetric } from "../lab/sidecar-metrics.ts";
import { play, type Silence } from "../lab/silence.ts";

const PATIENCE = { within_ms: 60_000 };
const WAY = { delay_ms: 20 };

let labPlayers: LabPlayers;
let homes: readonly [Home, Home];
let a: Player;
let b: Player;
let silence: Silence;

describe.skipIf(isLabMissing())("two relayed peers that send every 20 ms", () => {
  beforeEach(async () => {
    labPlayers = await LabPlayers.open();
    homes = [await labPlayers.lab.home("symmetric", WAY), await labPlayers.lab.home("symmetric", WAY)];
    a = await startPlayer(labPlayers, await labPlayers.lab.host({ net: homes[0] }));
    b = await startPlayer(labPlayers, await labPlayers.lab.host({ net: homes[1] }), a.lobby);
    silence = await play(a, b, "relay");
  });
  afterEach(() => labPlayers?.close());

  test("use a relay at another sidecar within two seconds after theirs was killed", async () => {
    await labPlayers.stack.addSidecar(await labPlayers.lab.host());
    await silence.start();
    await labPlayers.stack.kill("sidecar");
    await silence.expectWithin("the relay's death", 2_000, "relay");
  });

  test("receive each other again within one and a half seconds after a router lost its mappings", async () => {
    for (const home of homes) {
      await silence.start();
      await labPlayers.lab.forget(home);
      await silence.expectWithin("lost mappings", 1_500, "relay");
    }
  });

  const relayed = (): Promise<number> => sidecarMetric(labPlayers.server, "parley_relay_packets_total");
  const sentByBoth = async (): Promise<number> => (await countsOf(a, b)).sent + (await countsOf(b, a)).sent;

  test("keep their relay and say so while the hub is killed and starts again", async () => {
    await silence.start();
    const from = [a, b].map(({ program }) => program.lines.length);
    await labPlayers.stack.kill("hub");
    await a.program.waitForLine((line) => line["lost"] === true, { from: from[0]!, ...PATIENCE });
    await labPlayers.stack.startHub();
    await a.program.waitForLine((line) => line["opened"] === true, { from: from[0]!, ...PATIENCE });
    await silence.expectWithin("the hub's death", 500, "relay");
    const paths = [a, b].flatMap(({ program }, at) => program.lines.slice(from[at]).filter((line) => "path" in line));
    expect(paths.filter((line) => line["peer"] !== undefined)).toStrictEqual([]);
    // What they state is what the sidecar carries: one relay, and each datagram. A second one, which the introduction after
    // the restart may bring, ends unused.
    const relays = (): Promise<number> => sidecarMetric(labPlayers.server, "parley_relay_allocations");
    await expect.poll(relays, { timeout: 30_000, interval: 1_000 }).toBe(1);
    const [before, sent] = [await relayed(), await sentByBoth()];
    await new Promise((done) => setTimeout(done, 2_000));
    const [carried, played] = [(await relayed()) - before, (await sentByBoth()) - sent];
    expect(played).toBeGreaterThan(50);
    expect(carried).toBeGreaterThan(0.8 * played);
  });
});
