/** Benchmarks noray: registrations, the registrar with 0 and 10,000 idle hosts, commands through the hub, and memory. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { BenchStack } from "./bench-stack.ts";
import {
  sendRequest,
  type Throughput,
  flood,
  residentBytes,
  measureLatencies,
  type Latencies,
  printTable,
  formatInteger,
} from "./measure.ts";

const CONNECTIONS = 64;
const IDLE = 10_000;
/** Pids in flight to the registrar; each new one writes a row in the hub. */
const WINDOW = 200;

type Host = { readonly connection: Socket; readonly oid: string; readonly pid: string };

export async function benchNoray({ sidecar, port, noray: tcp }: BenchStack): Promise<void> {
  const udp = Array.from({ length: CONNECTIONS }, () => createSocket("udp4"));
  const hosts = await Promise.all(udp.map(async () => register(await connect(tcp))));
  await Promise.all(udp.map((socket, at) => sendRequest(socket, port, Buffer.from(hosts[at]!.pid))));
  const pids = hosts.map(({ pid }) => Buffer.from(pid));
  const empty = await flood(udp, port, sidecar, (at) => pids[at]!);
  // Measured first: memory freed by the other measurements would be reused by the idle hosts.
  const before = residentBytes(sidecar);
  const idle = await registerIdleHosts(port, tcp);
  const hostBytes = (residentBytes(sidecar) - before) / IDLE;
  const full = await flood(udp, port, sidecar, (at) => pids[at]!);

  const [alice, bob] = hosts as [Host, Host];
  const measure = (command: string) =>
    measureLatencies(1, () => runCommand(bob.connection, `${command} ${alice.oid}\n`));
  const [punch, relay] = [await measure("connect"), await measure("connect-relay")];
  for (const { connection } of [...hosts, ...idle]) connection.destroy();
  for (const socket of udp) socket.close();

  const newConnections = await measureLatencies(CONNECTIONS, async () => {
    const { connection } = await register(await connect(tcp));
    connection.destroy();
  });
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(tcp)));
  const warm = await measureLatencies(CONNECTIONS, async (at) => void (await register(connections[at]!)));
  for (const connection of connections) connection.destroy();

  printTable([
    ["noray", "per second", "p50 ms", "p99 ms"],
    latencyRow(`register-host, ${CONNECTIONS} new connections at once`, newConnections),
    latencyRow(`register-host, ${CONNECTIONS} warm connections`, warm),
    latencyRow("connect, one at a time", punch),
    latencyRow("connect-relay, one at a time", relay),
  ]);
  printTable([
    ["noray's registrar", "per second", "per CPU-second"],
    throughputRow("no idle hosts", empty),
    throughputRow(`${formatInteger(IDLE)} idle hosts, ${formatInteger(hostBytes)} bytes each`, full),
  ]);
}

const latencyRow = (label: string, { per_s, p50, p99 }: Latencies): string[] => [
  label,
  formatInteger(per_s),
  p50.toFixed(2),
  p99.toFixed(2),
];

const throughputRow = (label: string, { per_s, per_cpu_s }: Throughput): string[] => [
  label,
  formatInteger(per_s),
  formatInteger(per_cpu_s),
];

/** Registers hosts, observes each once, and leaves them idle. */
async function registerIdleHosts(port: number, tcp: number): Promise<Host[]> {
  const hosts: Host[] = [];
  const socket = createSocket("udp4");
  while (hosts.length < IDLE) {
    const some = await Promise.all(Array.from({ length: WINDOW }, async () => register(await connect(tcp))));
    hosts.push(...some);
    const seen = new Promise<void>((resolve) => {
      let responses = 0;
      socket.on("message", function count() {
        if (++responses < some.length) return;
        socket.off("message", count);
        resolve();
      });
    });
    for (const { pid } of some) socket.send(pid, port, "127.0.0.1");
    await seen;
  }
  socket.close();
  return hosts;
}

export async function connect(port: number): Promise<Socket> {
  const connection = createConnection({ host: "127.0.0.1", port, noDelay: true });
  connection.on("error", () => {});
  await once(connection, "connect");
  return connection;
}

export async function register(connection: Socket): Promise<Host> {
  connection.write("register-host\n");
  for (let text = ""; ;) {
    text += String((await once(connection, "data"))[0]);
    const [, oid, pid] = /set-oid (.+)\n[^]*set-pid (.+)\n/.exec(text) ?? [];
    if (oid !== undefined && pid !== undefined) return { connection, oid, pid };
  }
}

async function runCommand(connection: Socket, line: string): Promise<void> {
  const response = once(connection, "data");
  connection.write(line);
  await response;
}
