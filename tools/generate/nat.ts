/**
 * `npm run nat`: simulates every pair of NATs and writes the result as the tables of docs/internals/nat.md.
 *
 * The simulation is deterministic, so the tables change only with the code.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseCommandLine } from "../command-line.ts";
import { BEGIN, END, matrix, renderTables, LINK_CASES } from "../../test/virtual/table.ts";
import { withGeneratedPart } from "./generated-part.ts";

parseCommandLine(
  "Usage: npm run nat\n\nSimulates every pair of NATs and rewrites the tables of docs/internals/nat.md.",
  { options: {} },
  () => null,
);

const page = new URL("../../docs/internals/nat.md", import.meta.url);
const tables = renderTables(LINK_CASES.map((weather) => [weather, matrix(weather)] as const));
await writeFile(page, withGeneratedPart(await readFile(page, "utf8"), [BEGIN, END], tables));
process.stdout.write(`${tables}\n`);
