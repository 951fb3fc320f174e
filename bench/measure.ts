/** Measurements of throughput, latency, CPU and memory. All load stays on loopback and is bounded in count and time. */
import type { ChildProcess } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { setTimeout as passes } from "node:timers/promises";

/** The duration of each measurement, after the warm-up. */
export const MEASURE_MS = 3_000;
export const WARM_UP_MS = 500;
/** Requests in flight over all sockets: enough to keep the server busy, too few for drops. */
export const WINDOW = 256;
const TICKS_PER_S = 100;
/** A response that takes longer counts as lost and appears in p99. */
const TIMEOUT_MS = 1_000;

export type Throughput = { readonly per_s: number; readonly per_cpu_s: number };
export type Latencies = { readonly per_s: number; readonly p50: number; readonly p99: number };

/** Keeps a window of requests open: responses per second, and per second of the server's CPU. */
export async function flood(
  sockets: readonly Socket[],
  port: number,
  server: ChildProcess,
  request: (at: number) => Uint8Array,
  window = WINDOW,
): Promise<Throughput> {
  let responses = 0;
  let isRunning = true;
  const listeners = sockets.map((socket, at) => () => {
    responses++;
    if (isRunning) socket.send(request(at), port, "127.0.0.1");
  });
  for (const [at, socket] of sockets.entries()) {
    socket.on("message", listeners[at]!);
    for (let one = 0; one < window / sockets.length; one++) socket.send(request(at), port, "127.0.0.1");
  }
  const figures = await measureThroughput(server, () => responses);
  isRunning = false;
  for (const [at, socket] of sockets.entries()) socket.off("message", listeners[at]!);
  return figures;
}

/** The rate of responses and of CPU time, measured after the warm-up. `responses` returns the count so far. */
export async function measureThroughput(server: ChildProcess, responses: () => number): Promise<Throughput> {
  await passes(WARM_UP_MS);
  const [before, cpu, began] = [responses(), cpuSeconds(server), performance.now()];
  await passes(MEASURE_MS);
  const count = responses() - before;
  return { per_s: count / ((performance.now() - began) / 1_000), per_cpu_s: count / (cpuSeconds(server) - cpu) };
}

/** Request latencies with `at_once` concurrent sockets, each with one request in flight. */
export async function measureSteps(at_once: number, port: number, request: () => Uint8Array): Promise<Latencies> {
  const sockets = Array.from({ length: at_once }, () => createSocket("udp4"));
  const latencies = await measureLatencies(at_once, (at) => sendRequest(sockets[at]!, port, request()));
  for (const socket of sockets) socket.close();
  return latencies;
}

/** Sends a request and waits for the next datagram, or for the timeout. */
export function sendRequest(socket: Socket, port: number, request: Uint8Array): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      clearTimeout(timer);
      socket.off("message", finish);
      done();
    };
    const timer = setTimeout(finish, TIMEOUT_MS);
    socket.on("message", finish);
    socket.send(request, port, "127.0.0.1");
  });
}

/** Repeats an action in `at_once` concurrent loops: rate and latency. */
export async function measureLatencies(at_once: number, action: (at: number) => Promise<void>): Promise<Latencies> {
  const took: number[] = [];
  const began = performance.now();
  const loop = async (at: number): Promise<void> => {
    while (performance.now() < began + MEASURE_MS) {
      const started = performance.now();
      await action(at);
      took.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: at_once }, (_, at) => loop(at)));
  const per_s = took.length / ((performance.now() - began) / 1_000);
  return { per_s, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}

/** The quantile of `values` at `share`, which is between 0 and 1. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)));
    process.stdout.write(`${cells.join("   ")}\n`);
  }
  process.stdout.write("\n");
}

export const formatInteger = (value: number): string => Math.round(value).toLocaleString("en");

/** User and system time of a process (proc(5), fields 14 and 15 of stat). */
export function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** Resident memory of a process in bytes (proc(5), VmRSS). */
export function residentBytes({ pid }: ChildProcess): number {
  const [, kB] = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Number(kB) * 1_024;
}
