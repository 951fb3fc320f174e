/** A program on a host of the laboratory. It says JSON lines on stdout, is told JSON lines on stdin, and ends with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PROGRAMS = join(import.meta.dirname, "programs");
/** A program that has not ended so long after its stdin did is killed. */
const END_MS = 6_000;

export type Line = Readonly<Record<string, unknown>>;

export class Program {
  /** Everything it has said so far, in order. */
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
    // It may have ended before it was told to; who waits for one of its lines hears of that.
    child.stdin!.on("error", () => {});
    this.ended = new Promise((done) => {
      child.once("close", () => {
        this.#over = true;
        for (const look of this.#waiting) look();
        done();
      });
    });
  }

  /** `within`: what to put before the command. */
  static start(name: string, within: readonly string[], file: string, args: readonly string[]): Program {
    const [command, ...rest] = [...within, process.execPath, join(PROGRAMS, file), ...args];
    const env = { PATH: process.env["PATH"] };
    return new Program(name, spawn(command!, rest, { env, stdio: ["pipe", "pipe", "pipe"] }));
  }

  send(line: Line): void {
    this.#child.stdin!.write(`${JSON.stringify(line)}\n`);
  }

  /** The first line, of those since `from`, that is wanted; rejects with all that it said instead. */
  waitForLine(wanted: (line: Line) => boolean, { from = 0, within_ms = 60_000 } = {}): Promise<Line> {
    const promise = new Promise<Line>((done, failed) => {
      const look = (): void => {
        const found = this.lines.slice(from).find(wanted);
        if (found !== undefined) finish(() => done(found));
        else if (this.#over) finish(() => failed(this.#failure("has ended", from)));
      };
      const timer = setTimeout(
        () => finish(() => failed(this.#failure(`was waited for ${within_ms} ms`, from))),
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
    // That nobody waits any more, since something else went wrong before, is no error of its own.
    promise.catch(() => {});
    return promise;
  }

  /** Lets it end by itself, which takes with it what it has started. */
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
    return new Error(`${this.#name} ${what}; it said ${JSON.stringify(this.lines.slice(from))} ${this.#complaint}`);
  }
}
