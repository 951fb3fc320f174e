/**
 * `npm run attack [-- --write]`: attacks a deployment and prints the figures of docs/operate/security.md. Sources are
 * forged in network namespaces. `--write` stores the table of what reaches the victims.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { parseCommandLine } from "./command-line.ts";

const HELP = `
Usage: npm run attack [-- --write]

Forges sources in network namespaces and measures what a sidecar sends to them, and sends incomplete messages to a hub
with and without its front. Nothing leaves the namespaces or the loopback interface.

  --write    store the table in docs/operate/security.md
`;

const ATTACKS = ["test/journeys/amplification.test.ts", "test/journeys/front.test.ts"];
const ROOT = resolve(import.meta.dirname, "..");
const isWrite = parseCommandLine(
  HELP,
  { options: { write: { type: "boolean" } } },
  ({ values }) => values.write ?? false,
);
const vitest = resolve(ROOT, "node_modules/vitest/vitest.mjs");
const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "journeys", ...ATTACKS], {
  cwd: ROOT,
  stdio: "inherit",
  env: { ...process.env, PARLEY_ATTACK: isWrite ? "write" : "print" },
});
process.exitCode = status ?? 1;
