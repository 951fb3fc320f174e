/** Benchmarks connection setup: two native peers behind every pair of NATs of the laboratory, and the path they get. */
import { bundleHub } from "../tools/run/hub.ts";
import { startTwoOfEachKind, type PairResult, connectAllPairs } from "../test/lab/connect-pairs.ts";
import { isLabMissing } from "../test/lab/lab-namespaces.ts";
import { LabPlayers } from "../test/lab/lab-players.ts";
import { quantile, printTable, formatInteger } from "./measure.ts";

const TRIES = 3;
/** The delay of each peer's link in each direction: 80 ms for a round trip between two peers. */
const WAY = { delay_ms: 20 };

/** Prints the path and the median time of each pair. Without network namespaces it prints the reason instead. */
export async function benchNatPairs(): Promise<void> {
  if (isLabMissing()) return;
  const town = await LabPlayers.open(await bundleHub());
  try {
    await town.stack.addSidecar(await town.lab.host());
    const players = await startTwoOfEachKind(town, WAY);
    const tries: PairResult[][] = [];
    for (let time = 0; time < TRIES; time++) tries.push(await connectAllPairs(players));
    printTable([
      ["time from introduction to path", "path", "p50 ms"],
      ...tries[0]!.map(({ pair }, at) => {
        const met = tries.map((rows) => rows[at]!);
        return [
          pair.replace(" ", " and "),
          pathsOf(met),
          formatInteger(
            quantile(
              met.map(({ ms }) => ms),
              0.5,
            ),
          ),
        ];
      }),
    ]);
  } finally {
    await town.close();
  }
}

const pathsOf = (met: readonly PairResult[]): string =>
  [...new Set(met.map(({ isAsWanted, paths }) => (isAsWanted ? String(paths[0]) : "none")))].join(", ");
