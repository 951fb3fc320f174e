/**
 * A wall clock that a test steps while a program runs: Debian's libfaketime, which reads an offset from a file. The
 * monotonic clock is not changed, as on a machine whose clock is set.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LIBRARY = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketime.so.1`;

export const hasFakeClock = existsSync(LIBRARY);

export class FakeClock {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<FakeClock> {
    const clock = new FakeClock(await mkdtemp(join(tmpdir(), "parley-clock-")));
    await clock.step(0);
    return clock;
  }

  /** The environment of a program that uses this clock. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Sets the clock to the real time plus so many seconds. */
  async step(seconds: number): Promise<void> {
    // A rename, so that no reader finds half a line.
    await writeFile(`${this.#file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    await rename(`${this.#file}.new`, this.#file);
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, "offset");
  }
}
