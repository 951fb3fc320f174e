/**
 * Real Godot 4 games without a screen: `clients/godot/test/journeys/actor.gd` receives JSON lines on stdin and prints JSON
 * lines. Everything else that Godot prints is kept: a script error fails a test that looks at `complaints`.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findGodot4 } from "../../tools/godot4.ts";

export const PROJECT = join(import.meta.dirname, "../../clients/godot");
export const ACTOR = "res://test/journeys/actor.tscn";
const NOISE = [/^Godot Engine v/, /^\s*$/, /^Fontconfig error/];
/** The engine prints this, with indented lines behind it, if a connection is begun while the machine has no route. */
const NO_ROUTE = /^ERROR: Connection to remote host failed!/;
/** A game that has not ended so long after its stdin did is killed. */
const END_MS = 10_000;

export type Line = Readonly<Record<string, unknown>>;
export type Returned = {
  readonly is: unknown;
  readonly code: string;
  readonly why: string;
  readonly ms: number;
  readonly id: number;
  readonly join_code: string;
};

export const godot4 = findGodot4();

/** Whether to go without; in CI a missing Godot is a failure. */
export function godot4IsMissing(): boolean {
  if (godot4 !== null || process.env["CI"]) return false;
  console.warn("Godot 4 is not installed here (node tools/godot4.ts): its tests are skipped.");
  return true;
}

/** Godot knows a script's class only after an import; that takes some seconds after a change. */
export function importProject(project = PROJECT): void {
  const cache = join(project, ".godot/global_script_class_cache.cfg");
  const newest = Math.max(
    ...readdirSync(project, { recursive: true, withFileTypes: true })
      .filter(({ name }) => /\.(gd|tscn|godot)$/.test(name))
      .map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs),
  );
  if (existsSync(cache) && statSync(cache).mtimeMs > newest) return;
  const home = mkdtempSync(join(tmpdir(), "parley-godot4-"));
  const env = { PATH: process.env["PATH"], HOME: home };
  execFileSync(godot4!, ["--headless", "--path", project, "--import"], { env, stdio: "ignore", timeout: 120_000 });
  rmSync(home, { recursive: true, force: true });
}

export type GodotOptions = {
  readonly url?: string;
  /** What to put before the command. */
  readonly within?: readonly string[];
  /** The folder of `user://`, which outlives the game where it is given. */
  readonly home?: string;
  readonly scene?: string;
  readonly args?: readonly string[];
};

export class Godot4 {
  readonly lines: Line[] = [];
  /** What Godot printed beside the lines: script errors, warnings. */
  readonly complaints: string[] = [];
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly #home: string | null;
  #over = false;
  #isInNoRoute = false;

  constructor({ url, within = [], home, scene = ACTOR, args = [] }: GodotOptions = {}) {
    this.#home = home === undefined ? mkdtempSync(join(tmpdir(), "parley-godot4-")) : null;
    const env = { PATH: process.env["PATH"], HOME: home ?? this.#home! };
    const command = [...within, godot4!, "--headless", "--path", PROJECT, scene, "--", ...args];
    this.#child = spawn(command[0]!, command.slice(1), { env, stdio: ["pipe", "pipe", "pipe"] });
    const kill = (): boolean => this.#child.kill("SIGKILL");
    process.once("exit", kill);
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      createInterface({ input: stream }).on("line", (line) => this.#hear(line));
    this.#child.stdin!.on("error", () => {});
    this.ended = new Promise((done) => {
      this.#child.once("close", (code) => {
        process.off("exit", kill);
        this.#over = true;
        for (const look of this.#waiting) look();
        done(code);
      });
    });
    if (url !== undefined) this.tell({ set: "url", to: url });
  }

  tell(line: Line): void {
    this.#child.stdin!.write(`${JSON.stringify(line)}\n`);
  }

  /** The first line, of those since `from`, that is wanted; rejects with all that came instead. */
  line(wanted: (line: Line) => boolean, { from = 0, within_ms = 60_000 } = {}): Promise<Line> {
    return new Promise((done, failed) => {
      const look = (): void => {
        const found = this.lines.slice(from).find(wanted);
        if (found !== undefined) finish(() => done(found));
        else if (this.#over) finish(() => failed(this.#failure("ended", from)));
      };
      const timer = setTimeout(() => finish(() => failed(this.#failure(`waited ${within_ms} ms`, from))), within_ms);
      const finish = (then: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        then();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Calls a method of Parley and waits for its end. */
  async call(method: string, ...args: readonly unknown[]): Promise<Returned> {
    const from = this.lines.length;
    this.tell({ call: method, args });
    return (await this.line((line) => line["returned"] === method, { from })) as unknown as Returned;
  }

  async look(): Promise<Line> {
    const from = this.lines.length;
    this.tell({ look: true });
    return this.line((line) => "look" in line, { from });
  }

  signal(name: string, from = 0, within_ms = 60_000): Promise<Line> {
    return this.line((line) => line["signal"] === name, { from, within_ms });
  }

  heard(text: string, from = 0, within_ms = 60_000): Promise<Line> {
    return this.line((line) => line["heard"] === text, { from, within_ms });
  }

  pause(): void {
    process.kill(this.#child.pid!, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.#child.pid!, "SIGCONT");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
    this.#clean();
  }

  /** Lets it end by itself; its exit code. */
  async end(): Promise<number | null> {
    this.#child.stdin!.end();
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), END_MS);
    const code = await this.ended;
    clearTimeout(killer);
    this.#clean();
    return code;
  }

  #clean(): void {
    if (this.#home !== null) rmSync(this.#home, { recursive: true, force: true });
  }

  #hear(line: string): void {
    if (line.startsWith("{")) this.lines.push(JSON.parse(line) as Line);
    else if (NO_ROUTE.test(line)) this.#isInNoRoute = true;
    else if (!this.#isInNoRoute || !/^\s/.test(line)) {
      this.#isInNoRoute = false;
      if (!NOISE.some((noise) => noise.test(line))) this.complaints.push(line);
    }
    for (const look of this.#waiting) look();
  }

  #failure(what: string, from: number): Error {
    const said = this.lines.slice(from).map((line) => JSON.stringify(line));
    return new Error(`Godot ${what}; it printed\n${said.join("\n")}\n${this.complaints.slice(0, 40).join("\n")}`);
  }
}

/** What to put before a command to run it on a host of the NAT laboratory, which needs root. */
export const on = (lab: { readonly pid: number }, host: { readonly name: string }): readonly string[] => [
  "nsenter",
  `--pid=/proc/${lab.pid}/ns/pid`,
  `--net=/proc/${lab.pid}/root/run/netns/${host.name}`,
  "setpriv",
  "--pdeathsig",
  "KILL",
];
