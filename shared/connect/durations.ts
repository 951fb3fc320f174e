/** Histograms of durations. Counts of several hubs add up, and no single duration can be read from them. */

/** Upper bounds of the buckets, in ms. A further bucket holds what is longer. */
export const DURATION_BOUNDS_MS = [
  50, 100, 150, 200, 250, 300, 400, 500, 700, 1_000, 1_400, 2_000, 3_000, 5_000, 10_000, 20_000,
] as const;

/** The count of each bucket. */
export type Durations = readonly number[];

export const NO_DURATIONS: Durations = Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, () => 0);

export function addDuration(all: Durations, ms: number): Durations {
  const bucket = DURATION_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return all.with(bucket, all.at(bucket)! + 1);
}

export const mergeDurations = (a: Durations, b: Durations): Durations => a.map((count, at) => count + b[at]!);

export const halveDurations = (all: Durations): Durations => all.map((count) => Math.floor(count / 2));

export const countDurations = (all: Durations): number => all.reduce((sum, count) => sum + count, 0);

/** The duration below which this share lies, interpolated within its bucket; null without any. */
export function quantileOf(all: Durations, share: number): number | null {
  const total = countDurations(all);
  if (total === 0) return null;
  let below = 0;
  for (const [at, bound] of DURATION_BOUNDS_MS.entries()) {
    const within = all[at]!;
    if (within > 0 && below + within >= share * total) {
      const from = DURATION_BOUNDS_MS[at - 1] ?? 0;
      return Math.round(from + ((bound - from) * (share * total - below)) / within);
    }
    below += within;
  }
  return DURATION_BOUNDS_MS.at(-1)!;
}
