/**
 * `npm run attack [-- --write]`: attacks a deployment and its parts, and prints the figures of docs/operate/security.md.
 * Sources are forged in network namespaces. `--write` stores both tables.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseCommandLine } from "./command-line.ts";
import { withGeneratedPart } from "./generate/generated-part.ts";

const HELP = `
Usage: npm run attack [-- --write]

Forges sources in network namespaces and measures what a sidecar sends to them, fills every table, sends incomplete
messages to a hub with and without its front, and tries forged, weak and unreadable values. Prints a table of what each
attack achieved before the limits and now. Nothing leaves the namespaces or the loopback interface.

  --write    store the tables in docs/operate/security.md
`;

const ROOT = resolve(import.meta.dirname, "..");
const PAGE = join(ROOT, "docs/operate/security.md");
const MARKS = ["<!-- attacks: npm run attack -- --write -->", "<!-- end of attacks -->"] as const;
/** Every file that calls `recordFigure`, and the one that prints the table of ratios. */
const ATTACKS = [
  "test/journeys/amplification.test.ts",
  "test/journeys/front.test.ts",
  "test/shared/auth/keys.test.ts",
  "test/shared/net/special-ranges.test.ts",
  "test/shared/schema/ijson.test.ts",
  "test/shared/text/names.test.ts",
  "test/udp-sidecar/core/full-tables.test.ts",
  "test/udp-sidecar/protocols/dowsett-moves.test.ts",
  "test/udp-sidecar/relay/relay.test.ts",
  "test/udp-sidecar/sockets/dtls/dtls-sessions.test.ts",
  "test/udp-sidecar/sockets/relay-ports.test.ts",
  "test/worker/http/games.test.ts",
  "test/worker/http/idempotency.test.ts",
  "test/worker/http/rate-limit.test.ts",
];

type Figure = { readonly order: number; readonly attack: string; readonly before: string; readonly after: string };
/** Of Vitest's JSON reporter. */
type Report = {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly meta?: { readonly attacks?: readonly Figure[] } }[];
  }[];
};

const isWrite = parseCommandLine(
  HELP,
  { options: { write: { type: "boolean" } } },
  ({ values }) => values.write ?? false,
);
const folder = mkdtempSync(join(tmpdir(), "parley-attack-"));
try {
  const output = join(folder, "report.json");
  const vitest = resolve(ROOT, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${output}`];
  const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...ATTACKS], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, PARLEY_ATTACK: isWrite ? "write" : "print" },
  });
  const table = tableOf(JSON.parse(readFileSync(output, "utf8")) as Report);
  process.stdout.write(`${table}\n`);
  if (isWrite && status === 0) writeFileSync(PAGE, withGeneratedPart(readFileSync(PAGE, "utf8"), MARKS, table));
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Both implementations of UDP run the same attack; the table has it once. */
function tableOf({ testResults }: Report): string {
  const rows = new Map<string, { readonly order: number; readonly row: string }>();
  for (const { name, assertionResults } of testResults) {
    const path = relative(ROOT, name);
    for (const { order, attack, before, after } of assertionResults.flatMap(({ meta }) => meta?.attacks ?? [])) {
      const link = `[${path.replace(/^.*\/|\.test\.ts$/g, "")}](../../${path})`;
      if (!rows.has(attack)) rows.set(attack, { order, row: `| ${[attack, before, after, link].join(" | ")} |` });
    }
  }
  const sorted = [...rows.values()].toSorted((a, b) => a.order - b.order).map(({ row }) => row);
  return ["| attack | before | now | test |", "| --- | --- | --- | --- |", ...sorted].join("\n");
}
