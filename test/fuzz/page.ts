/** The table of docs/operate/security.md: one row for each target. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { withGeneratedPart } from "../../tools/generate/generated-part.ts";
import { HEADINGS } from "./figures.ts";

const PAGE = resolve(import.meta.dirname, "../../docs/operate/security.md");
const MARKS = ["<!-- fuzzed: npm run fuzz -- --write -->", "<!-- end of fuzzed -->"] as const;

/** Replaces the row of a target, and keeps those of the other targets. */
export function writeRow(order: readonly string[], name: string, unit: string, cells: readonly string[]): void {
  const page = readFileSync(PAGE, "utf8");
  const part = page.slice(page.indexOf(MARKS[0]), page.indexOf(MARKS[1]));
  const rows = new Map(Array.from(part.matchAll(/^\| `([a-z-]+)` .+$/gm), ([row, of]) => [of!, row]));
  rows.set(name, `| ${[`\`${name}\``, unit, ...cells].join(" | ")} |`);
  const headings = ["target", "inputs", ...HEADINGS];
  const table = [
    `| ${headings.join(" | ")} |`,
    `| ${headings.map(() => "---").join(" | ")} |`,
    ...order.flatMap((target) => rows.get(target) ?? []),
  ];
  writeFileSync(PAGE, withGeneratedPart(page, MARKS, table.join("\n")));
}
