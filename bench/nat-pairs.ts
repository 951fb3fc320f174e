/** Time to direct: two peers of ours behind every pair of routers of the tests' laboratory, and whatever they end on. */
import { bundleHub } from "../tools/run/hub.ts";
import { startTwoOfEachKind, type PairResult, connectAllPairs } from "../test/lab/connect-pairs.ts";
import { isLabMissing } from "../test/lab/lab-namespaces.ts";
import { LabPlayers } from "../test/lab/lab-players.ts";
import { quantile, printTable, formatInteger } from "./measure.ts";

const TRIES = 3;
/** What each one's link adds each way: from one to the other and back it is 80 ms. */
const WAY = { delay_ms: 20 };

/** Of each pair the path and the median of its tries; where there are no namespaces, a line says why not. */
export async function benchNatPairs(): Promise<void> {
  if (isLabMissing()) return;
  const town = await LabPlayers.open(await bundleHub());
  try {
    await town.stack.addSidecar(await town.lab.host());
    const players = await startTwoOfEachKind(town, WAY);
    const tries: PairResult[][] = [];
    for (let time = 0; time < TRIES; time++) tries.push(await connectAllPairs(players, 0));
    printTable([
      ["from the introduction to the path", "path", "p50 ms"],
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
