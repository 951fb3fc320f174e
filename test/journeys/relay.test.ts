/** The relay between peers whose NATs admit no other host, in kernel network namespaces. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { Lab } from "../lab/lab.ts";
import type { NatKind, NatOptions } from "../lab/nat.ts";
import { Program } from "../lab/program.ts";
import { LabSocket } from "../lab/socket.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { labTest } from "../lab/lab-test.ts";
import type { LinkConditions } from "../lab/lossy-link.ts";
import { takenPorts } from "../../tools/run/ports.ts";

const AWAY: LinkConditions = { delay_ms: 20 };
const PORTS = "49152-49251";

let lab: Lab;
let sidecar: Endpoint;
let relay: Program;
/** A socket on a third, public host, which reports observed endpoints. */
let third: LabSocket;

const test = labTest(() => lab);

describe.skipIf(isLabMissing())("through a relay and NATs", () => {
  beforeAll(async () => {
    lab = await Lab.open();
    const host = await lab.host();
    sidecar = { address: host.address, port: 0 };
    relay = await host.run("relay.ts", [host.address, PORTS]);
    third = await LabSocket.open(await lab.host());
  });
  afterAll(() => lab?.close());

  describe("two peers in different homes receive each other", () => {
    test.concurrent.for<[NatKind, NatKind, NatOptions]>([
      ["port-restricted", "port-restricted", {}],
      ["port-restricted", "symmetric", {}],
      ["symmetric", "port-restricted", {}],
      ["symmetric", "symmetric", {}],
      ["port-restricted", "symmetric", { movesPorts: true }],
    ])("%s and %s %j", async ([one, other, options], { visit }) => {
      const homes = [visit.homeHost(one, { ...options, ...AWAY }), visit.homeHost(other, { ...options, ...AWAY })];
      await talk(await Promise.all((await Promise.all(homes)).map((host) => LabSocket.open(host))));
    });
  });

  test.concurrent.for<NatKind>(["port-restricted", "symmetric"])(
    "two peers in one home receive each other: %s",
    async (kind, { visit }) => {
      const home = await visit.home(kind, AWAY);
      await talk([await LabSocket.open(await visit.host(home)), await LabSocket.open(await visit.host(home))]);
    },
  );

  test.concurrent("a peer at home and one on a public host receive each other", async ({ visit }) => {
    await talk([
      await LabSocket.open(await visit.homeHost("symmetric", AWAY)),
      await LabSocket.open(await visit.host()),
    ]);
  });

  test.concurrent("a third peer is not relayed, even if it knows the ports", async ({ visit }) => {
    const homes = [await visit.homeHost("port-restricted"), await visit.homeHost("symmetric")];
    const [alice, bob] = await Promise.all(homes.map((host) => LabSocket.open(host)));
    const ports = await talk([alice!, bob!]);
    const stranger = await LabSocket.open(await visit.host());
    for (const port of ports) stranger.send("let me in", { ...sidecar, port });
    await stranger.sendUntilReceived(third, "after that");
    // The relay receives this after the datagrams above.
    await alice!.sendUntilReceived(bob!, "last", { ...sidecar, port: ports[0]! });
    expect([...alice!.received, ...bob!.received].filter(({ text }) => text === "let me in")).toStrictEqual([]);
  });
});

test("a relay that is killed leaves no port behind", async () => {
  const program = Program.start("relay", [], "relay.ts", ["127.0.0.1", "29100-29119"]);
  const { pid } = (await program.waitForLine(() => true, { within_ms: 60_000 })) as { pid: number };
  program.send({
    pair: [
      { address: "45.1.1.1", port: 1 },
      { address: "45.2.2.2", port: 2 },
    ],
  });
  const { ports } = (await program.waitForLine((line) => "ports" in line)) as { ports: number[] };
  const wanted = ports.map((port) => ({ kind: "udp", port, purpose: "relay" }) as const);
  const [one, other] = ports;
  const taken = `UDP port ${one} (relay), UDP port ${other} (relay) are taken by `;
  expect(await takenPorts(wanted)).toStrictEqual([expect.stringContaining(taken)]);
  process.kill(pid, "SIGKILL");
  await program.ended;
  expect(await takenPorts(wanted)).toStrictEqual([]);
});

/** Allocates a relay for two peers and returns its ports. */
async function talk(players: readonly LabSocket[]): Promise<readonly number[]> {
  const seen = await Promise.all(
    players.map(async (player) => (await player.sendUntilReceived(third, `seen ${player.local.address}`)).from),
  );
  const id = players[0]!.local.address;
  relay.send({ id, pair: seen });
  const { ports } = (await relay.waitForLine((line) => line["id"] === id)) as unknown as { ports: number[] };
  const stops = players.map((player, at) =>
    player.sendRepeatedly(`hello from ${at}`, [{ ...sidecar, port: ports[at]! }]),
  );
  const heard = await Promise.all(players.map((player, at) => player.waitFor(`hello from ${1 - at}`)));
  for (const stop of stops) stop();
  // Each peer sees the other as the relay port that it sends to.
  expect(heard.map((one) => one.from)).toStrictEqual(ports.map((port) => ({ ...sidecar, port })));
  return ports;
}
