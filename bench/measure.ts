/** Ways of measuring, bounded in count and time; load goes to this machine's loopback alone. */
import type { ChildProcess } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { setTimeout as passes } from "node:timers/promises";

/** How long each figure is measured, after a moment to get going. */
export const MEASURE_MS = 3_000;
export const WARM_UP_MS = 500;
/** Requests on their way at once, over all sockets: enough to keep the server busy, too few to be dropped. */
export const WINDOW = 256;
const TICKS_PER_S = 100;
/** An answer that has not come by then was dropped, and shows as p99. */
const LOST_MS = 1_000;

export type Throughput = { readonly per_s: number; readonly per_cpu_s: number };
export type Latencies = { readonly per_s: number; readonly p50: number; readonly p99: number };

/** Keeps a window of requests open for a while: answers per second, and per second of the server's CPU. */
export async function flood(
  sockets: readonly Socket[],
  port: number,
  server: ChildProcess,
  request: (at: number) => Uint8Array,
): Promise<Throughput> {
  let answers = 0;
  let going = true;
  const answered = sockets.map((socket, at) => () => {
    answers++;
    if (going) socket.send(request(at), port, "127.0.0.1");
  });
  for (const [at, socket] of sockets.entries()) {
    socket.on("message", answered[at]!);
    for (let one = 0; one < WINDOW / sockets.length; one++) socket.send(request(at), port, "127.0.0.1");
  }
  const figures = await measureThroughput(server, () => answers);
  going = false;
  for (const [at, socket] of sockets.entries()) socket.off("message", answered[at]!);
  return figures;
}

/** How many answers come while a server is kept busy, once it has got going. */
export async function measureThroughput(server: ChildProcess, answers: () => number): Promise<Throughput> {
  await passes(WARM_UP_MS);
  const [before, cpu, began] = [answers(), cpuSeconds(server), performance.now()];
  await passes(MEASURE_MS);
  const count = answers() - before;
  return { per_s: count / ((performance.now() - began) / 1_000), per_cpu_s: count / (cpuSeconds(server) - cpu) };
}

/** Asks again and again, `at_once` askers side by side, each waiting for his answer. */
export async function measureSteps(at_once: number, port: number, request: () => Uint8Array): Promise<Latencies> {
  const sockets = Array.from({ length: at_once }, () => createSocket("udp4"));
  const measured = await measureLatencies(at_once, (at) => request(sockets[at]!, port, request()));
  for (const socket of sockets) socket.close();
  return measured;
}

/** Sends a request and waits for whatever comes back. */
export function sendRequest(socket: Socket, port: number, request: Uint8Array): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      clearTimeout(lost);
      socket.off("message", finish);
      done();
    };
    const lost = setTimeout(finish, LOST_MS);
    socket.on("message", finish);
    socket.send(request, port, "127.0.0.1");
  });
}

/** Does something again and again for a while, `at_once` side by side: how often it was done, and how long it took. */
export async function measureLatencies(at_once: number, one: (at: number) => Promise<void>): Promise<Latencies> {
  const took: number[] = [];
  const began = performance.now();
  const again = async (at: number): Promise<void> => {
    while (performance.now() < began + MEASURE_MS) {
      const asked = performance.now();
      await one(at);
      took.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: at_once }, (_, at) => again(at)));
  const per_s = took.length / ((performance.now() - began) / 1_000);
  return { per_s, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}

/** The value below which this share of all lies. */
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

/** User and system time of a process so far (proc(5), fields 14 and 15). */
export function cpuSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** Memory that a process holds now, in bytes (proc(5), VmRSS). */
export function residentBytes({ pid }: ChildProcess): number {
  const [, kB] = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Number(kB) * 1_024;
}
