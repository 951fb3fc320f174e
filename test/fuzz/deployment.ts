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

export const KEY = "key-of-the-fuzz-targets";
export const GAME = "fuzzed";
const SAMPLE_MS = 1_000;

/** Memory in bytes; the p99 of the sidecar's event-loop delay, in ms, since the sample before. */
type Sample = { readonly sidecar: number; readonly hub: number; readonly delay_ms: number };

export class Deployment {
  readonly ports: { readonly udp: number; readonly noray: number; readonly nohub: number };
  readonly hubUrl: string;
  readonly #hub: ChildProcess;
  readonly #sidecar: ChildProcess;
  readonly #status: string;
  readonly #state: string;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;
  #before: readonly number[] = [];

  private constructor(
    ports: Deployment["ports"],
    hubUrl: string,
    status: string,
    state: string,
    processes: readonly [hub: ChildProcess, sidecar: ChildProcess],
  ) {
    this.ports = ports;
    this.hubUrl = hubUrl;
    this.#status = status;
    this.#state = state;
    [this.#hub, this.#sidecar] = processes;
    this.#before = this.#pids();
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_MS);
  }

  /** With default limits. The hub reads the source of a request from a header, so that an attacker has many. */
  static async open(): Promise<Deployment> {
    const state = await mkdtemp(join(tmpdir(), "parley-fuzz-"));
    const [hubPort, status, noray, nohub] = await Promise.all(Array.from({ length: 4 }, () => freePort("tcp")));
    const udp = await freePort("udp");
    const hub = await startHub({
      bundle: await currentBundle(),
      state,
      port: hubPort!,
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
      PARLEY_PORTS: String(udp),
      PARLEY_STATUS: `127.0.0.1:${status}`,
      PARLEY_LOG: "error",
      PARLEY_NORAY: String(noray),
      PARLEY_NOHUB: String(nohub),
      PARLEY_TUNNEL: "off",
      PARLEY_DTLS: "on",
      PARLEY_STATE: state,
    });
    await waitForJson(`${hubUrl}/healthz`, ({ ok }) => ok === true, hub);
    await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", sidecar);
    return new Deployment({ udp, noray: noray!, nohub: nohub! }, hubUrl, `http://127.0.0.1:${status}`, state, [
      hub,
      sidecar,
    ]);
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

  /** What the attack has changed, and the figures. The tables are warm after half of it. */
  async judge(): Promise<{ readonly faults: string[]; readonly lines: string[] }> {
    await this.#sample();
    const warm = this.#samples.slice(Math.floor(this.#samples.length / 2));
    const growth = (of: (sample: Sample) => number): number => {
      const half = Math.ceil(warm.length / 2);
      const least = (some: readonly Sample[]): number => Math.min(...some.map(of));
      return (least(warm.slice(half - 1)) - least(warm.slice(0, half))) / 1e6;
    };
    const [sidecar, hub] = [growth((one) => one.sidecar), growth((one) => one.hub)];
    const delays = this.#samples.map((one) => one.delay_ms).toSorted((a, b) => a - b);
    const faults: string[] = [];
    if (this.#pids().some((pid, at) => pid !== this.#before[at])) faults.push("a process has ended");
    else if (!(await this.#works())) faults.push("the deployment no longer works");
    const figures = [`sidecar ${sidecar.toFixed(1)} MB`, `hub ${hub.toFixed(1)} MB`];
    return {
      faults,
      lines: [
        `growth after half of the inputs: ${figures.join(", ")}`,
        `event-loop delay, p99 of each second: median ${median(delays).toFixed(0)} ms, highest ${delays.at(-1)!.toFixed(0)} ms`,
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
    const text = await fetch(`${this.#status}/metrics`).then(
      (response) => response.text(),
      () => "",
    );
    const delay_s = Number(/^parley_nodejs_eventloop_lag_p99_seconds (.+)$/m.exec(text)?.[1] ?? 0);
    this.#samples.push({
      sidecar: residentBytes(this.#sidecar.pid!),
      hub: residentBytes(this.#hub.pid!),
      delay_ms: delay_s * 1_000,
    });
  }
}

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? 0;

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;
