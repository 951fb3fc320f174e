/** `npm run cost`: simulates deployments of four sizes, and writes what they cost into docs/operate/cost.md. */
import { readFile, writeFile } from "node:fs/promises";
import { parseCommandLine } from "./command-line.ts";
import { BEGIN, costReport, costTables, END } from "./cost/page.ts";
import { withGeneratedPart } from "./generate/generated-part.ts";

const HELP = `
Usage: npm run cost

Simulates a day of 1,000 to 1,000,000 players and rewrites the tables of docs/operate/cost.md.
Prices, habits and the cost of each step are in tools/cost.
`;

parseCommandLine(HELP, { options: {} }, () => null);

const page = new URL("../docs/operate/cost.md", import.meta.url);
const tables = costTables(costReport());
await writeFile(page, withGeneratedPart(await readFile(page, "utf8"), [BEGIN, END], tables));
process.stdout.write(`${tables}\n`);
