/**
 * Benchmarks the client's sealed datagrams: a process with one peer returns each to its sender. It is compared with a
 * bare dgram socket, and with one that only opens and seals.
 */
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { Peer } from "../clients/typescript/src/connect/peer.ts";
import type { PeerHandlers } from "../clients/typescript/src/connect/peer-handlers.ts";
import type { Plan } from "../clients/typescript/src/punch/plan.ts";
import { Seal } from "../clients/typescript/src/secure/seal.ts";
import { stopProcess } from "../tools/run/processes.ts";
import { flood, formatInteger, measureThroughput, printTable, type Throughput } from "./measure.ts";

/** Payloads in bytes: a game's state, and nearly the largest that passes every path. */
const SIZES = [100, 1_200] as const;
/** Datagrams in flight: a full window of the largest fits the receive buffer of a socket. */
const IN_FLIGHT = 48;
const SOURCES = join(import.meta.dirname, "../clients/typescript/src");

/** The message to the program with the other peer. */
export type EchoIntroduction = { readonly plan: Plan; readonly key: string };

/** `old`: the folder of an earlier version of Parley, to be measured in the same run; or null. */
export async function benchSealedEcho(old: string | null): Promise<void> {
  const rows: string[][] = [];
  for (const bytes of SIZES) {
    const bare = await bareEcho(bytes);
    const others = [
      ["opened and sealed only", await cipherEcho(bytes)],
      ["client", await clientEcho(SOURCES, bytes)],
      ...(old === null
        ? []
        : [["client, earlier version", await clientEcho(join(old, "clients/typescript/src"), bytes)] as const]),
    ] as const;
    rows.push([`bare UDP echo, ${bytes} bytes`, formatInteger(bare.per_cpu_s), "1.00"]);
    for (const [label, { per_cpu_s }] of others)
      rows.push([`${label}, ${bytes} bytes`, formatInteger(per_cpu_s), (per_cpu_s / bare.per_cpu_s).toFixed(2)]);
  }
  printTable([["round trips of one process", "per CPU-second", "ratio to echo"], ...rows]);
}

/** Through a peer of the client whose sources are in this folder. */
async function clientEcho(sources: string, bytes: number): Promise<Throughput> {
  const peer = new Peer("echo", NO_HANDLERS);
  return withProgram("sealed-echo.ts", [sources], async (server, port) => {
    await peer.sockets.bind(0);
    const opened = new Promise((done) => peer.once("path", done));
    const key = randomBytes(32);
    const plan = planTo(peer.sockets.port(0, "127.0.0.1")!, false);
    server.send({ plan, key: key.toString("hex") } satisfies EchoIntroduction);
    peer.startPunch(planTo(port, true), { key, epoch: 0, role: "a" }, 0);
    await opened;
    const payload = randomBytes(bytes);
    let [responses, isRunning] = [0, true];
    peer.on("datagram", () => {
      responses++;
      if (isRunning) peer.send(payload);
    });
    for (let sent = 0; sent < IN_FLIGHT; sent++) peer.send(payload);
    const figures = await measureThroughput(server, () => responses);
    isRunning = false;
    return figures;
  }).finally(() => peer.close());
}

function cipherEcho(bytes: number): Promise<Throughput> {
  const key = randomBytes(32);
  const seal = new Seal({ key, epoch: 0, role: "a" });
  const payload = randomBytes(bytes);
  return plainEcho("cipher-echo.ts", [key.toString("hex")], () => seal.seal(payload, 0));
}

function bareEcho(bytes: number): Promise<Throughput> {
  const payload = randomBytes(bytes);
  return plainEcho("echo.ts", ["0"], () => payload);
}

async function plainEcho(program: string, args: readonly string[], request: () => Uint8Array): Promise<Throughput> {
  const socket = createSocket("udp4");
  return withProgram(program, args, (server, port) => flood([socket], port, server, request, IN_FLIGHT)).finally(() =>
    socket.close(),
  );
}

async function withProgram(
  program: string,
  args: readonly string[],
  measure: (server: ReturnType<typeof fork>, port: number) => Promise<Throughput>,
): Promise<Throughput> {
  const server = fork(join(import.meta.dirname, "programs", program), args);
  try {
    const [{ port }] = (await once(server, "message")) as [{ port: number }];
    return await measure(server, port);
  } finally {
    await stopProcess(server);
  }
}

const ignore = (): void => {};
const NO_HANDLERS: PeerHandlers = {
  upgrade: ignore,
  punched: ignore,
  needsRelay: ignore,
  relaySilent: ignore,
  closed: ignore,
};

const planTo = (port: number, nominates: boolean): Plan => ({
  targets: [{ kind: "reflexive", address: "127.0.0.1", port }],
  sockets: 1,
  spray: null,
  per_s: 50,
  nominates,
  same_network: true,
  first_hops: null,
  give_up_ms: 5_000,
});

if (import.meta.main) {
  await benchSealedEcho(process.argv[2] ?? null);
  process.exit(0);
}
