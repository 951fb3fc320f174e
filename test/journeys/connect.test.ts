/** Two Node programs with the TypeScript client behind every pair of NATs, with a real hub and two real sidecars. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  startTwoOfEachKind,
  isPlainPunch,
  connectPair,
  connectAllPairs,
  MOST_MS,
  startPlayer,
} from "../lab/connect-pairs.ts";
import type { HomeOptions } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";

let labPlayers: LabPlayers;

describe.skipIf(isLabMissing())("the client through NATs", () => {
  beforeAll(async () => {
    labPlayers = await LabPlayers.open();
    await labPlayers.stack.addSidecar(await labPlayers.lab.host());
  });
  afterAll(() => labPlayers?.close());

  test.for<[string, HomeOptions]>([
    ["20 ms away", { delay_ms: 20 }],
    ["40 ms away, with 5 % lost", { delay_ms: 40, loss: 0.05 }],
  ])("connects all 28 pairs, %s: directly where possible, otherwise by relay", async ([, way]) => {
    const rows = await connectAllPairs(await startTwoOfEachKind(labPlayers, way));
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(rows);
    expect(rows.filter(({ isAsWanted }) => !isAsWanted)).toStrictEqual([]);
    // A punch may fail by chance; the client then makes a second attempt, later than this.
    expect(rows.filter(({ ms }) => ms <= MOST_MS).length).toBeGreaterThanOrEqual(26);
    const plain = rows.filter(isPlainPunch);
    expect(plain).toHaveLength(24);
    // With loss, or on a busy machine, some punches need a second attempt of the client.
    expect(plain.filter(({ ms }) => ms <= 1_000).length).toBeGreaterThanOrEqual(way.loss === undefined ? 22 : 18);
  });

  test("connects by local addresses in one home, by relay in one carrier, and by WebSocket without UDP", async () => {
    const way = { delay_ms: 20 };
    const home = await labPlayers.lab.home("port-restricted", way);
    const carrier = await labPlayers.lab.home("port-restricted", { carrier: true, ...way });
    const inCarrier = { behind: carrier };
    const nets = [
      [home, home],
      [
        await labPlayers.lab.home("port-restricted", inCarrier),
        await labPlayers.lab.home("port-restricted", inCarrier),
      ],
      [await labPlayers.lab.home("blocked", way), await labPlayers.lab.home("full-cone", way)],
    ] as const;
    const pairs = await Promise.all(
      nets.map(async ([one, other]) => {
        const a = await startPlayer(labPlayers, await labPlayers.lab.host({ net: one }));
        return [a, await startPlayer(labPlayers, await labPlayers.lab.host({ net: other }), a.lobby)] as const;
      }),
    );
    const wanted = [
      ["direct", "direct"],
      ["relay", "relay"],
      ["websocket", "relay"],
    ] as const;
    const met = await Promise.all(pairs.map(([a, b], at) => connectPair(`pair ${at}`, a, b, wanted[at]!)));
    expect(met.filter(({ isAsWanted, ms }) => !isAsWanted || ms > MOST_MS)).toStrictEqual([]);
  });
});
