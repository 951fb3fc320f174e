/**
 * `npm test`: installs what the tests need, then runs them. Only a whole run measures coverage: it is slower, and a part of
 * the tests would miss the floors.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { printHelp } from "./command-line.ts";

const ROOT = resolve(import.meta.dirname, "..");
const QUICK = ["node", "hub", "hubs"];

const HELP = `
Usage: npm test [-- --quick] [-- VITEST-ARGUMENT ...]

Installs what the tests need, then runs all tests, or with --quick all but the journeys.
A VITEST-ARGUMENT is a part of file names, or an option of vitest: npx vitest --help
`;

printHelp(HELP);
const args = process.argv.slice(2).filter((arg) => arg !== "--quick");
const isQuick = process.argv.includes("--quick");
const steps = [
  [resolve(ROOT, "tools/install-test-deps.ts")],
  [
    resolve(ROOT, "node_modules/vitest/vitest.mjs"),
    "run",
    ...(isQuick ? QUICK.flatMap((project) => ["--project", project]) : []),
    ...(args.length === 0 && !isQuick ? ["--coverage"] : args),
  ],
];
for (const step of steps) {
  const { status } = spawnSync(process.execPath, step, { cwd: ROOT, stdio: "inherit" });
  // A step that a signal ended has no exit code.
  process.exitCode = status ?? 1;
  if (process.exitCode !== 0) break;
}
