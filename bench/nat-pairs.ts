/**
 * Benchmarks connection setup: two native peers behind every pair of NATs of the laboratory, in further networks, and
 * with loss on every link: the path that they get, and when.
 */
import { currentBundle } from "../tools/run/bundle.ts";
import {
  connectAllPairs,
  connectPair,
  type PairResult,
  startPlayer,
  startTwoOfEachKind,
} from "../test/lab/connect-pairs.ts";
import { withDeafIPv6, withLocalIPv6 } from "../test/lab/families.ts";
import type { Host, HomeOptions } from "../test/lab/lab.ts";
import { isLabMissing } from "../test/lab/lab-namespaces.ts";
import { LabPlayers } from "../test/lab/lab-players.ts";
import type { NatKind } from "../test/lab/nat.ts";
import { quantile, printTable, formatInteger } from "./measure.ts";

const TRIES = 5;
/** The delay of each peer's link in each direction: 80 ms for a round trip between two peers. */
const WAY = { delay_ms: 20 };
const LOSS_TRIES = 20;
const LOSSES = [0, 0.05, 0.1, 0.2];
/** Eight birthdays: one in nine misses. */
const PATIENCE = { within_ms: 60_000 };

type Case = {
  readonly name: string;
  readonly hosts: readonly [Host, Host];
  readonly wanted: readonly [string, string];
};

/** Prints the path and the median time of each pair. Without network namespaces it prints the reason instead. */
export async function benchNatPairs(): Promise<void> {
  if (isLabMissing()) return;
  const town = await LabPlayers.open(await currentBundle());
  try {
    await town.stack.addSidecar(await town.lab.host());
    const players = await startTwoOfEachKind(town, WAY);
    const tries: PairResult[][] = [];
    for (let time = 0; time < TRIES; time++) tries.push(await connectAllPairs(players));
    printTable([
      ["time from connect to path", "path", "first p50 ms", "first worst ms", "p50 ms", "worst ms"],
      ...tries[0]!.map(({ pair }, at) => {
        const met = tries.map((rows) => rows[at]!);
        return [
          pair.replace(" ", " and "),
          pathsOf(met),
          ...timesOf(met.map(({ first_ms }) => first_ms)),
          ...timesOf(met.map(({ ms }) => ms)),
        ];
      }),
    ]);
  } finally {
    await town.close();
  }
}

/** The median and the longest. */
const timesOf = (times: readonly number[]): string[] => [
  formatInteger(quantile(times, 0.5)),
  formatInteger(Math.max(...times)),
];

const pathsOf = (met: readonly PairResult[]): string =>
  [...new Set(met.map(({ isAsWanted, paths }) => (isAsWanted ? String(paths[0]) : "none")))].join(", ");

/** Prints two tables. Without network namespaces it prints the reason instead. */
export async function benchPathTimes(): Promise<void> {
  if (isLabMissing()) return;
  const players = await LabPlayers.open(await currentBundle(), 2);
  try {
    const { lab, server, stack } = players;
    const address = [await lab.addAddress(server), await lab.addIPv6(server)].join();
    await stack.addSidecar(server, { address, status: "127.0.0.1:9465" });
    const rows: string[][] = [];
    for (const { name, hosts, wanted } of await casesIn(players))
      rows.push(rowOf(name, await connectOften(players, hosts, wanted, TRIES)));
    const head = ["as wanted", "first p50 ms", "first p95 ms", "first worst ms", "final p50 ms", "final worst ms"];
    printTable([["further networks", ...head], ...rows]);
    const lossRows: string[][] = [];
    for (const loss of LOSSES) {
      const hosts = await bothBehind(players, ["port-restricted", "port-restricted"], { ...WAY, loss });
      lossRows.push(rowOf(`${100 * loss} %`, await connectOften(players, hosts, ["direct", "direct"], LOSS_TRIES)));
    }
    printTable([["lost each way on every link", ...head], ...lossRows]);
  } finally {
    await players.close();
  }
}

async function casesIn(players: LabPlayers): Promise<Case[]> {
  const { lab } = players;
  const direct = ["direct", "direct"] as const;
  const carriers = await Promise.all(
    [true, false].map((hairpin) => lab.home("port-restricted", { carrier: true, hairpin, ...WAY })),
  );
  const [withHairpin, without] = await Promise.all(
    carriers.map((behind) => bothBehind(players, ["port-restricted", "port-restricted"], { behind })),
  );
  const sixes = [await lab.host(WAY), await lab.host(WAY)] as const;
  for (const host of sixes) await lab.addIPv6(host);
  return [
    { name: "one carrier with hairpinning", hosts: withHairpin!, wanted: direct },
    { name: "one carrier without hairpinning", hosts: without!, wanted: ["relay", "relay"] },
    {
      name: "address-dependent and port-restricted",
      hosts: await bothBehind(players, ["address-dependent", "port-restricted"], WAY),
      wanted: direct,
    },
    {
      name: "random and no firewall",
      hosts: await bothBehind(players, ["symmetric", "masquerade"], WAY),
      wanted: direct,
    },
    {
      name: "UDP blocked and full cone",
      hosts: await bothBehind(players, ["blocked", "full-cone"], WAY),
      wanted: ["tunnel", "relay"],
    },
    { name: "IPv4 and IPv6 on both sides", hosts: sixes, wanted: direct },
    { name: "IPv6 dropped on one side", hosts: await withDeafIPv6(players, WAY, 1), wanted: direct },
    { name: "IPv6 dropped on both sides", hosts: await withDeafIPv6(players, WAY, 2), wanted: direct },
    { name: "unique-local IPv6 without a route", hosts: await withLocalIPv6(players, WAY), wanted: direct },
  ];
}

async function bothBehind(
  { lab }: LabPlayers,
  kinds: readonly [NatKind, NatKind],
  way: HomeOptions,
): Promise<readonly [Host, Host]> {
  const [a, b] = await Promise.all(
    kinds.map(async (kind) => lab.host({ net: await lab.home(kind, { movesPorts: true, ...way }) })),
  );
  return [a!, b!];
}

async function connectOften(
  players: LabPlayers,
  [one, other]: readonly [Host, Host],
  wanted: readonly [string, string],
  tries: number,
): Promise<PairResult[]> {
  const a = await startPlayer(players, one);
  const b = await startPlayer(players, other, a.lobby);
  const met: PairResult[] = [];
  for (let at = 0; at < tries; at++) met.push(await connectPair("", a, b, wanted, PATIENCE));
  await Promise.all([a.program.end(), b.program.end()]);
  return met;
}

function rowOf(name: string, met: readonly PairResult[]): string[] {
  const [first, final] = [met.map(({ first_ms }) => first_ms), met.map(({ ms }) => ms)];
  const quantiles = [quantile(first, 0.5), quantile(first, 0.95), Math.max(...first)];
  const finals = [quantile(final, 0.5), Math.max(...final)];
  const wanted = met.filter(({ isAsWanted }) => isAsWanted).length;
  return [name, `${wanted} of ${met.length}`, ...[...quantiles, ...finals].map(formatInteger)];
}
