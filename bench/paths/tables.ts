/** The measured times as tables of docs/internals/nat.md, beside those of the first version. */
import { readFile, writeFile } from "node:fs/promises";
import { withGeneratedPart } from "../../tools/generate/generated-part.ts";
import { formatInteger, quantile } from "../measure.ts";
import { IPV4_ALONE } from "./connect-times.ts";
import type { MeasuredCase } from "./measured.ts";
import type { LongTalk } from "./relayed-pair.ts";
import type { MeasuredSilence } from "./silences.ts";

const PAGE = new URL("../../docs/internals/nat.md", import.meta.url);
const MARKS = ["<!-- made by npm run bench -- --paths -->", "<!-- end of the measured paths -->"] as const;

/** Milliseconds until the first path with the first version, which used a relay only after a failed punch. */
const FIRST_VERSION: Readonly<Record<string, string>> = {
  "one carrier without hairpinning": "4,500 to 4,750",
  "address-dependent and port-restricted, one sidecar": "4,500, never direct",
  "random and a router without a firewall": "4 of 6 first searches missed",
  [IPV4_ALONE]: "413",
  "IPv4 and IPv6": "413",
  "IPv6 dropped on one side": "1,046",
  "IPv6 dropped on both sides": "1,590",
  "unique-local IPv6 without a route": "1,100",
  "20 %": "up to 11,800",
  "a router forgets its mappings, direct": "3,100",
  "a router forgets its mappings, relayed": "8,600",
  "a direct path is cut": "3,100",
  "a direct path is cut in one direction": "17,000 and more",
  "a privacy address is replaced, the old one stays": "10,500 and more",
  "the relay's sidecar is killed, another one is alive": "11,200 to 11,700",
};

export type Rows = readonly (readonly string[])[];

/** A pair of routers by its name, such as "none and random". */
function pairBefore(name: string, tries: MeasuredCase["tries"]): string {
  const isSearched = name.includes("random") && /port-restricted|cgn/.test(name);
  return isSearched && tries[0]?.paths[0] === "direct" ? "1,400 to 6,700" : "400";
}

const milliseconds = (value: number): string => (Number.isFinite(value) ? formatInteger(value) : "none");

const shareOf = ({ tries }: MeasuredCase): string => {
  const paths = [...new Set(tries.filter(({ isAsWanted }) => isAsWanted).flatMap(({ paths }) => paths.slice(0, 2)))];
  const wanted = tries.filter(({ isAsWanted }) => isAsWanted).length;
  return `${paths.join(" and ") || "none"}, ${wanted} of ${tries.length}`;
};

const FIRST_AND_FINAL = ["path", "first, median", "first, worst", "final, median", "final, worst"];
/** Of every try, the time to the first path and to the final one. */
const timesOf = ({ tries }: MeasuredCase): readonly [first: number[], final: number[]] => [
  tries.map(({ first_ms }) => first_ms),
  tries.map(({ ms }) => ms),
];

function firstAndFinal(one: MeasuredCase): string[] {
  return [shareOf(one), ...timesOf(one).flatMap((all) => [quantile(all, 0.5), Math.max(...all)].map(milliseconds))];
}

export const pairTable = (cases: readonly MeasuredCase[]): Rows => [
  ["routers, ms", ...FIRST_AND_FINAL, "first version"],
  ...cases.map((one) => [one.name, ...firstAndFinal(one), pairBefore(one.name, one.tries)]),
];

export const networkTable = (cases: readonly MeasuredCase[]): Rows => [
  ["networks, ms", ...FIRST_AND_FINAL, "first version"],
  ...cases.map((one) => [one.name, ...firstAndFinal(one), FIRST_VERSION[one.name] ?? ""]),
];

const firstMedian = (one: MeasuredCase): number => quantile(timesOf(one)[0], 0.5);

/** With the median's distance from the one with IPv4 alone. */
export function familyTable(cases: readonly MeasuredCase[]): Rows {
  const alone = firstMedian(cases.find(({ name }) => name === IPV4_ALONE)!);
  return [
    ["address families, ms", ...FIRST_AND_FINAL, `more than ${IPV4_ALONE}`, "first version"],
    ...cases.map((one) => {
      const costs = formatInteger(firstMedian(one) - alone);
      return [one.name, ...firstAndFinal(one), costs, FIRST_VERSION[one.name] ?? ""];
    }),
  ];
}

export const lossTable = (cases: readonly MeasuredCase[]): Rows => [
  [
    "lost each way on every link, ms",
    "path",
    "first, p50",
    "first, p95",
    "direct, p50",
    "direct, p95",
    "first version",
  ],
  ...cases.map((one) => {
    // Of 20 tries, the 19th.
    const figures = timesOf(one).flatMap((all) => [quantile(all, 0.5), quantile(all, 0.9)]);
    return [one.name, shareOf(one), ...figures.map(milliseconds), FIRST_VERSION[one.name] ?? ""];
  }),
];

export const silenceTable = (failures: readonly MeasuredSilence[]): Rows => [
  ["longest silence, ms", "tries", "median", "worst", "first version"],
  ...failures.map(({ name, longest_ms }) => [
    name,
    String(longest_ms.length),
    milliseconds(quantile(longest_ms, 0.5)),
    milliseconds(Math.max(...longest_ms)),
    FIRST_VERSION[name] ?? "",
  ]),
];

export const talkTable = ({ paths, sent, received, relayed, relays }: LongTalk): Rows => [
  [
    "three minutes",
    "stated path",
    "datagrams sent",
    "received",
    "relayed by the sidecar, with probes",
    "relays of both pairs, median and most",
  ],
  [
    "relayed",
    paths[0],
    formatInteger(sent[0]),
    formatInteger(received[0]),
    formatInteger(relayed),
    `${quantile(relays, 0.5)} and ${Math.max(...relays)}`,
  ],
  ["direct, beside it", paths[1], formatInteger(sent[1]), formatInteger(received[1]), "", ""],
];

const markdown = ([head, ...rows]: Rows): string =>
  [head!, head!.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

export async function writeTables(tables: readonly Rows[]): Promise<void> {
  const page = await readFile(PAGE, "utf8");
  await writeFile(PAGE, withGeneratedPart(page, MARKS, tables.map(markdown).join("\n\n")));
}
