/** `npm run cost`: simulates deployments of four sizes, and writes what they cost into docs/operate/cost.md. */
import { readFile, writeFile } from "node:fs/promises";
import { parseCommandLine } from "./command-line.ts";
import { BEGIN, costReport, costTables, END } from "./cost/page.ts";

const HELP = `
Usage: npm run cost

Simulates a day of 1,000 to 1,000,000 players and rewrites the tables of docs/operate/cost.md.
Prices, habits and the cost of each step are in tools/cost.
`;

parseCommandLine(HELP, { options: {} }, () => null);

const page = new URL("../docs/operate/cost.md", import.meta.url);
const text = await readFile(page, "utf8");
const [head, rest] = text.split(BEGIN);
const tail = rest?.split(END)[1];
if (head === undefined || tail === undefined) throw new Error(`docs/operate/cost.md must contain ${BEGIN} and ${END}`);
const tables = costTables(costReport());
await writeFile(page, `${head}${BEGIN}\n\n${tables}\n\n${END}${tail}`);
process.stdout.write(`${tables}\n`);
