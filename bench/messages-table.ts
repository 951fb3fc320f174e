/** The tables of the messages, alone: `node bench/messages-table.ts`. */
import { table, whole } from "./measure.ts";
import { DATAGRAM_BYTES, latency, plain, POSITION_BYTES, reliable, unreliable } from "./messages.ts";

const MB = 1_000_000;

export async function messages(): Promise<void> {
  const [full, small] = [await plain(DATAGRAM_BYTES), await plain(POSITION_BYTES)];
  const [level, alone, together] = [await reliable(), await unreliable(true), await unreliable(false)];
  table([
    ["both ends, per CPU-second", "messages", "MB", "beside UDP"],
    [`plain UDP, ${DATAGRAM_BYTES} bytes`, whole(full.each_per_cpu_s), (full.bytes_per_cpu_s / MB).toFixed(1), "1.00"],
    [
      "reliable, 64 KiB",
      whole(level.each_per_cpu_s),
      (level.bytes_per_cpu_s / MB).toFixed(1),
      beside(level.bytes_per_cpu_s, full.bytes_per_cpu_s),
    ],
    [
      `plain UDP, ${POSITION_BYTES} bytes`,
      whole(small.each_per_cpu_s),
      (small.bytes_per_cpu_s / MB).toFixed(1),
      "1.00",
    ],
    ...(
      [
        ["unreliable, NoNagle", alone],
        ["unreliable, together", together],
      ] as const
    ).map(([what, { each_per_cpu_s, bytes_per_cpu_s }]) => [
      `${what}, ${POSITION_BYTES} bytes`,
      whole(each_per_cpu_s),
      (bytes_per_cpu_s / MB).toFixed(1),
      beside(each_per_cpu_s, small.each_per_cpu_s),
    ]),
  ]);
  const rows: string[][] = [];
  for (const loss of [0, 0.05]) {
    for (const isReliable of [true, false]) {
      const { p50_ms, p99_ms, lost } = await latency(isReliable, loss);
      const what = `${isReliable ? "reliable" : "unreliable"}, ${100 * loss} % loss`;
      rows.push([what, p50_ms.toFixed(2), p99_ms.toFixed(2), `${(100 * lost).toFixed(1)} %`]);
    }
  }
  table([["a small message beside a level", "p50 ms", "p99 ms", "not there"], ...rows]);
}

if (import.meta.main) await messages();

function beside(ours: number, theirs: number): string {
  return (ours / theirs).toFixed(2);
}
