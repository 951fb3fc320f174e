/** A whole deployment on free ports: the hub in workerd, sidecars as processes, storage in a temporary folder. */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import type { LobbyView } from "#shared/api/lobbies.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { stopHub, startHub } from "../../tools/run/hub.ts";
import { freePort } from "../../tools/run/ports.ts";
import { stopProcess, exitCodeOf, startSidecar, waitForJson } from "../../tools/run/processes.ts";
import { RabidPlayer } from "../../tools/run/rabid-player.ts";

type Running = {
  child: ChildProcess;
  readonly udp: number;
  readonly status: number;
  readonly settings: Record<string, string>;
};

/** A generous limit for a busy machine; reaching it is a failure. */
const PATIENCE_MS = 60_000;
const TOKEN_KEY = "token-key-of-the-stack-of-the-tests";

/** The settings of a sidecar for native peers on this machine. */
export const NATIVE = { PARLEY_PORTS: "PORT=native", PARLEY_ADDRESSES: "127.0.0.1" } as const;

export class TestStack {
  readonly key = "key-of-the-stack";
  readonly #state: string;
  readonly #port: number;
  readonly #shards: number;
  readonly #sidecars = new Map<string, Running>();
  readonly #players: RabidPlayer[] = [];
  #hub: ChildProcess | null = null;

  private constructor(state: string, port: number, shards: number) {
    this.#state = state;
    this.#port = port;
    this.#shards = shards;
  }

  /** With a hub and one sidecar named "one", linked. */
  static async open({ shards = 1, settings = {}, hub = {} } = {}): Promise<TestStack> {
    const stack = new TestStack(await mkdtemp(join(tmpdir(), "parley-")), await freePort("tcp"), shards);
    try {
      await stack.startHub({ settings: hub });
      await stack.addSidecar("one", settings);
      return stack;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The UDP port of a sidecar, which serves only Rabid by default. */
  udpPort(name = "one"): number {
    return this.#sidecars.get(name)!.udp;
  }

  /** The folder of the hub's storage. */
  get storageFolder(): string {
    return join(this.#state, "hub");
  }

  async startHub({
    keys = this.key,
    tokenKeys = TOKEN_KEY,
    settings = {},
    shards = String(this.#shards),
  } = {}): Promise<void> {
    this.#hub = await startHub({
      bundle: inject("bundle"),
      state: this.storageFolder,
      port: this.#port,
      keys,
      tokenKeys,
      shards,
      settings,
    });
    await waitForJson(`${this.url}/healthz`, (body) => body["ok"] === true, this.#hub);
  }

  /** Stops the hub as an operator does. */
  async stopHub(): Promise<void> {
    await stopHub(this.#hub!);
  }

  async killHub(): Promise<void> {
    const over = exitCodeOf(this.#hub!);
    this.#hub!.kill("SIGKILL");
    await over;
  }

  signalHub(signal: NodeJS.Signals): void {
    this.#hub!.kill(signal);
  }

  /** `PORT` in a setting is replaced by the sidecar's UDP port. */
  async addSidecar(name: string, settings: Record<string, string> = {}): Promise<void> {
    const udp = await freePort("udp");
    const status = await freePort("tcp");
    const all = {
      PARLEY_HUB: this.url,
      PARLEY_KEY: this.key,
      PARLEY_NAME: name,
      PARLEY_LISTEN: "127.0.0.1",
      PARLEY_LOG: "error",
      PARLEY_STATUS: `127.0.0.1:${status}`,
      PARLEY_PORTS: "PORT=rabid",
      PARLEY_RELAY_PEERS: "any",
      // The default port would be shared by all sidecars of this machine.
      PARLEY_TUNNEL: "off",
      PARLEY_NOHUB: "off",
      ...settings,
    };
    all.PARLEY_PORTS = all.PARLEY_PORTS.replaceAll("PORT", String(udp));
    this.#sidecars.set(name, { child: startSidecar(all), udp, status, settings: all });
    await this.waitUntilLinked(name);
  }

  /** Kills the process and waits for its end. */
  async killSidecar(name = "one"): Promise<void> {
    const running = this.#sidecars.get(name)!;
    const over = exitCodeOf(running.child);
    running.child.kill("SIGKILL");
    await over;
  }

  async restartSidecar(name = "one", changes: Readonly<Record<string, string>> = {}): Promise<void> {
    const running = this.#sidecars.get(name)!;
    Object.assign(running.settings, changes);
    running.child = startSidecar(running.settings);
    await this.waitUntilLinked(name);
  }

  signalSidecar(signal: NodeJS.Signals, name = "one"): void {
    this.#sidecars.get(name)!.child.kill(signal);
  }

  /** The exit code, once the process has ended. */
  sidecarExitCode(name = "one"): Promise<number | null> {
    return exitCodeOf(this.#sidecars.get(name)!.child);
  }

  /** Sends SIGTERM; resolves with the exit code. */
  async drainSidecar(name = "one"): Promise<number | null> {
    const { child } = this.#sidecars.get(name)!;
    await stopProcess(child, PATIENCE_MS);
    return child.exitCode;
  }

  async waitUntilLinked(name = "one"): Promise<void> {
    const { child, status } = this.#sidecars.get(name)!;
    await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", child);
  }

  /** A player at a sidecar; `options.server` selects another port of it. */
  async player(sidecar = "one", options: { server?: number; drops?: () => boolean } = {}): Promise<RabidPlayer> {
    const { server = this.udpPort(sidecar), ...rest } = options;
    const player = await RabidPlayer.open(server, rest);
    this.#players.push(player);
    return player;
  }

  async lobbies(query = "include=full,in_game", game = "default"): Promise<Summary[]> {
    const response = await fetch(`${this.url}/v1/games/${game}/lobbies?${query}`);
    return ((await response.json()) as { lobbies: Summary[] }).lobbies;
  }

  async lobby(id: string, game = "default"): Promise<LobbyView | null> {
    const response = await fetch(`${this.url}/v1/games/${game}/lobbies/${id}`);
    return response.status === 404 ? null : ((await response.json()) as LobbyView);
  }

  /** One value of a sidecar's metrics; 0 if it is missing. */
  async metric(line: string, name = "one"): Promise<number> {
    return Number(
      (await this.metrics(name))
        .split("\n")
        .find((row) => row.startsWith(`${line} `))
        ?.slice(line.length + 1) ?? 0,
    );
  }

  async metrics(name = "one"): Promise<string> {
    const { status } = this.#sidecars.get(name)!;
    return (await fetch(`http://127.0.0.1:${status}/metrics`)).text();
  }

  async close(): Promise<void> {
    await Promise.all(this.#players.map((player) => player.close()));
    // The sidecars first, because they report their end to the hub.
    await Promise.all([...this.#sidecars.values()].map(({ child }) => stopProcess(child)));
    if (this.#hub !== null) await stopHub(this.#hub);
    await rm(this.#state, { recursive: true, force: true });
  }
}

/** Polls until the answer is accepted; rejects with the last answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  within_ms = PATIENCE_MS,
): Promise<T> {
  const until = Date.now() + within_ms;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > until) throw new Error(`waited ${within_ms} ms, last answer ${JSON.stringify(answer)}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
