/** Two connected peers while hub, relay, path or sidecar fails: which path they use, and their longest silence. */
import { afterEach, beforeEach, describe, test } from "vitest";
import { closes, type Player, startPlayer } from "../lab/connect-pairs.ts";
import type { Home, Host } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { becomes, play, type Silence } from "../lab/silence.ts";

const PATIENCE = { within_ms: 60_000 };
const WAY = { delay_ms: 20 };

let labPlayers: LabPlayers;
let homes: readonly [Home, Home];
let host: Host;
let a: Player;
let b: Player;
let silence: Silence;

describe.skipIf(isLabMissing())("two peers that send every 20 ms", () => {
  // A test breaks its deployment for good, so each test starts a new one.
  beforeEach(async () => {
    labPlayers = await LabPlayers.open();
    await labPlayers.stack.addSidecar(await labPlayers.lab.host());
    homes = [await labPlayers.lab.home("port-restricted", WAY), await labPlayers.lab.home("port-restricted", WAY)];
    host = await labPlayers.lab.host({ net: homes[0] });
    a = await startPlayer(labPlayers, host);
    b = await startPlayer(labPlayers, await labPlayers.lab.host({ net: homes[1] }), a.lobby);
    silence = await play(a, b, "direct");
  });
  afterEach(() => labPlayers?.close());

  test("keep their path while the hub is down", async () => {
    await silence.start();
    const from = a.program.lines.length;
    await labPlayers.stack.kill("hub");
    await a.program.waitForLine((line) => line["lost"] === true, { from, ...PATIENCE });
    await labPlayers.stack.startHub();
    await a.program.waitForLine((line) => line["opened"] === true, { from, ...PATIENCE });
    await silence.expectWithin("the hub's death", 500, "direct");
  });

  test("use a relay within seconds when the direct path is blocked, and the direct path when it works again", async () => {
    await silence.start();
    const from = [a, b].map(({ program }) => program.lines.length);
    await labPlayers.lab.block(homes[0], homes[1].address);
    await Promise.all([becomes(a, b, "relay", from[0]!), becomes(b, a, "relay", from[1]!)]);
    await silence.expectWithin("a blocked path", 1_500, "relay");
    const then = [a, b].map(({ program }) => program.lines.length);
    await labPlayers.lab.unblock(homes[0]);
    await Promise.all([becomes(a, b, "direct", then[0]!), becomes(b, a, "direct", then[1]!)]);
    await silence.expectWithin("the way back", 500, "direct");
  });

  test("use a relay when the direct path of their next connection is blocked, although the relay that it brought has ended", async () => {
    await labPlayers.lab.block(homes[0], homes[1].address);
    await Promise.all([becomes(a, b, "relay", 0), becomes(b, a, "relay", 0)]);
    await labPlayers.lab.unblock(homes[0]);
    await Promise.all([closes(a, b), closes(b, a)]);
    silence = await play(b, a, "direct");
    await silence.settle();
    await labPlayers.lab.block(homes[0], homes[1].address);
    await silence.expectWithin("a blocked path of the next connection", 1_500, "relay");
  });

  test("find a direct path again after an address change", async () => {
    await silence.start();
    const from = a.program.lines.length;
    const { prefix } = homes[0];
    await host.shell(
      `ip addr del ${host.address}/24 dev eth0`,
      `ip addr add ${prefix}.99/24 dev eth0`,
      `ip route replace default via ${prefix}.1`,
    );
    await becomes(a, b, "direct", from);
    await silence.expectWithin("another address", 1_000, "direct");
  });

  test("keep their path when a sidecar dies", async () => {
    await silence.start();
    await labPlayers.stack.kill("sidecar");
    await new Promise((done) => setTimeout(done, 2_000));
    await silence.expectWithin("the sidecar's death", 500, "direct");
  });
});
