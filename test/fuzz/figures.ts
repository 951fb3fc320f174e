/** What a run against a deployment came to: its lines, its row in the table, and what is beyond the limits. */
import { FIELDS, GROWTH_BYTES_MAX, megabytes, type Memory } from "./memory.ts";

const DELAY_MS_MAX = 100;

type Run = {
  /** Counted inputs, and those sent before. */
  readonly count: number;
  readonly warm_up: number;
  readonly warm: Memory;
  readonly end: Memory;
  /** 99th percentiles in ms: of the sidecar's event loop by its own work and by the clock, and of the hub's responses. */
  readonly delays: { readonly own: number; readonly late: number; readonly hub: number };
  /** What no longer works. */
  readonly broken: readonly string[];
};

export type Figures = {
  readonly faults: readonly string[];
  readonly lines: readonly string[];
  /** The cells of the table behind the target's name. */
  readonly cells: readonly string[];
};

export const HEADINGS = ["warm-up", "counted", "sidecar", "growth", "hub", "growth", "own delay", "delay", "hub"];

export function figuresOf({ count, warm_up, warm, end, delays, broken }: Run, faults: readonly string[]): Figures {
  const growths = FIELDS.map(([name, of]) => ({ name, warm: of(warm), growth: of(end) - of(warm) }));
  const lines = [
    ...growths.map(
      (one) =>
        `${one.name}: ${megabytes(one.warm)} MB warm, grown by ${megabytes(one.growth)} MB: ${verdict(one.growth <= GROWTH_BYTES_MAX)}`,
    ),
    `p99 of the sidecar's event loop by its own work: ${delays.own.toFixed(0)} ms: ${verdict(delays.own < DELAY_MS_MAX)}`,
    `p99 by the clock, with what else runs on this machine: event loop ${delays.late.toFixed(0)} ms, hub's response ${delays.hub.toFixed(0)} ms`,
  ];
  const [heap, rss, hubHeap, hubRss] = growths.map(({ growth }) => megabytes(growth));
  return {
    faults: [...faults, ...broken, ...lines.filter((line) => line.endsWith(verdict(false)))],
    lines,
    cells: [
      warm_up.toLocaleString("en"),
      count.toLocaleString("en"),
      `${megabytes(warm.sidecar.heap)} / ${megabytes(warm.sidecar.resident)}`,
      `${heap} / ${rss}`,
      `${megabytes(warm.hub.heap)} / ${megabytes(warm.hub.resident)}`,
      `${hubHeap} / ${hubRss}`,
      ...[delays.own, delays.late, delays.hub].map((ms) => ms.toFixed(0)),
    ],
  };
}

const verdict = (passed: boolean): string => (passed ? "PASS" : "FAIL");
