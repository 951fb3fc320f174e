/** Prints the tables of the message benchmark; also runs alone: `npx node bench/messages-table.ts`. */
import { printTable, formatInteger } from "./measure.ts";
import {
  DATAGRAM_BYTES,
  measureLatency,
  measurePlainUdp,
  POSITION_BYTES,
  measureReliable,
  measureUnreliable,
} from "./messages.ts";

const MB = 1_000_000;

export async function benchMessages(): Promise<void> {
  const [full, small] = [await measurePlainUdp(DATAGRAM_BYTES), await measurePlainUdp(POSITION_BYTES)];
  const [bulk, separate, combined] = [
    await measureReliable(),
    await measureUnreliable(true),
    await measureUnreliable(false),
  ];
  printTable([
    ["both ends, per CPU-second", "messages", "MB", "ratio to UDP"],
    [
      `plain UDP, ${DATAGRAM_BYTES} bytes`,
      formatInteger(full.each_per_cpu_s),
      (full.bytes_per_cpu_s / MB).toFixed(1),
      "1.00",
    ],
    [
      "reliable, 64 KiB",
      formatInteger(bulk.each_per_cpu_s),
      (bulk.bytes_per_cpu_s / MB).toFixed(1),
      ratio(bulk.bytes_per_cpu_s, full.bytes_per_cpu_s),
    ],
    [
      `plain UDP, ${POSITION_BYTES} bytes`,
      formatInteger(small.each_per_cpu_s),
      (small.bytes_per_cpu_s / MB).toFixed(1),
      "1.00",
    ],
    ...(
      [
        ["unreliable, NoNagle", separate],
        ["unreliable, combined", combined],
      ] as const
    ).map(([label, { each_per_cpu_s, bytes_per_cpu_s }]) => [
      `${label}, ${POSITION_BYTES} bytes`,
      formatInteger(each_per_cpu_s),
      (bytes_per_cpu_s / MB).toFixed(1),
      ratio(each_per_cpu_s, small.each_per_cpu_s),
    ]),
  ]);
  const rows: string[][] = [];
  for (const loss of [0, 0.05]) {
    for (const isReliable of [true, false]) {
      const { p50_ms, p99_ms, lost } = await measureLatency(isReliable, loss);
      const label = `${isReliable ? "reliable" : "unreliable"}, ${100 * loss} % loss`;
      rows.push([label, p50_ms.toFixed(2), p99_ms.toFixed(2), `${(100 * lost).toFixed(1)} %`]);
    }
  }
  printTable([["a small message beside a large one", "p50 ms", "p99 ms", "lost"], ...rows]);
}

if (import.meta.main) await benchMessages();

function ratio(ours: number, theirs: number): string {
  return (ours / theirs).toFixed(2);
}
