/** Benchmarks paths of native peers in network namespaces, and writes the tables of docs/internals/nat.md. */
import { isLabMissing } from "../../test/lab/lab-namespaces.ts";
import { printTable } from "../measure.ts";
import { measureFamilies, measureLoss, measureNetworks, measurePairs } from "./connect-times.ts";
import { measureLongTalk } from "./relayed-pair.ts";
import { measureSilences } from "./silences.ts";
import * as tables from "./tables.ts";

/** Prints the time of each pair of routers. Without network namespaces it prints the reason instead. */
export async function benchPairs(): Promise<void> {
  if (!isLabMissing()) print(tables.pairTable(await measurePairs()));
}

/** Prints all tables as they are measured, and writes them. Without network namespaces it prints the reason instead. */
export async function benchPaths(): Promise<void> {
  if (isLabMissing()) return;
  await tables.writeTables([
    print(tables.pairTable(await measurePairs())),
    print(tables.networkTable(await measureNetworks())),
    print(tables.familyTable(await measureFamilies())),
    print(tables.lossTable(await measureLoss())),
    print(tables.silenceTable(await measureSilences())),
    print(tables.talkTable(await measureLongTalk())),
  ]);
}

function print(rows: tables.Rows): tables.Rows {
  printTable(rows);
  return rows;
}
