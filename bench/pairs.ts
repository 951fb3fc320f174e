/** Time to direct: two peers of ours behind every pair of routers of the tests' laboratory, and whatever they end on. */
import { bundleHub } from "../tools/run/hub.ts";
import { everyKind, type Met, meetAll } from "../test/lab/connect.ts";
import { labIsMissing } from "../test/lab/space.ts";
import { Town } from "../test/lab/lab-players.ts";
import { quantile, table, whole } from "./measure.ts";

const TRIES = 3;
/** What each one's link adds each way: from one to the other and back it is 80 ms. */
const WAY = { delay_ms: 20 };

/** Of each pair the path and the median of its tries; where there are no namespaces, a line says why not. */
export async function pairs(): Promise<void> {
  if (labIsMissing()) return;
  const town = await Town.open(await bundleHub());
  try {
    await town.house.addSidecar(await town.lab.host());
    const players = await everyKind(town, WAY);
    const tries: Met[][] = [];
    for (let time = 0; time < TRIES; time++) tries.push(await meetAll(players, 0));
    table([
      ["from the introduction to the path", "path", "p50 ms"],
      ...tries[0]!.map(({ pair }, at) => {
        const met = tries.map((rows) => rows[at]!);
        return [
          pair.replace(" ", " and "),
          pathsOf(met),
          whole(
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

const pathsOf = (met: readonly Met[]): string =>
  [...new Set(met.map(({ isAsWanted, paths }) => (isAsWanted ? String(paths[0]) : "none")))].join(", ");
