/** Keeps the figures of each run as JSON in the state folder, and finds those of the last run on the same machine. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, hostname } from "node:os";
import { join, resolve } from "node:path";

const FOLDER = join(process.env["PARLEY_STATE"] ?? resolve(import.meta.dirname, "../../.parley"), "bench");

export type Figures = Readonly<Record<string, number>>;
type Run = { readonly machine: string; readonly node: string; readonly figures: Figures };

const machine = (): string => `${hostname()}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? "?"}`;

/** The figures of the newest run on this machine; empty if there is none. */
export function lastFigures(): Figures {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];
  for (const name of files.toSorted().toReversed()) {
    const run = JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Run;
    if (run.machine === machine()) return run.figures;
  }
  return {};
}

/** Returns the file that has the figures. */
export function keepFigures(figures: Figures): string {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${new Date().toISOString().replaceAll(":", "")}.json`);
  const run: Run = { machine: machine(), node: process.version, figures };
  writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
  return file;
}
