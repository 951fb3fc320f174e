/** A whole stack on free ports: the hub in workerd, sidecars as processes, rows in a folder of their own. */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import type { LobbyView, Summary } from "#shared/api/lobbies.ts";
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

/** What has not come by then will not come, however busy the machine is. */
const PATIENCE_MS = 60_000;
const TOKEN_KEY = "token-key-of-the-stack-of-the-tests";

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
  static async open({ shards = 1, settings = {} } = {}): Promise<TestStack> {
    const stack = new TestStack(await mkdtemp(join(tmpdir(), "parley-")), await freePort("tcp"), shards);
    try {
      await stack.startHub();
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

  /** UDP port of a sidecar, bound to Rabid alone unless the settings say otherwise. */
  udpPort(name = "one"): number {
    return this.#sidecars.get(name)!.udp;
  }

  /** Folder of the hub's rows. */
  get storageFolder(): string {
    return join(this.#state, "hub");
  }

  async startHub({ keys = this.key, tokenKeys = TOKEN_KEY } = {}): Promise<void> {
    this.#hub = await startHub({
      bundle: inject("bundle"),
      state: this.storageFolder,
      port: this.#port,
      keys,
      tokenKeys,
      shards: this.#shards,
    });
    await waitForJson(`${this.url}/healthz`, (body) => body["ok"] === true, this.#hub);
  }

  /** As an operator ends it. */
  async stopHub(): Promise<void> {
    await stopHub(this.#hub!);
  }

  async killHub(): Promise<void> {
    const over = exitCodeOf(this.#hub!);
    this.#hub!.kill("SIGKILL");
    await over;
  }

  /** `PORT` in a setting stands for the sidecar's UDP port. */
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
      // One port for all sidecars of this machine would not do.
      PARLEY_TUNNEL: "off",
      ...settings,
    };
    all.PARLEY_PORTS = all.PARLEY_PORTS.replaceAll("PORT", String(udp));
    this.#sidecars.set(name, { child: startSidecar(all), udp, status, settings: all });
    await this.waitUntilLinked(name);
  }

  /** Kills the process and starts it again with the same settings. */
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

  /** Its exit code, once it has ended by itself. */
  sidecarExitCode(name = "one"): Promise<number | null> {
    return exitCodeOf(this.#sidecars.get(name)!.child);
  }

  /** SIGTERM; resolves with the exit code. */
  async drainSidecar(name = "one"): Promise<number | null> {
    const { child } = this.#sidecars.get(name)!;
    await stopProcess(child, PATIENCE_MS);
    return child.exitCode;
  }

  async waitUntilLinked(name = "one"): Promise<void> {
    const { child, status } = this.#sidecars.get(name)!;
    await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", child);
  }

  /** A player at a sidecar; `options.server` names another of its ports. */
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

  /** One value of a sidecar's metrics; 0 where it was never counted. */
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
    // The sidecars first: they say goodbye to the hub.
    await Promise.all([...this.#sidecars.values()].map(({ child }) => stopProcess(child)));
    if (this.#hub !== null) await stopHub(this.#hub);
    await rm(this.#state, { recursive: true, force: true });
  }
}

/** Asks again until the answer is as wanted; rejects with the last one. */
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
