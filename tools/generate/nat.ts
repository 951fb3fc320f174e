/** `npm run nat`: every pair of NATs in the virtual laboratory, as the tables of docs/internals/nat.md. The same in every run. */
import { readFile, writeFile } from "node:fs/promises";
import { BEGIN, END, matrix, report, WEATHERS } from "../../test/virtual/table.ts";

const page = new URL("../../docs/internals/nat.md", import.meta.url);
const made = report(WEATHERS.map((weather) => [weather, matrix(weather)] as const));
const text = await readFile(page, "utf8");
const [head, rest] = text.split(BEGIN);
const tail = rest?.split(END)[1];
if (head === undefined || tail === undefined) throw new Error("docs/internals/nat.md has lost its marks");
await writeFile(page, `${head}${BEGIN}\n\n${made}\n\n${END}${tail}`);
process.stdout.write(`${made}\n`);
