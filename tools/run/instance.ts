/**
 * The state folder of `npm start`: its keys, and the processes of the start that uses it.
 *
 * The processes are stored so that a second start is refused by name, and so that a start ends what a killed one left
 * behind. A process is only ended if its pid and start time are those that were stored.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inFolder } from "./folder.ts";
import { randomKey } from "./hub.ts";
import { processInfo } from "./process-info.ts";

type Stored = { readonly name: string; readonly pid: number; readonly started: string };

/** The process that starts the others. */
const STARTER = "npm start";
/** How long an orphan may take to stop before it is killed. workerd waits for its clients. */
const STOP_MS = 1_000;
const POLL_MS = 25;

export class Instance {
  readonly #folder: string;
  readonly #processes = new Map<string, Stored>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Reserves the folder for this process, and creates it if needed. Ends the orphans of an earlier start and reports each.
   * Rejects if another start uses the folder, or if the folder cannot be written.
   */
  static async claim(folder: string, report: (line: string) => void): Promise<Instance> {
    const instance = new Instance(folder);
    const running = instance.#stored().filter(isRunning);
    const starter = running.find(({ name }) => name === STARTER);
    if (starter !== undefined) {
      throw new Error(
        `Parley already runs from ${relative(process.cwd(), folder)}: \`npm start\` is process ${starter.pid}.\n` +
          `Stop it with Ctrl-C or \`kill ${starter.pid}\`. A second deployment needs another PARLEY_STATE and other ports.`,
      );
    }
    for (const orphan of running) {
      await end(orphan);
      report(`Ended the ${orphan.name} (process ${orphan.pid}) of an earlier start that was killed.`);
    }
    instance.add(STARTER, process.pid);
    return instance;
  }

  /** Stores a process under its name, in place of an earlier one of that name. */
  add(name: string, pid: number | undefined): void {
    const info = pid === undefined ? null : processInfo(pid);
    if (info === null) return;
    this.#processes.set(name, { name, pid: pid!, started: info.started });
    this.#write("processes.json", `${JSON.stringify([...this.#processes.values()], null, 2)}\n`);
  }

  /** A key that is created once and is readable only by its owner. */
  key(name: "sidecar-key" | "token-key"): string {
    const stored = this.#read(name);
    if (stored !== "") return stored;
    const key = randomKey();
    this.#write(name, key);
    return key;
  }

  /** After all processes have ended. */
  release(): void {
    rmSync(join(this.#folder, "processes.json"), { force: true });
  }

  #stored(): Stored[] {
    try {
      return JSON.parse(this.#read("processes.json")) as Stored[];
    } catch {
      return [];
    }
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.#folder, name), "utf8");
    } catch {
      return "";
    }
  }

  /** Replaces the file as a whole, so that a full disk or a crash leaves no half of it. */
  #write(name: string, text: string): void {
    const file = join(this.#folder, name);
    inFolder("PARLEY_STATE", this.#folder, () => {
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    });
  }
}

const isRunning = ({ pid, started }: Stored): boolean => processInfo(pid)?.started === started;

async function end(orphan: Stored): Promise<void> {
  process.kill(orphan.pid, "SIGTERM");
  for (const began = performance.now(); isRunning(orphan) && performance.now() - began < STOP_MS;) await sleep(POLL_MS);
  if (isRunning(orphan)) process.kill(orphan.pid, "SIGKILL");
  while (isRunning(orphan)) await sleep(POLL_MS);
}
