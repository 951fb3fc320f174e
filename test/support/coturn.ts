/** A real TURN server: Debian's coturn on this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { freePort } from "../../tools/run/ports.ts";

const TURNSERVER = "/usr/bin/turnserver";

/** If there is no coturn, prints the reason and returns true, so that its tests are skipped; in CI it throws. */
export function isCoturnMissing(): boolean {
  if (existsSync(TURNSERVER)) return false;
  const reason = `no coturn at ${TURNSERVER}`;
  if (process.env["CI"]) throw new Error(reason);
  console.warn(`The journeys over TURN are skipped: ${reason}.`);
  return true;
}

const SECRET = "north-0917-2468-abcdef";

export class Coturn {
  readonly port: number;
  /** The lines of its log. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "parley-turn-"));
    const options = ["-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout", "--verbose", "--realm=parley"];
    const secrets = ["--use-auth-secret", `--static-auth-secret=${SECRET}`];
    const addresses = ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers"];
    const files = [`--pidfile=${join(this.#folder, "pid")}`, `--userdb=${join(this.#folder, "db")}`];
    const args = [...options, ...secrets, ...addresses, ...files, `--listening-port=${port}`];
    // It ends with this process, even if that is killed.
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", TURNSERVER, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: this.#folder,
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.lines.push(line));
  }

  /** Resolves once it listens. */
  static async open(): Promise<Coturn> {
    const server = new Coturn(await freePort("tcp"));
    const deadline = performance.now() + 30_000;
    while (!server.lines.some((line) => /UDP listener opened/i.test(line))) {
      if (server.#child.exitCode !== null || performance.now() > deadline)
        throw new Error(`coturn does not listen:\n${server.lines.join("\n")}`);
      await new Promise((done) => setTimeout(done, 20));
    }
    return server;
  }

  /** The settings of a hub that names it. */
  get settings(): Readonly<Record<string, string>> {
    return { TURN_SECRET: SECRET, TURN_URLS: `turn:127.0.0.1:${this.port}?transport=udp` };
  }

  async close(): Promise<void> {
    const over = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await over;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
