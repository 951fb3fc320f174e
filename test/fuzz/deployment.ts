/** A hub and a sidecar on this machine, and what an attack must not change: their processes, memory and event loops. */
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentBundle } from "../../tools/run/bundle.ts";
import { startHub, stopHub } from "../../tools/run/hub.ts";
import { freePort } from "../../tools/run/ports.ts";
import { EVERY_MS } from "./probe-interval.ts";
import { startSidecar, stopProcess, waitForJson } from "../../tools/run/processes.ts";

export const KEY = "key-of-the-fuzz-targets";
export const GAME = "fuzzed";
const SAMPLE_MS = 1_000;
const PROBE = new URL("probe.ts", import.meta.url).href;

/** workerd collects its garbage by itself, so its memory is the least of so many samples. */
const HUB_SAMPLES = 10;

/** Delays in ms, see probe.ts, and bytes. */
type Probe = {
  readonly delays: readonly (readonly [late: number, own: number])[];
  readonly heap: number;
  readonly rss: number;
};
/** Bytes after a garbage collection in the sidecar; the hub's are the fewest of the last samples. */
type Memory = { readonly heap: number; readonly sidecar: number; readonly hub: number };

export class Deployment {
  readonly ports: { readonly udp: number; readonly noray: number; readonly nohub: number };
  readonly hubUrl: string;
  readonly #hub: ChildProcess;
  readonly #sidecar: ChildProcess;
  readonly #status: string;
  readonly #state: string;
  readonly #probe: string;
  readonly #delays: (readonly [late: number, own: number])[] = [];
  readonly #hubBytes: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #before: readonly number[] = [];

  private constructor(
    ports: Deployment["ports"],
    hubUrl: string,
    status: string,
    probe: string,
    state: string,
    processes: readonly [hub: ChildProcess, sidecar: ChildProcess],
  ) {
    this.ports = ports;
    this.hubUrl = hubUrl;
    this.#status = status;
    this.#probe = probe;
    this.#state = state;
    [this.#hub, this.#sidecar] = processes;
    this.#before = this.#pids();
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_MS);
  }

  /** With default limits. The hub reads the source of a request from a header, so that an attacker has many. */
  static async open(udp: "auto" | "dgram"): Promise<Deployment> {
    const state = await mkdtemp(join(tmpdir(), "parley-fuzz-"));
    const free = await Promise.all(Array.from({ length: 5 }, () => freePort("tcp")));
    const [hubPort, status, noray, nohub, probe] = free as [number, number, number, number, number];
    const udpPort = await freePort("udp");
    const hub = await startHub({
      bundle: await currentBundle(),
      state,
      port: hubPort,
      keys: KEY,
      settings: { SOURCE_HEADER: "X-Forwarded-For" },
    });
    const hubUrl = `http://127.0.0.1:${hubPort}`;
    const sidecar = startSidecar({
      PARLEY_HUB: hubUrl,
      PARLEY_KEY: KEY,
      PARLEY_NAME: "fuzzed",
      PARLEY_GAME: GAME,
      PARLEY_LISTEN: "127.0.0.1",
      PARLEY_PORTS: String(udpPort),
      PARLEY_UDP: udp,
      PARLEY_STATUS: `127.0.0.1:${status}`,
      PARLEY_LOG: "error",
      PARLEY_NORAY: String(noray),
      PARLEY_NOHUB: String(nohub),
      PARLEY_TUNNEL: "off",
      PARLEY_DTLS: "on",
      PARLEY_STATE: state,
      NODE_OPTIONS: `--expose-gc --import ${PROBE}`,
      FUZZ_PROBE_PORT: String(probe),
    });
    await waitForJson(`${hubUrl}/healthz`, ({ ok }) => ok === true, hub);
    await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", sidecar);
    const deployment = new Deployment(
      { udp: udpPort, noray, nohub },
      hubUrl,
      `http://127.0.0.1:${status}`,
      `http://127.0.0.1:${probe}`,
      state,
      [hub, sidecar],
    );
    // The delays of its start are not those of the attack.
    await deployment.#read("/");
    return deployment;
  }

  /** Waits until the sidecar has handled what was sent before. */
  async settle(): Promise<void> {
    await (await fetch(`${this.#status}/healthz`)).text();
  }

