/**
 * Benchmarks games with netfox's addon behind every pair of routers: how they connect, and when. Each pair meets three
 * times: at a sidecar that relays only when a client requests it, as noray does, and twice at an ordinary one, which
 * measures routers and remembers what it learned from the first meeting.
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
/** ENet's 30 s, a failing handshake of 8 s, the waits before them, and a busy machine. */
const PATIENCE = { within_ms: 90_000 };
/** Without its address a sidecar can name its relay only in `connect-relay`. */
const LIKE_NORAY = { PARLEY_ADDRESSES: "" };

/** What the client's handshakes led to, and the time from its request to the answer of the host's game. */
type Meeting = { readonly handshakes: string; readonly ms: number };
/** At the sidecar that is like noray, then the first and the second meeting at the other. */
type Pair = { readonly host: Router; readonly client: Router; readonly meetings: readonly [Meeting, Meeting, Meeting] };

/** Prints a row for each pair of these routers, and a table for docs/reference/wires/noray.md. */
export async function benchNorayRouters(routers: readonly Router[]): Promise<void> {
  // Prints why there are no network namespaces.
  if (isLabMissing()) return;
  const pairs: Pair[] = [];
  for (const router of routers) pairs.push(...(await meetAll(router, routers)));
  printTable([
    ["host and client", "like noray", "ms", "first", "ms", "second", "ms"],
    ...pairs.map(({ host, client, meetings }) => [
      `${host} and ${client}`,
      ...meetings.flatMap(({ handshakes, ms }) => [handshakes, formatInteger(ms)]),
    ]),
  ]);
  const table = [
    ["host \\ client", ...routers],
    routers.map(() => "---").concat("---"),
    ...routers.map((router) => [router, ...pairs.filter(({ host }) => host === router).map(cellOf)]),
  ];
  console.log(table.map((row) => `| ${row.join(" | ")} |`).join("\n"));
}

/** Seconds like noray, then at the first meeting, and at the second one if the first one was slow. */
function cellOf({ meetings }: Pair): string {
  const [before, first, second] = meetings.map(({ ms }) => (ms / 1_000).toFixed(1));
  return `${before} → ${first}${meetings[1].ms > 2_000 ? `, ${second}` : ""}`;
}

/** A laboratory for each kind of host: pairs that meet at once, each in homes that no sidecar has seen. */
async function meetAll(host: Router, clients: readonly Router[]): Promise<Pair[]> {
  const players = await LabPlayers.open(await currentBundle());
  try {
    const ordinary = players.stack.endpointOf("noray").address;
    const other = await players.lab.host();
    await players.stack.addSidecar(other, { settings: LIKE_NORAY });
    return await Promise.all(
      clients.map(async (client) => {
        const at = await Promise.all([hostBehind(players, host), hostBehind(players, client)]);
        const [before, first, second] = [
          await meet(other.address, at),
          await meet(ordinary, at),
          await meet(ordinary, at),
        ];
        return { host, client, meetings: [before, first, second] } as const;
      }),
    );
  } finally {
    await players.close();
  }
}

async function hostBehind({ lab }: LabPlayers, router: Router): Promise<Host> {
  return router === "none" ? lab.host(WAY) : lab.host({ net: await lab.home(router, WAY) });
}

async function meet(server: string, [hostAt, clientAt]: readonly [Host, Host]): Promise<Meeting> {
  const host = await hostAt.run("noray-peer.ts", [server]);
  const { oid } = await nextLine(host, "oid");
  const client = await clientAt.run("noray-peer.ts", [server, String(oid)]);
  await nextLine(client, "oid");
  const since = performance.now();
  const { handshakes, got } = await nextLine(client, "got");
  const ms = performance.now() - since;
  await Promise.all([host.end(), client.end()]);
  const isConnected = got === "nat" || got === "relay";
  return { handshakes: isConnected ? (handshakes as string[]).join(", ") : `not connected: ${String(got)}`, ms };
}

async function nextLine(program: Program, key: string): Promise<Line> {
  const line = await program.waitForLine((said) => key in said || "failed" in said, PATIENCE);
  if ("failed" in line) throw new Error(String(line["failed"]));
  return line;
}
