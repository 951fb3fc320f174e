/** Benchmarks the relay against noray's implementation in one run, with the same players and the same window. */
import { type ChildProcess, fork } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as passes } from "node:timers/promises";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { stopProcess } from "../tools/run/processes.ts";
import { cpuSeconds, MEASURE_MS, quantile, residentBytes, printTable, WARM_UP_MS, formatInteger } from "./measure.ts";

/** Active pairs, and the datagrams in flight of each pair and direction. */
const PAIRS = 16;
const WINDOW = 8;
/** Idle pairs, to measure memory and the time of an allocation. */
const IDLE_PAIRS = 1_000;
const LATENCY_TIMES = 5_000;

type Player = { readonly socket: Socket; relay: Endpoint };
type Figures = {
  readonly small: number;
  readonly large: number;
  readonly p50: number;
  readonly p99: number;
  readonly opened_ms: number;
  readonly made_p50: number;
  readonly made_p99: number;
  readonly pair_bytes: number;
  readonly bytes: number;
};

export async function benchRelays(): Promise<void> {
  const pair = await Promise.all([open(), open()]);
  const direct = await latency(pair, true);
  for (const { socket } of pair) socket.close();
  const parley = await measure("relay-server.ts");
  const baseline = await measure("relay-noray.ts");
  const row = (label: string, read: (figures: Figures) => number, digits = 0): string[] => {
    const [one, other] = [read(parley), read(baseline)];
    const shown = (value: number): string => (digits === 0 ? formatInteger(value) : value.toFixed(digits));
    return [label, shown(one), shown(other), (one / other).toFixed(2)];
  };
  printTable([
    ["relay", "Parley", "noray", "ratio"],
    row("datagrams of 64 bytes per CPU-second", ({ small }) => small),
    row("datagrams of 1,200 bytes per CPU-second", ({ large }) => large),
    row("added latency p50, ms", ({ p50 }) => p50 - direct.p50, 3),
    row("added latency p99, ms", ({ p99 }) => p99 - direct.p99, 3),
    row("opening ports at startup, ms", ({ opened_ms }) => opened_ms, 1),
    row("allocating a pair p50, ms", ({ made_p50 }) => made_p50, 3),
    row("allocating a pair p99, ms", ({ made_p99 }) => made_p99, 3),
    row("memory per pair, kB", ({ pair_bytes }) => pair_bytes / 1_000, 1),
    row("memory with 1,000 pairs, MB", ({ bytes }) => bytes / 1_000_000, 1),
  ]);
}

async function measure(file: string): Promise<Figures> {
  const server = fork(join(import.meta.dirname, "programs", file), { execPath: process.execPath });
  try {
    const [{ opened_ms }] = (await once(server, "message")) as [{ opened_ms: number }];
    const pairs = await Promise.all(Array.from({ length: PAIRS }, () => Promise.all([open(), open()])));
    for (const pair of pairs) await allocate(server, pair);
    const { p50, p99 } = await latency(pairs[0]!);
    const small = await measureThroughput(server, pairs, 64);
    const large = await measureThroughput(server, pairs, 1_200);
    for (const { socket } of pairs.flat()) socket.close();
    const before = residentBytes(server);
    const took: number[] = [];
    const idle = [await open(), await open()];
    for (let made = PAIRS; made < IDLE_PAIRS; made++) took.push(await allocate(server, idle));
    for (const { socket } of idle) socket.close();
    const bytes = residentBytes(server);
    const pair_bytes = (bytes - before) / (IDLE_PAIRS - PAIRS);
    return {
      small,
      large,
      p50,
      p99,
      opened_ms,
      made_p50: quantile(took, 0.5),
      made_p99: quantile(took, 0.99),
      pair_bytes,
      bytes,
    };
  } finally {
    await stopProcess(server);
  }
}

async function open(): Promise<Player> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.setRecvBufferSize(4_194_304);
  return { socket, relay: { address: "127.0.0.1", port: 0 } };
}

/** Allocates a relay for two players. Returns the server's own time for it, in ms. */
async function allocate(server: ChildProcess, pair: readonly Player[]): Promise<number> {
  server.send(pair.map(({ socket }) => socket.address()));
  const [{ ports, took_ms }] = (await once(server, "message")) as [{ ports: number[]; took_ms: number }];
  for (const [at, player] of pair.entries()) player.relay = { address: "127.0.0.1", port: ports[at]! };
  return took_ms;
}

/** Datagrams relayed per second of the server's CPU, with a constant window in flight. */
async function measureThroughput(
  server: ChildProcess,
  pairs: readonly (readonly Player[])[],
  bytes: number,
): Promise<number> {
  const payload = Buffer.alloc(bytes, 1);
  let [received, isRunning] = [0, true];
  const players = pairs.flat();
  for (const { socket, relay } of players) {
    socket.on("message", () => {
      received++;
      if (isRunning) socket.send(payload, relay.port, relay.address);
    });
    // The relay learns each side's endpoint from its first datagram.
    socket.send(payload, relay.port, relay.address);
  }
  await passes(50);
  for (const { socket, relay } of players) {
    for (let sent = 0; sent < WINDOW; sent++) socket.send(payload, relay.port, relay.address);
  }
  await passes(WARM_UP_MS);
  const [before, cpu] = [received, cpuSeconds(server)];
  await passes(MEASURE_MS);
  const per_cpu_s = (received - before) / (cpuSeconds(server) - cpu);
  isRunning = false;
  await passes(50);
  for (const { socket } of players) socket.removeAllListeners("message");
  return per_cpu_s;
}

/** One-way latency between two players, with one datagram in flight. */
async function latency(
  pair: readonly Player[],
  direct = false,
): Promise<{ readonly p50: number; readonly p99: number }> {
  const [alice, bob] = pair as [Player, Player];
  const payload = Buffer.alloc(64, 1);
  const took: number[] = [];
  const send = (from: Player, to: Player): void => {
    const { address, port } = direct ? to.socket.address() : from.relay;
    from.socket.send(payload, port, address);
  };
  const opening = setInterval(() => {
    send(alice, bob);
    send(bob, alice);
  }, 20);
  await Promise.all(pair.map(({ socket }) => once(socket, "message")));
  clearInterval(opening);
  await passes(50);
  for (let times = 0; times < LATENCY_TIMES; times++) {
    const sent = performance.now();
    send(alice, bob);
    await once(bob.socket, "message");
    took.push(performance.now() - sent);
  }
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}
