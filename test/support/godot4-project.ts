/** A Godot 4 project in a temporary folder, run headless with the real engine: what the GDScript tests start. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findGodot4 } from "../../tools/godot4.ts";

const TIMEOUT_MS = 60_000;

const godot4 = findGodot4();
export const hasGodot4 = godot4 !== null;
if (!hasGodot4) {
  if (process.env["CI"]) throw new Error("Godot 4 is not installed: run node tools/godot4.ts");
  process.stderr.write("Godot 4 is not installed (node tools/godot4.ts): tests that need it are skipped.\n");
}

const SCENE = `[gd_scene load_steps=2 format=3]
[ext_resource type="Script" path="res://main.gd" id="1"]
[node name="Main" type="Node"]
script = ExtResource("1")
`;

export class Godot4Project {
  /** Everything that it printed, errors included. */
  readonly lines: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "parley-godot4-"));
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #listeners = new Set<() => void>();
  #isRunning = true;

  /**
   * `files` by name; `main.gd` is the main scene's script. `autoloads` are singletons by name. `within`: what to put
   * before the command, such as a host of the laboratory.
   */
  constructor(
    files: Readonly<Record<string, string>>,
    autoloads: Readonly<Record<string, string>> = {},
    { within = [], args = [] }: { readonly within?: readonly string[]; readonly args?: readonly string[] } = {},
  ) {
    const singletons = Object.entries(autoloads).map(([name, file]) => `${name}="*res://${file}"\n`);
    const project = `config_version=5\n[application]\nrun/main_scene="res://main.tscn"\n[autoload]\n${singletons.join("")}`;
    for (const [name, text] of Object.entries({ "project.godot": project, "main.tscn": SCENE, ...files })) {
      writeFileSync(join(this.#folder, name), text);
    }
    const env = { PATH: process.env["PATH"], HOME: this.#folder };
    const [command, ...rest] = [...within, godot4!, "--headless", "--path", this.#folder, "--", ...args];
    this.#child = spawn(command!, rest, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line);
        for (const listener of this.#listeners) listener();
      });
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once("close", () => {
        this.#isRunning = false;
        for (const listener of this.#listeners) listener();
        resolve();
      });
    });
  }

  /** The first line that matches. Rejects when the engine exits or nothing matches in time. */
  async waitForLine(pattern: RegExp): Promise<string> {
    const find = (): string | undefined => this.lines.find((line) => pattern.test(line));
    const deadline = performance.now() + TIMEOUT_MS;
    while (find() === undefined && this.#isRunning && performance.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - performance.now());
        this.#listeners.add(function listener(this: void) {
          clearTimeout(timer);
          resolve();
        });
      });
      this.#listeners.clear();
    }
    const line = find();
    if (line === undefined) throw new Error(`no line matches ${pattern}:\n${this.lines.join("\n")}`);
    return line;
  }

  /** Errors of GDScript, of any kind. */
  get errors(): string[] {
    return this.lines.filter((line) => /SCRIPT ERROR|Parse Error|^ERROR/.test(line) && !line.includes("Fontconfig"));
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
