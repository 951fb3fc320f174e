/** `npm run check`: types, lint, format, the size of the bundle and the structure, in seconds. Everything runs; everything that failed is named. */
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "..");
const BIN = join(ROOT, "node_modules/.bin");
const PROGRAMS = [
  "shared",
  "worker",
  "worker/site",
  "udp-sidecar",
  "tools",
  "bench",
  "clients/typescript",
  "test",
  "test/worker",
];

/** Commands are of node_modules/.bin, but for a program of ours, which Node runs. */
const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ...PROGRAMS.map((program) => [`types of ${program}`, "tsc", "-p", program] as const),
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["format", "oxfmt", "--check", "."],
  ["Dockerfile", "dockerfile-utils", "lint", "deploy/sidecar/Dockerfile"],
  ["bundle", process.execPath, "tools/checks/bundle-size.ts"],
  ["structure", "vitest", "run", "--project", "node", "test/structure.test.ts"],
];

let failed = 0;
for (const [name, command, ...args] of checks) {
  const began = performance.now();
  const output = await run(command, args);
  process.stdout.write(`${output === null ? "ok  " : "FAIL"}  ${name}  ${Math.round(performance.now() - began)} ms\n`);
  if (output === null) continue;
  failed++;
  process.stdout.write(`${output}\n`);
}
process.exitCode = failed === 0 ? 0 : 1;

/** What it printed where it failed, or null. */
async function run(command: string, args: readonly string[]): Promise<string | null> {
  try {
    await promisify(execFile)(resolve(BIN, command), args, { cwd: ROOT, maxBuffer: 10_000_000 });
    return null;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}` || String(error);
  }
}
