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
import { startSidecar, stopProcess, waitForJson } from "../../tools/run/processes.ts";
import { hubHeapBytes } from "./hub-heap.ts";
import type { Memory } from "./memory.ts";
import { EVERY_MS } from "./probe-interval.ts";

export const KEY = "key-of-the-fuzz-targets";
export const GAME = "fuzzed";
const SAMPLE_MS = 1_000;
/** How often the hub is asked for a lobby that no cache has, so that each request takes its turn in the hub. */
const ASK_HUB_MS = 100;
const PROBE = new URL("probe.ts", import.meta.url).href;

/** Delays in ms, see probe.ts, and bytes. */
type Probe = {
  readonly delays: readonly (readonly [late: number, own: number])[];
  readonly heap: number;
  readonly resident: number;
};
type Result = {
  readonly delays: { readonly own: number; readonly late: number; readonly hub: number };
  readonly broken: readonly string[];
};

export class Deployment {
  readonly ports: { readonly udp: number; readonly noray: number; readonly nohub: number };
  readonly hubUrl: string;
  readonly #hub: ChildProcess;
  readonly #sidecar: ChildProcess;
  readonly #status: string;
  readonly #state: string;
  readonly #probe: string;
  readonly #inspector: number;
  #delays: (readonly [late: number, own: number])[] = [];
  #hubDelays: number[] = [];
  #hubFaults = 0;
  #asked = 0;
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #before: readonly number[];

  private constructor(
    ports: Deployment["ports"],
    hubUrl: string,
    status: string,
    probe: string,
    inspector: number,
    state: string,
    processes: readonly [hub: ChildProcess, sidecar: ChildProcess],
  ) {
    this.ports = ports;
    this.hubUrl = hubUrl;
    this.#status = status;
    this.#probe = probe;
    this.#inspector = inspector;
    this.#state = state;
    [this.#hub, this.#sidecar] = processes;
    this.#before = this.#pids();
    this.#timers = [
      setInterval(() => void this.#sample(), SAMPLE_MS),
      setInterval(() => void this.#askHub(), ASK_HUB_MS),
    ];
  }

  /** With default limits. The hub reads the source of a request from a header, so that an attacker has many. */
  static async open(backend: "auto" | "dgram"): Promise<Deployment> {
    const state = await mkdtemp(join(tmpdir(), "parley-fuzz-"));
    const free = await Promise.all(Array.from({ length: 6 }, () => freePort("tcp")));
    const [hubPort = 0, status = 0, noray = 0, nohub = 0, probe = 0, inspectorPort = 0] = free;
    const udp = await freePort("udp");
    const hub = await startHub({
      bundle: await currentBundle(),
      state,
      port: hubPort,
      keys: KEY,
      inspectorPort,
      settings: { SOURCE_HEADER: "X-Forwarded-For" },
    });
    const hubUrl = `http://127.0.0.1:${hubPort}`;
    const sidecar = startSidecar({
      PARLEY_HUB: hubUrl,
      PARLEY_KEY: KEY,
      PARLEY_NAME: "fuzzed",
      PARLEY_GAME: GAME,
      PARLEY_LISTEN: "127.0.0.1",
      PARLEY_PORTS: String(udp),
      PARLEY_UDP: backend,
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
      { udp, noray, nohub },
      hubUrl,
      `http://127.0.0.1:${status}`,
      `http://127.0.0.1:${probe}`,
      inspectorPort,
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

  /** The memory in use, which grows during an attack until the tables are full. */
  async memory(): Promise<Memory> {
    await this.#sample();
    const { heap, resident } = await this.#read("/?gc");
    // The delay of this collection is not the product's.
    await this.#read("/");
    const hub = await hubHeapBytes(this.#inspector);
    return {
      sidecar: { heap, resident },
      hub: { heap: hub.used, resident: residentBytes(this.#hub.pid!) - hub.free },
    };
  }

  /** What the tables of both processes contain. */
  async tables(): Promise<string> {
    const metrics = await (await fetch(`${this.#status}/metrics`)).text();
    const gauges = TABLES.map((name) => `${name} ${new RegExp(`^parley_${name} (\\d+)$`, "m").exec(metrics)?.[1]}`);
    const { lobbies = [], member_count } = await this.#stats();
    const counts = lobbies.map(({ wire, state, count }) => `${wire} lobbies ${state} ${count}`);
    return [...gauges, ...counts, `members ${member_count}`].join(", ");
  }

  /** Later results count from here. */
  forgetDelays(): void {
    [this.#delays, this.#hubDelays] = [[], []];
  }

  /** What the processes came to. */
  async result(): Promise<Result> {
    if (this.#pids().some((pid, at) => pid !== this.#before[at])) throw new Error("a process has ended");
    const broken = (await this.#works()) ? [] : ["the deployment no longer works"];
    if (this.#hubFaults > 0) broken.push(`the hub failed ${this.#hubFaults} reads of an idle client`);
    const [late, own] = [0, 1].map((at) =>
      quantile(
        this.#delays.map((delay): [number, number] => [delay[0] + EVERY_MS, delay[at]!]),
        0.99,
      ),
    );
    const hub = quantile(
      this.#hubDelays.map((ms): [number, number] => [1, ms]),
      0.99,
    );
    return { delays: { own: own!, late: late!, hub }, broken };
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
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
    // A process that has ended has no figures; `result` says so.
    if (this.#pids().includes(0)) return;
    // The request waits while the process is blocked, which the next sample shows.
    const { delays } = await this.#read("/").catch(() => ({ delays: [] }));
    this.#delays.push(...delays);
  }

  /** Counts how long the hub takes to say that it has no such lobby. Each time another client asks. */
  async #askHub(): Promise<void> {
    if (this.#pids().includes(0)) return;
    const began = performance.now();
    const source = `203.0.113.${this.#asked++ % 200}`;
    const path = `${this.hubUrl}/v1/games/${GAME}/lobbies/0-${"e".repeat(26)}`;
    const response = await fetch(path, { headers: { "x-forwarded-for": source } }).catch(() => null);
    await response?.text();
    if ((response?.status ?? 500) >= 500) this.#hubFaults++;
    this.#hubDelays.push(performance.now() - began);
  }

  async #stats(): Promise<{
    lobbies?: readonly { wire: string; state: string; count: number }[];
    member_count?: number;
  }> {
    const headers = { "x-forwarded-for": "203.0.113.201" };
    return (await fetch(`${this.hubUrl}/v1/games/${GAME}/stats`, { headers })).json() as never;
  }

  async #read(path: "/" | "/?gc"): Promise<Probe> {
    return (await fetch(`${this.#probe}${path}`)).json() as Promise<Probe>;
  }
}

/** Gauges of the sidecar that count the entries of a table. */
const TABLES = ["contacts", "connections", "noray_hosts", "outbox", "dtls_sessions", "dtls_handshaking", "tunnels"];

/** The quantile of values with weights: a long delay meets more datagrams than a short one. */
function quantile(values: readonly (readonly [weight: number, value: number])[], share: number): number {
  const sorted = values.toSorted(([, a], [, b]) => a - b);
  let left = share * sorted.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of sorted) if ((left -= weight) <= 0) return value;
  return sorted.at(-1)?.[1] ?? 0;
}

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;