  /** How many datagrams the sidecar has received. */
  async received(): Promise<number> {
    const text = await (await fetch(`${this.#status}/metrics`)).text();
    const sum = (name: string): number =>
      Array.from(text.matchAll(new RegExp(`^parley_${name}_total\\{.*\\} (\\d+)$`, "gm"))).reduce(
        (total, [, value]) => total + Number(value),
        0,
      );
    return sum("datagrams") + sum("dtls_dropped") + sum("dtls_greetings");
  }

  /** The memory in use, which `judge` compares. */
  async memory(): Promise<Memory> {
    await this.#sample();
    const { heap, rss } = await this.#read("/?gc");
    // The delay of this collection is not the product's.
    await this.#read("/");
    return { heap, sidecar: rss, hub: Math.min(...this.#hubBytes.slice(-HUB_SAMPLES), residentBytes(this.#hub.pid!)) };
  }

  /** What the attack has changed since the tables were warm, and the figures. */
  async judge(warm: Memory): Promise<{ readonly faults: string[]; readonly lines: string[] }> {
    const faults: string[] = [];
    if (this.#pids().some((pid, at) => pid !== this.#before[at])) return { faults: ["a process has ended"], lines: [] };
    const now = await this.memory();
    if (!(await this.#works())) faults.push("the deployment no longer works");
    const grown = (of: (memory: Memory) => number): string => `${((of(now) - of(warm)) / 1e6).toFixed(1)} MB`;
    const [late, own] = [0, 1].map((at) =>
      this.#delays.map((delay): [number, number] => [delay[0] + EVERY_MS, delay[at]!]),
    );
    return {
      faults,
      lines: [
        `growth in the second half: sidecar ${grown(({ heap }) => heap)} of heap, ${grown(({ sidecar }) => sidecar)} resident; hub ${grown(({ hub }) => hub)} resident`,
        `event-loop delay of the sidecar, p99: ${quantile(own!, 0.99).toFixed(0)} ms by its own work (highest ${quantile(own!, 1).toFixed(0)} ms), ${quantile(late!, 0.99).toFixed(0)} ms with what else runs on this machine`,
      ],
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await stopProcess(this.#sidecar);
    await stopHub(this.#hub);
    await rm(this.#state, { recursive: true, force: true });
  }

  #pids(): number[] {
    return [this.#hub, this.#sidecar].map(({ pid, exitCode, signalCode }) =>
      exitCode === null && signalCode === null ? pid! : 0,
    );
  }

  /** A host registers from an address that did not take part, and the list answers. */
  async #works(): Promise<boolean> {
    const socket = createSocket("udp4").bind(0, "127.0.200.1");
    await once(socket, "listening");
    const timer = setInterval(() => socket.send("h:Working:Alice:4", this.ports.udp, "127.0.0.1"), 500);
    const answered = await Promise.race([
      once(socket, "message").then(([bytes]) => String(bytes) === "i:Alice"),
      new Promise<boolean>((done) => setTimeout(done, 30_000, false).unref()),
    ]);
    clearInterval(timer);
    socket.close();
    const list = await fetch(`${this.hubUrl}/v1/games/${GAME}/lobbies`, {
      headers: { "x-forwarded-for": "203.0.113.9" },
    });
    return answered && list.status === 200;
  }

  async #sample(): Promise<void> {
    // A process that has ended has no figures; `judge` says so.
    if (this.#pids().includes(0)) return;
    this.#hubBytes.push(residentBytes(this.#hub.pid!));
    // The request waits while the process is blocked, which the next sample shows.
    const { delays } = await this.#read("/").catch(() => ({ delays: [] }));
    this.#delays.push(...delays);
  }

  async #read(path: "/" | "/?gc"): Promise<Probe> {
    return (await fetch(`${this.#probe}${path}`)).json() as Promise<Probe>;
  }
}

/** The quantile of values with weights: a long delay meets more datagrams than a short one. */
function quantile(values: readonly (readonly [weight: number, value: number])[], share: number): number {
  const sorted = values.toSorted(([, a], [, b]) => a - b);
  let left = share * sorted.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of sorted) if ((left -= weight) <= 0) return value;
  return sorted.at(-1)?.[1] ?? 0;
}

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;
