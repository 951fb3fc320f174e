/**
 * A Vitest reporter that prints, as the last lines of a run, each kind of test that ran with its results and its time,
 * and the coverage of each room. Vitest's own summary names neither.
 */
import { readFileSync } from "node:fs";
import type { Reporter, TestModule, Vitest } from "vitest/node";

type Kind = { passed: number; failed: number; skipped: number; firstStart: number; lastEnd: number };
type CoverageSummary = Readonly<
  Record<string, { readonly lines: { readonly total: number; readonly covered: number } }>
>;

/** The rooms that have a floor, with the lowest share of lines in per cent that their tests must run. */
export const COVERAGE_FLOORS: Readonly<Record<string, number>> = {
  shared: 98,
  worker: 97,
  "udp-sidecar": 73,
  "clients/typescript/src": 75,
};

export const COVERAGE_FOLDER = "coverage";

export default class KindsReporter implements Reporter {
  readonly #kinds = new Map<string, Kind>();
  readonly #start = performance.now();
  #hasCoverage = false;

  onInit(vitest: Vitest): void {
    this.#hasCoverage = vitest.config.coverage.enabled;
    process.once("exit", () => process.stdout.write(`\n${this.#lines().join("\n")}\n`));
  }

  onTestModuleStart({ project }: TestModule): void {
    const now = performance.now();
    const kind = this.#kinds.get(project.name);
    if (kind !== undefined) return;
    this.#kinds.set(project.name, { passed: 0, failed: 0, skipped: 0, firstStart: now, lastEnd: now });
  }

  onTestModuleEnd(module: TestModule): void {
    this.onTestModuleStart(module);
    const kind = this.#kinds.get(module.project.name)!;
    kind.lastEnd = performance.now();
    // A file that fails before its first test has no test to count.
    if (module.errors().length > 0) kind.failed++;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state !== "pending") kind[state]++;
    }
  }

  #lines(): string[] {
    const rows = [...this.#kinds].map(
      ([name, { passed, failed, skipped, firstStart, lastEnd }]) =>
        `${name.padEnd(10)} ${results(passed, failed, skipped)} in ${duration(lastEnd - firstStart)}`,
    );
    const all = [...this.#kinds.values()];
    const sum = (key: "passed" | "failed" | "skipped"): number => all.reduce((total, kind) => total + kind[key], 0);
    const total = results(sum("passed"), sum("failed"), sum("skipped"));
    return [
      ...(this.#hasCoverage ? coverageLines() : []),
      ...rows,
      `${"all".padEnd(10)} ${total} in ${duration(performance.now() - this.#start)}`,
    ];
  }
}

/** Vitest compares the same figures with the same floors and fails the run. */
function coverageLines(): string[] {
  const files = readSummary();
  if (files === null) return [];
  return Object.entries(COVERAGE_FLOORS).map(([room, floor]) => {
    const inRoom = Object.entries(files).filter(([path]) => path.startsWith(`${process.cwd()}/${room}/`));
    const [covered, total] = (["covered", "total"] as const).map((key) =>
      inRoom.reduce((sum, [, { lines }]) => sum + lines[key], 0),
    ) as [number, number];
    const share = total === 0 ? 0 : (100 * covered) / total;
    return `coverage of ${room}: ${share.toFixed(1)} % of lines, floor ${floor} %`;
  });
}

function readSummary(): CoverageSummary | null {
  try {
    return JSON.parse(readFileSync(`${COVERAGE_FOLDER}/coverage-summary.json`, "utf8")) as CoverageSummary;
  } catch {
    // A run that was interrupted wrote none.
    return null;
  }
}

const results = (passed: number, failed: number, skipped: number): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

function duration(ms: number): string {
  const s = Math.round(ms / 1_000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}
