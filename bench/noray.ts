/** noray's port: registrations, the registrar beside 0 and 10,000 idle hosts, commands through the hub, and memory. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { BenchStack } from "./bench-stack.ts";
import { sendRequest, type Throughput, flood, residentBytes, measureLatencies, type Latencies, printTable, formatInteger } from "./measure.ts";

const CONNECTIONS = 64;
const IDLE = 10_000;
/** Pids on their way to the registrar at once: each new one is a row in the hub. */
const WINDOW = 200;

type Host = { readonly connection: Socket; readonly oid: string; readonly pid: string };

export async function benchNoray({ sidecar, port, noray: tcp }: BenchStack): Promise<void> {
  const udp = Array.from({ length: CONNECTIONS }, () => createSocket("udp4"));
  const hosts = await Promise.all(udp.map(async () => register(await connect(tcp))));
  await Promise.all(udp.map((socket, at) => sendRequest(socket, port, Buffer.from(hosts[at]!.pid))));
  const pids = hosts.map(({ pid }) => Buffer.from(pid));
  const empty = await flood(udp, port, sidecar, (at) => pids[at]!);
  // Before anything else, or what has been and gone would make room for them.
  const before = residentBytes(sidecar);
  const idle = await registerIdleHosts(port, tcp);
  const weight = (residentBytes(sidecar) - before) / IDLE;
  const full = await flood(udp, port, sidecar, (at) => pids[at]!);

  const [alice, bob] = hosts as [Host, Host];
  const ask = (command: string) => measureLatencies(1, () => command(bob.connection, `${command} ${alice.oid}\n`));
  const [punch, relay] = [await ask("connect"), await ask("connect-relay")];
  for (const { connection } of [...hosts, ...idle]) connection.destroy();
  for (const socket of udp) socket.close();

  const fresh = await measureLatencies(CONNECTIONS, async () => {
    const { connection } = await register(await connect(tcp));
    connection.destroy();
  });
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(tcp)));
  const warm = await measureLatencies(CONNECTIONS, async (at) => void (await register(connections[at]!)));
  for (const connection of connections) connection.destroy();

  printTable([
    ["noray", "per second", "p50 ms", "p99 ms"],
    latencyRow(`register-host, ${CONNECTIONS} new connections at once`, fresh),
    latencyRow(`register-host, ${CONNECTIONS} warm connections`, warm),
    latencyRow("connect, one at a time", punch),
    latencyRow("connect-relay, one at a time", relay),
  ]);
  printTable([
    ["noray's registrar", "per second", "per CPU-second"],
    throughputRow("no idle hosts", empty),
    throughputRow(`${formatInteger(IDLE)} idle hosts, ${formatInteger(weight)} bytes each`, full),
  ]);
}

const latencyRow = (what: string, { per_s, p50, p99 }: Latencies): string[] => [
  what,
  formatInteger(per_s),
  p50.toFixed(2),
  p99.toFixed(2),
];

const throughputRow = (what: string, { per_s, per_cpu_s }: Throughput): string[] => [what, formatInteger(per_s), formatInteger(per_cpu_s)];

/** Hosts that have registered, been seen once, and do nothing more. */
async function registerIdleHosts(port: number, tcp: number): Promise<Host[]> {
  const hosts: Host[] = [];
  const socket = createSocket("udp4");
  while (hosts.length < IDLE) {
    const some = await Promise.all(Array.from({ length: WINDOW }, async () => register(await connect(tcp))));
    hosts.push(...some);
    const seen = new Promise<void>((done) => {
      let answers = 0;
      socket.on("message", function count() {
        if (++answers < some.length) return;
        socket.off("message", count);
        done();
      });
    });
    for (const { pid } of some) socket.send(pid, port, "127.0.0.1");
    await seen;
  }
  socket.close();
  return hosts;
}

async function connect(port: number): Promise<Socket> {
  const connection = createConnection({ host: "127.0.0.1", port, noDelay: true });
  connection.on("error", () => {});
  await once(connection, "connect");
  return connection;
}

async function register(connection: Socket): Promise<Host> {
  const answer = once(connection, "data");
  connection.write("register-host\n");
  const [, oid = "", pid = ""] = /^set-oid (.+)\nset-pid (.+)\n$/.exec(String((await answer)[0])) ?? [];
  return { connection, oid, pid };
}

async function runCommand(connection: Socket, line: string): Promise<void> {
  const answer = once(connection, "data");
  connection.write(line);
  await answer;
}
