/** A program on a host of the laboratory. It prints JSON lines, reads JSON lines from stdin, and ends with its stdin. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PROGRAMS = join(import.meta.dirname, "programs");
/** Compiled programs: twelve that start at once then need a quarter of the processor time, and no lease expires. */
const COMPILE_CACHE = join(import.meta.dirname, "../../node_modules/.cache/parley-lab");
/** A program that still runs this long after the end of its stdin is killed. */
const END_MS = 6_000;

export type Line = Readonly<Record<string, unknown>>;

export class Program {
  /** All lines printed so far, in order. */
  readonly lines: Line[] = [];
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #over = false;
  #complaint = "";

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.lines.push(JSON.parse(line) as Line);
      for (const look of this.#waiting) look();
    });
    child.stderr!.on("data", (bytes: Buffer) => {
      this.#complaint += bytes.toString("utf8");
    });
    // The program may have ended already; a waiting `waitForLine` rejects then.
    child.stdin!.on("error", () => {});
    this.ended = new Promise((done) => {
      child.once("close", () => {
        this.#over = true;
        for (const look of this.#waiting) look();
        done();
      });
    });
  }

  /** `within`: the command prefix. */
  static start(name: string, within: readonly string[], file: string, args: readonly string[]): Program {
    const [command, ...rest] = [...within, process.execPath, join(PROGRAMS, file), ...args];
    const env = { PATH: process.env["PATH"], NODE_COMPILE_CACHE: COMPILE_CACHE };
    return new Program(name, spawn(command!, rest, { env, stdio: ["pipe", "pipe", "pipe"] }));
  }

  send(line: Line): void {
    this.#child.stdin!.write(`${JSON.stringify(line)}\n`);
  }

  /** The first matching line since line number `from`; rejects with all lines printed instead. */
  waitForLine(wanted: (line: Line) => boolean, { from = 0, within_ms = 60_000 } = {}): Promise<Line> {
    const promise = new Promise<Line>((done, failed) => {
      const look = (): void => {
        const found = this.lines.slice(from).find(wanted);
        if (found !== undefined) finish(() => done(found));
        else if (this.#over) finish(() => failed(this.#failure("has ended", from)));
      };
      const timer = setTimeout(
        () => finish(() => failed(this.#failure(`printed no matching line within ${within_ms} ms`, from))),
        within_ms,
      );
      const finish = (then: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        then();
      };
      this.#waiting.add(look);
      look();
    });
    // After another failure nothing waits for this promise, which is no unhandled rejection.
    promise.catch(() => {});
    return promise;
  }

  /** Closes stdin and waits for the end of the program and its children. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    const killer = setTimeout(() => this.kill(), END_MS);
    await this.ended;
    clearTimeout(killer);
  }

  /** Without a word to anybody. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  #failure(what: string, from: number): Error {
    return new Error(`${this.#name} ${what}; it printed ${JSON.stringify(this.lines.slice(from))} ${this.#complaint}`);
  }
}
