/** Benchmarks how long a hub takes to answer its first request after a start, with many lobbies in its rows. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentBundle } from "../../tools/run/bundle.ts";
import { startHub, stopHub } from "../../tools/run/hub.ts";
import { freePort } from "../../tools/run/ports.ts";
import { waitForJson } from "../../tools/run/processes.ts";
import { FakeSidecar } from "./fake-sidecar.ts";
import { formatInteger, printTable, quantile } from "../measure.ts";

const COUNTS = [0, 1_000, 10_000, 34_000];
const STARTS = 7;

export async function benchWake(): Promise<void> {
  const bundle = await currentBundle();
  const rows: string[][] = [];
  for (const count of COUNTS) {
    const took = await measureWakes(bundle, count);
    const [p50, best] = [quantile(took, 0.5), Math.min(...took)];
    rows.push([formatInteger(count), p50.toFixed(0), best.toFixed(0)]);
  }
  printTable([["lobbies of a hub that starts", "first answer, p50 ms", "best ms"], ...rows]);
}

async function measureWakes(bundle: string, count: number): Promise<number[]> {
  const state = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const port = await freePort("tcp");
  const took: number[] = [];
  try {
    for (let start = 0; start <= STARTS; start++) {
      const options = { bundle, state, port, keys: "key-of-the-bench", settings: { RATE_LIMITS: "off" } } as const;
      const hub = await startHub(options);
      try {
        // The Worker answers this one itself.
        await waitForJson(`http://127.0.0.1:${port}/healthz`, (body) => body["ok"] === true, hub);
        if (start === 0) await fill(port, count);
        else took.push(await firstAnswer(port));
      } finally {
        await stopHub(hub);
      }
    }
  } finally {
    await rm(state, { recursive: true, force: true });
  }
  return took;
}

async function fill(port: number, count: number): Promise<void> {
  const link = await FakeSidecar.open(port);
  await link.host(count);
  link.close();
}

async function firstAnswer(port: number): Promise<number> {
  const began = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/v1/games/bench/lobbies?limit=1`);
  await response.text();
  if (response.status !== 200) throw new Error(`the first request: ${response.status}`);
  return performance.now() - began;
}
