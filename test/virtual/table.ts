/** The results of many introductions per ordered pair of NATs, for `docs/internals/nat.md` and the tests. */
import { KINDS, type Kind, introduce, type Options } from "./introduction.ts";

export const RUNS = 20;

export type LinkCase = { readonly title: string; readonly options: Omit<Options, "seed"> };
export const LINK_CASES: readonly LinkCase[] = [
  { title: "20 ms to the wide area, nothing lost", options: { delay_ms: 20, attempts: 2 } },
  { title: "40 ms to the wide area, 5 % lost on every link", options: { delay_ms: 40, loss: 0.05, attempts: 2 } },
];

export type Cell = {
  readonly a: Kind;
  readonly b: Kind;
  readonly direct: number;
  /** Times since the hub's last punch message, sorted. */
  readonly ms: readonly number[];
  /** The number of introductions that needed a second attempt. */
  readonly again: number;
  readonly verdicts: ReadonlySet<string>;
};

export const matrix = ({ options }: LinkCase): Cell[] => KINDS.flatMap((a) => KINDS.map((b) => cell(a, b, options)));

function cell(a: Kind, b: Kind, options: Omit<Options, "seed">): Cell {
  const met = Array.from({ length: RUNS }, (_, run) => introduce(a, b, { seed: 1_000 * run + 17, ...options }));
  const direct = met.filter(({ path }) => path === "direct");
  const ms = direct.map(({ ms }) => ms ?? Infinity).toSorted((x, y) => x - y);
  const again = met.filter(({ attempts }) => attempts > 1).length;
  return { a, b, direct: direct.length, ms, again, verdicts: new Set(met.map(({ advice }) => advice.verdict)) };
}

export const median = ({ ms }: Cell): number => ms[Math.floor(ms.length / 2)] ?? Number.NaN;

/** As Markdown. */
export function render(cells: readonly Cell[]): string {
  const rows = KINDS.map((a) => [a, ...KINDS.map((b) => word(cells.find((cell) => cell.a === a && cell.b === b)!))]);
  const lines = [["", ...KINDS], ["---", ...KINDS.map(() => "---")], ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** `0.12`, with the verdict's letter if a plain punch was not enough, and the share if not all connected. */
function word(cell: Cell): string {
  if (cell.direct === 0) return "relay";
  const seconds = (median(cell) / 1_000).toFixed(2);
  const means = cell.verdicts.has("birthday") ? " b" : cell.verdicts.has("predict") ? " p" : "";
  const share = cell.direct === RUNS ? "" : ` (${cell.direct} of ${RUNS})`;
  return `${seconds}${means}${share}`;
}

export const BEGIN = "<!-- made by npm run nat -->";
export const END = "<!-- end -->";

/** The generated part of `docs/internals/nat.md`. */
export const renderTables = (results: readonly (readonly [LinkCase, readonly Cell[]])[]): string =>
  results.map(([{ title }, cells]) => `**${title}**\n\n${render(cells)}`).join("\n\n");
