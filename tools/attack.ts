/**
 * `npm run attack [-- --write]`: forges the sources of UDP datagrams in network namespaces and prints how much reaches
 * the victims. `--write` stores the table in docs/operate/security.md.
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { parseCommandLine } from "./command-line.ts";

const HELP = `
Usage: npm run attack [-- --write]

Forges sources in network namespaces and measures what a sidecar sends to them. Nothing leaves the namespaces.

  --write    store the table in docs/operate/security.md
`;

const ROOT = resolve(import.meta.dirname, "..");
const isWrite = parseCommandLine(
  HELP,
  { options: { write: { type: "boolean" } } },
  ({ values }) => values.write ?? false,
);
const vitest = resolve(ROOT, "node_modules/vitest/vitest.mjs");
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--project", "journeys", "test/journeys/amplification.test.ts"],
  { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...(isWrite && { PARLEY_ATTACK: "write" }) } },
);
process.exitCode = status ?? 1;
