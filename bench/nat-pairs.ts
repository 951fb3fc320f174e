/** Benchmarks connection setup: two native peers behind every pair of NATs of the laboratory, and the path they get. */
import { currentBundle } from "../tools/run/bundle.ts";
import { startTwoOfEachKind, type PairResult, connectAllPairs } from "../test/lab/connect-pairs.ts";
import { isLabMissing } from "../test/lab/lab-namespaces.ts";
import { LabPlayers } from "../test/lab/lab-players.ts";
import { quantile, printTable, formatInteger } from "./measure.ts";

const TRIES = 5;
/** The delay of each peer's link in each direction: 80 ms for a round trip between two peers. */
const WAY = { delay_ms: 20 };

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
