/** A Godot 4 project in a temporary folder with the addon in it, as a game has it: what the pages' code blocks run in. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { godot4, PROJECT } from "./godot4.ts";

const PATIENCE_MS = 40_000;
const IMPORT_MS = 120_000;
const NOISE = /^(Godot Engine v.*|\s*|Fontconfig error.*)$/;

/** A scene of one node with this script. */
export const sceneOf = (script: string, type = "Node"): string =>
  `[gd_scene load_steps=2 format=3]\n[ext_resource type="Script" path="res://${script}" id="1"]\n` +
  `[node name="Main" type="${type}"]\nscript = ExtResource("1")\n`;

export class AddonProject {
  readonly folder = mkdtempSync(join(tmpdir(), "parley-addon-"));
  readonly #games: ChildProcess[] = [];

  /** `files` by path; `autoloads` are singletons by name, beside `Parley`. */
  constructor(files: Readonly<Record<string, string>>, autoloads: Readonly<Record<string, string>> = {}) {
    cpSync(join(PROJECT, "addons"), join(this.folder, "addons"), { recursive: true });
    const singletons = Object.entries({ Parley: "addons/parley/parley.gd", ...autoloads });
    const lines = singletons.map(([name, file]) => `${name}="*res://${file}"`);
    const project = `config_version=5\n[autoload]\n${lines.join("\n")}\n[editor_plugins]\nenabled=PackedStringArray("res://addons/parley/plugin.cfg")\n`;
    for (const [name, text] of Object.entries({ "project.godot": project, ...files })) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
    execFileSync(godot4!, ["--headless", "--path", this.folder, "--import"], {
      env: this.#env,
      stdio: "ignore",
      timeout: IMPORT_MS,
    });
  }

  get #env(): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"], HOME: this.folder };
  }

  /** Runs Godot in the project; each one with its own arguments. */
  run(...args: readonly string[]): Game {
    const child = spawn(godot4!, ["--headless", "--path", this.folder, ...args], {
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#games.push(child);
    return new Game(child);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#games.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = new Promise((done) => child.once("close", done));
        child.kill("SIGKILL");
        await gone;
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Game {
  /** Everything that it printed. */
  readonly lines: string[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #isOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    const tell = (): void => {
      for (const listener of this.#listeners) listener();
    };
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => {
        if (NOISE.test(line)) return;
        this.lines.push(line);
        tell();
      });
    }
    this.exited = new Promise((done) => {
      child.once("close", (code) => {
        this.#isOver = true;
        tell();
        done(code);
      });
    });
  }

  /** The first line that matches; rejects with all lines where none does in time. */
  waitForLine(pattern: RegExp, within_ms = PATIENCE_MS): Promise<RegExpExecArray> {
    return new Promise((done, failed) => {
      const finish = (then: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        then();
      };
      const look = (): void => {
        for (const line of this.lines) {
          const found = pattern.exec(line);
          if (found !== null) return finish(() => done(found));
        }
        if (this.#isOver) finish(() => failed(new Error(`it ended without ${pattern}:\n${this.lines.join("\n")}`)));
      };
      const late = (): void => finish(() => failed(new Error(`no line matches ${pattern}:\n${this.lines.join("\n")}`)));
      const timer = setTimeout(late, within_ms);
      this.#listeners.add(look);
      look();
    });
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  get errors(): string[] {
    return this.lines.filter((line) => /SCRIPT ERROR|Parse Error|^ERROR|^WARNING/.test(line));
  }
}
