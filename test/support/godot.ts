/** Godot 3 without a screen, speaking DTLS as a game would: `test/support/godot/speaker.gd` does what it is told. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { godot3 } from "./programs.ts";

export type Step =
  | readonly ["connect"]
  /** Says the first again and again until something with the second in it is heard. */
  | readonly ["ask", string, string]
  | readonly ["say" | "plain" | "hear", string]
  /** Says it again and again from now on. */
  | readonly ["keep", string]
  /** Says goodbye; waits for the server's. */
  | readonly ["close"]
  | readonly ["gone"];

export type Speaking = {
  readonly port: number;
  /** File of the certificate to trust, or "" for the system's. */
  readonly cert: string;
  readonly name?: string;
  readonly address?: string;
  readonly peers?: number;
  /** The port it speaks from; 0 for any. */
  readonly local?: number;
  /** Begins the handshake anew where it fails or takes too long. */
  readonly persists?: boolean;
  readonly steps: readonly Step[];
};

export type Happened = Readonly<Record<string, unknown>>;

export class Godot {
  readonly lines: Happened[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #home = mkdtempSync(join(tmpdir(), "parley-godot-"));

  constructor(speaking: Speaking, within_ms = 100_000) {
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
    // It writes its log into the folder it is started in.
    this.#child = spawn(godot3, ["-s", script], { cwd: this.#home, env, stdio: ["ignore", "pipe", "ignore"] });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      if (line.startsWith("{")) this.lines.push(JSON.parse(line) as Happened);
    });
    this.ended = new Promise((done) => {
      this.#child.once("close", () => {
        rmSync(this.#home, { recursive: true, force: true });
        done();
      });
    });
  }

  /** Runs it to its end, and gives everything that happened. */
  static async run(speaking: Speaking): Promise<readonly Happened[]> {
    const godot = new Godot(speaking);
    await godot.ended;
    return godot.lines;
  }

  heard(peer = 0): string[] {
    return this.lines.flatMap((line) => (line["peer"] === peer && "heard" in line ? [line["heard"] as string] : []));
  }

  /** Without a word to anybody. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
