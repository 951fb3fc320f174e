/** Headless Godot 3 with DTLS: `test/support/godot/speaker.gd` runs the steps that a test passes. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { godot3 } from "./programs.ts";

export type Step =
  | readonly ["connect"]
  /** Repeats the first text until a message that contains the second one arrives. */
  | readonly ["ask", string, string]
  | readonly ["say" | "plain" | "hear", string]
  /** Repeats the text from now on. */
  | readonly ["keep", string]
  /** Sends close_notify and waits for the server's. */
  | readonly ["close"]
  | readonly ["gone"];

export type GodotOptions = {
  readonly port: number;
  /** The file of the trusted certificate, or "" for the system's. */
  readonly cert: string;
  readonly name?: string;
  readonly address?: string;
  readonly peers?: number;
  /** The local port; 0 for any. */
  readonly local?: number;
  /** Restarts a handshake that fails or takes too long. */
  readonly persists?: boolean;
  readonly steps: readonly Step[];
};

export type GodotLine = Readonly<Record<string, unknown>>;

export class Godot {
  readonly lines: GodotLine[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #home = mkdtempSync(join(tmpdir(), "parley-godot-"));

  constructor(speaking: GodotOptions, within_ms = 100_000) {
    const program = {
      address: "127.0.0.1",
      name: "rendezvous",
      peers: 1,
      local: 0,
      persists: false,
      ...speaking,
      validate: true,
      within_ms,
    };
    const script = join(import.meta.dirname, "godot/speaker.gd");
    const env = { PATH: process.env["PATH"], HOME: this.#home, PROGRAM: JSON.stringify(program) };
    // It writes its log into its working directory.
    this.#child = spawn(godot3, ["-s", script], { cwd: this.#home, env, stdio: ["ignore", "pipe", "ignore"] });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      if (line.startsWith("{")) this.lines.push(JSON.parse(line) as GodotLine);
    });
    this.ended = new Promise((done) => {
      this.#child.once("close", () => {
        rmSync(this.#home, { recursive: true, force: true });
        done();
      });
    });
  }

  /** Waits for the end of the program and returns its lines. */
  static async run(speaking: GodotOptions): Promise<readonly GodotLine[]> {
    const godot = new Godot(speaking);
    await godot.ended;
    return godot.lines;
  }

  received(peer = 0): string[] {
    return this.lines.flatMap((line) => (line["peer"] === peer && "heard" in line ? [line["heard"] as string] : []));
  }

  /** Without a word to anybody. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
