/** Two Node programs with the TypeScript client behind every pair of NATs, with a real hub and two real sidecars. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTwoOfEachKind, isPlainPunch, connectPair, connectAllPairs, startPlayer } from "../lab/connect-pairs.ts";
import {
  openHubByIPv6,
  onlyOverIPv6,
  withDeafIPv6,
  withIPv6,
  withLocalIPv6,
  withoutCommonFamily,
} from "../lab/families.ts";
import type { HomeOptions, Host } from "../lab/lab.ts";
import type { NatKind } from "../lab/nat.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { HUB_PORT } from "../lab/sidecar.ts";
import { becomes, Silence } from "../lab/silence.ts";

/** The median and the longest time to a first path, and the longest to a direct one where a plain punch opens it. */
type Limits = { readonly median_ms: number; readonly first_ms: number; readonly plain_ms: number };

let labPlayers: LabPlayers;
let sidecar: Promise<string> | undefined;

/** Returns its IPv6 address, where the hub is reachable too. */
async function addSidecar(): Promise<string> {
  const { lab, server, stack } = labPlayers;
  const addresses = [await lab.addAddress(server), await lab.addIPv6(server)] as const;
  await stack.addSidecar(server, { address: addresses.join(), status: "127.0.0.1:9465" });
  await openHubByIPv6(labPlayers, addresses[1]);
  return addresses[1];
}

const homeHost = async (kind: NatKind, options: HomeOptions): Promise<Host> =>
  labPlayers.lab.host({ net: await labPlayers.lab.home(kind, options) });

describe.skipIf(isLabMissing())("the client through NATs", () => {
  beforeAll(async () => {
    labPlayers = await LabPlayers.open(undefined, 2);
  });
  afterAll(() => labPlayers?.close());

  test("connects an address-dependent mapping directly with one sidecar on two addresses", async () => {
    const way = { delay_ms: 20 };
    const a = await startPlayer(labPlayers, await homeHost("address-dependent", way));
    const b = await startPlayer(labPlayers, await homeHost("port-restricted", { movesPorts: true, ...way }), a.lobby);
    const pair = "address-dependent port-restricted";
    const met = await connectPair(pair, a, b, ["direct", "direct"], { within_ms: 60_000 });
    if (process.env["PARLEY_TABLE"] !== undefined) console.table([met]);
    expect(met.isAsWanted).toBe(true);
    expect(met.first_ms).toBeLessThan(2_000);
  });

  test.for<[string, HomeOptions, Limits]>([
    ["20 ms away", { delay_ms: 20 }, { median_ms: 1_000, first_ms: 5_000, plain_ms: 5_000 }],
    // TCP to the hub may stand still for longer than the hub waits for a peer: here once in a million messages.
    [
      "20 ms away, with 3 % lost",
      { delay_ms: 20, loss: 0.03 },
      { median_ms: 5_000, first_ms: 30_000, plain_ms: 30_000 },
    ],
  ])("connects all 28 pairs, %s: directly where possible, otherwise by relay", async ([, way, limits]) => {
    // The second sidecar on the same machine, which all further tests use.
    await (sidecar ??= addSidecar());
    const rows = await connectAllPairs(await startTwoOfEachKind(labPlayers, way));
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(rows);
    expect(rows.filter(({ isAsWanted }) => !isAsWanted)).toStrictEqual([]);
    // The first path is a relay where the punch takes long. The limits leave room for a busy machine.
    expect(rows.filter(({ first_ms }) => first_ms > limits.first_ms)).toStrictEqual([]);
    const firsts = rows.map(({ first_ms }) => first_ms).toSorted((a, b) => a - b);
    expect(firsts[14]).toBeLessThanOrEqual(limits.median_ms);
    const plain = rows.filter(isPlainPunch);
    expect(plain).toHaveLength(24);
    expect(plain.filter(({ ms }) => ms > limits.plain_ms)).toStrictEqual([]);
  });

  test("connects over IPv6, and keeps the path when either side gets another privacy address", async () => {
    await (sidecar ??= addSidecar());
    const { lab } = labPlayers;
    const hosts = await onlyOverIPv6(labPlayers, { delay_ms: 20 });
    const a = await startPlayer(labPlayers, hosts[0]);
    const b = await startPlayer(labPlayers, hosts[1], a.lobby);
    a.program.send({ connect: b.id });
    await Promise.all([becomes(a, b, "direct", 0), becomes(b, a, "direct", 0)]);
    expect(a.program.lines.findLast(({ path }) => path === "direct")?.["to"]).toContain(":");
    for (const [player, other] of [
      [a, b],
      [b, a],
    ] as const)
      player.program.send({ play: other.id });
    const silence = new Silence(a, b);
    for (const host of hosts) {
      await silence.start();
      await lab.addIPv6(host);
      await silence.expectWithin("another privacy address", 500, "direct");
    }
  });

  test("connects over IPv4 at once where IPv6 is useless, and by relay where no family is common", async () => {
    const address = await (sidecar ??= addSidecar());
    const way = { delay_ms: 20 };
    const apart = await withoutCommonFamily(labPlayers, way);
    const cases = [
      [await withDeafIPv6(labPlayers, way, 1), "direct", labPlayers.stack.url],
      [await withDeafIPv6(labPlayers, way, 2), "direct", labPlayers.stack.url],
      [await withLocalIPv6(labPlayers, way), "direct", labPlayers.stack.url],
      [apart, "relay", `http://[${address}]:${HUB_PORT}`],
    ] as const;
    const met = await Promise.all(
      cases.map(async ([[one, other], path, url], at) => {
        const b = await startPlayer(labPlayers, other);
        const a = await startPlayer(labPlayers, one, b.lobby, url);
        return connectPair(`case ${at}`, a, b, [path, path]);
      }),
    );
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(met);
    expect(met.filter(({ isAsWanted, first_ms }) => !isAsWanted || first_ms > 2_000)).toStrictEqual([]);
  });

  test("takes IPv4 to the hub where longer packets of IPv6 are dropped", async () => {
    const address = await (sidecar ??= addSidecar());
    const { lab, server } = labPlayers;
    const [one, other] = await withIPv6(labPlayers, { delay_ms: 20 });
    await lab.addName(one, "hub.test", [address, server.address]);
    // Without TLS, most responses are shorter than the 1,280 bytes that every network carries.
    await lab.limitIPv6(one, 600);
    const b = await startPlayer(labPlayers, other);
    const a = await startPlayer(labPlayers, one, b.lobby, `http://hub.test:${HUB_PORT}`);
    const met = await connectPair("black hole", a, b, ["direct", "direct"]);
    expect(met.isAsWanted).toBe(true);
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
      ["tunnel", "relay"],
    ] as const;
    const met = await Promise.all(pairs.map(([a, b], at) => connectPair(`pair ${at}`, a, b, wanted[at]!)));
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(met);
    expect(met.filter(({ isAsWanted, first_ms }) => !isAsWanted || first_ms > 2_000)).toStrictEqual([]);
  });
});
