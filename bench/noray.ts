/** noray's port: registrations, the registrar beside 0 and 10,000 idle hosts, commands through the hub, and memory. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { BenchHouse } from "./house.ts";
import { answerTo, type Flood, flood, residentBytes, rounds, type Steps, table, whole } from "./measure.ts";

const CONNECTIONS = 64;
const IDLE = 10_000;
/** Pids on their way to the registrar at once: each new one is a row in the hub. */
const WINDOW = 200;

type Host = { readonly connection: Socket; readonly oid: string; readonly pid: string };

export async function noray({ sidecar, port, noray: tcp }: BenchHouse): Promise<void> {
  const udp = Array.from({ length: CONNECTIONS }, () => createSocket("udp4"));
  const hosts = await Promise.all(udp.map(async () => register(await connect(tcp))));
  await Promise.all(udp.map((socket, at) => answerTo(socket, port, Buffer.from(hosts[at]!.pid))));
  const pids = hosts.map(({ pid }) => Buffer.from(pid));
  const empty = await flood(udp, port, sidecar, (at) => pids[at]!);
  // Before anything else, or what has been and gone would make room for them.
  const before = residentBytes(sidecar);
  const idle = await crowd(port, tcp);
  const weight = (residentBytes(sidecar) - before) / IDLE;
  const full = await flood(udp, port, sidecar, (at) => pids[at]!);

  const [alice, bob] = hosts as [Host, Host];
  const ask = (command: string) => rounds(1, () => says(bob.connection, `${command} ${alice.oid}\n`));
  const [punch, relay] = [await ask("connect"), await ask("connect-relay")];
  for (const { connection } of [...hosts, ...idle]) connection.destroy();
  for (const socket of udp) socket.close();

  const fresh = await rounds(CONNECTIONS, async () => {
    const { connection } = await register(await connect(tcp));
    connection.destroy();
  });
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(tcp)));
  const warm = await rounds(CONNECTIONS, async (at) => void (await register(connections[at]!)));
  for (const connection of connections) connection.destroy();

  table([
    ["noray", "per second", "p50 ms", "p99 ms"],
    timed(`register-host, ${CONNECTIONS} new connections at once`, fresh),
    timed(`register-host, ${CONNECTIONS} warm connections`, warm),
    timed("connect, one at a time", punch),
    timed("connect-relay, one at a time", relay),
  ]);
  table([
    ["noray's registrar", "per second", "per CPU-second"],
    flooded("no idle hosts", empty),
    flooded(`${whole(IDLE)} idle hosts, ${whole(weight)} bytes each`, full),
  ]);
}

const timed = (what: string, { per_s, p50, p99 }: Steps): string[] => [
  what,
  whole(per_s),
  p50.toFixed(2),
  p99.toFixed(2),
];

const flooded = (what: string, { per_s, per_cpu_s }: Flood): string[] => [what, whole(per_s), whole(per_cpu_s)];

/** Hosts that have registered, been seen once, and do nothing more. */
async function crowd(port: number, tcp: number): Promise<Host[]> {
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

async function says(connection: Socket, line: string): Promise<void> {
  const answer = once(connection, "data");
  connection.write(line);
  await answer;
}
