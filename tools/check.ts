/**
 * `npm run check`: the checks that need no running system, in seconds.
 *
 * All of them run even if one fails, so that one run names every problem.
 */
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { parseCommandLine } from "./command-line.ts";

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
  "clients/typescript/tsconfig.browser.json",
  "test",
  "test/worker",
];

const HELP = `
Usage: npm run check

Checks types, lint, format, language, links, API compatibility, bundle size and import rules.
Exit status: 0 all passed, 1 at least one failed, 2 wrong options.
`;

parseCommandLine(HELP, { options: {} }, () => null);

/** Commands are looked up in node_modules/.bin. */
const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ...PROGRAMS.map((program) => [`types of ${program}`, "tsc", "-p", program] as const),
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["format", "oxfmt", "--check", "."],
  ["Dockerfile", "dockerfile-utils", "lint", "deploy/Dockerfile"],
  ["language", process.execPath, "tools/checks/language.ts"],
  ["links", process.execPath, "tools/checks/links.ts"],
  ["API compatibility", process.execPath, "tools/checks/openapi-breaking.ts"],
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

/** The output of a failed command, or null if it passed. */
async function run(command: string, args: readonly string[]): Promise<string | null> {
  try {
    await promisify(execFile)(resolve(BIN, command), args, { cwd: ROOT, maxBuffer: 10_000_000 });
    return null;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}` || String(error);
  }
}
