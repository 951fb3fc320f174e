/**
 * Measures the event loop and the heap of the process that it is loaded into, and serves the figures on the port
 * FUZZ_PROBE_PORT. A machine that runs more threads than it has processors delays every timer, so the delay that this
 * process causes itself is measured separately: the processor time that its main thread used while a timer was late.
 *
 *     GET /        { delays: [[late_ms, own_ms], ...] since the last request, heap, resident }
 *     GET /?gc     the same after a garbage collection
 */
import { createServer } from "node:http";
import { EVERY_MS } from "./probe-interval.ts";

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

let delays: [late_ms: number, own_ms: number][] = [];
let due = performance.now() + EVERY_MS;
let used = cpuMs();

setInterval(() => {
  const [now, cpu] = [performance.now(), cpuMs()];
  const late = Math.max(0, now - due);
  delays.push([late, Math.min(late, cpu - used)]);
  due = now + EVERY_MS;
  used = cpu;
}, EVERY_MS).unref();

createServer((request, response) => {
  if (request.url === "/?gc") globalThis.gc?.();
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  const memory = { heap: heapUsed + external, resident: rss - (heapTotal - heapUsed) };
  response.end(JSON.stringify({ delays, ...memory }));
  delays = [];
})
  .listen(Number(process.env["FUZZ_PROBE_PORT"]), "127.0.0.1")
  .unref();
