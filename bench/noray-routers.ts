/**
 * Benchmarks games with netfox's addon behind every pair of routers: how they connect, and when. Each pair meets twice,
 * because the sidecar learns from the first meeting which pairs to relay at once.
 */
import { currentBundle } from "../tools/run/bundle.ts";
import type { Host } from "../test/lab/lab.ts";
import { isLabMissing } from "../test/lab/lab-namespaces.ts";
import { LabPlayers } from "../test/lab/lab-players.ts";
import type { NatKind } from "../test/lab/nat.ts";
import type { Line, Program } from "../test/lab/program.ts";
import { formatInteger, printTable } from "./measure.ts";

export const ROUTERS = [
  "none",
  "full-cone",
  "address-restricted",
  "port-restricted",
  "symmetric",
  "sequential",
  "address-dependent",
  "masquerade",
] as const satisfies readonly (NatKind | "none")[];
export type Router = (typeof ROUTERS)[number];

/** The delay of each peer's link in each direction: 80 ms for a round trip between two peers. */
const WAY = { delay_ms: 20, movesPorts: true };
/** Two failing handshakes of 8 s, the waits before them, and a busy machine. */
const PATIENCE = { within_ms: 60_000 };

/** Prints a row for each pair of these routers. Without network namespaces it prints the reason instead. */
export async function benchNorayRouters(routers: readonly Router[]): Promise<void> {
  if (isLabMissing()) return;
  const rows: string[][] = [];
  for (const router of routers) rows.push(...(await meetAll(router, routers)));
  printTable([["host and client", "first", "ms", "second", "ms"], ...rows]);
}

/** A laboratory for each kind of host: 8 pairs that meet at once, each in homes that the sidecar has not seen. */
async function meetAll(host: Router, clients: readonly Router[]): Promise<string[][]> {
  const players = await LabPlayers.open(await currentBundle());
  try {
    return await Promise.all(
      clients.map(async (client) => {
        const [hostAt, clientAt] = await Promise.all([hostBehind(players, host), hostBehind(players, client)]);
        const [first, second] = [await meet(players, hostAt, clientAt), await meet(players, hostAt, clientAt)];
        return [`${host} and ${client}`, ...first, ...second];
      }),
    );
  } finally {
    await players.close();
  }
}

async function hostBehind({ lab }: LabPlayers, router: Router): Promise<Host> {
  return router === "none" ? lab.host(WAY) : lab.host({ net: await lab.home(router, WAY) });
}

/** What the client's handshakes led to, and the time (ms) from its request to the answer of the host's game. */
async function meet({ stack }: LabPlayers, hostAt: Host, clientAt: Host): Promise<[string, string]> {
  const server = stack.endpointOf("noray").address;
  const host = await hostAt.run("noray-peer.ts", [server]);
  const { oid } = await nextLine(host, "oid");
  const client = await clientAt.run("noray-peer.ts", [server, String(oid)]);
  await nextLine(client, "oid");
  const since = performance.now();
  const { handshakes, got } = await nextLine(client, "got");
  const ms = performance.now() - since;
  await Promise.all([host.end(), client.end()]);
  const isConnected = got === "nat" || got === "relay";
  return [isConnected ? (handshakes as string[]).join(", ") : `not connected: ${String(got)}`, formatInteger(ms)];
}

async function nextLine(program: Program, key: string): Promise<Line> {
  const line = await program.waitForLine((said) => key in said || "failed" in said, PATIENCE);
  if ("failed" in line) throw new Error(String(line["failed"]));
  return line;
}
