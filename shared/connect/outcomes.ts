/**
 * Outcomes of introductions, counted by pair of NATs. Introductions skip pairs that almost never succeed, and the counts are
 * published as statistics from which no peer can be identified.
 *
 * - A pair with a very low success rate is skipped (nat-advice.ts); every sixteenth attempt is made anyway, because routers
 *   change.
 * - Counts are published in steps of 20 attempts, so that two publications do not reveal a single outcome. A source
 *   contributes four at once, then one in ten minutes, so that no network dominates.
 * - At 1,000 outcomes every count is halved, so that recent outcomes weigh more.
 *
 * The times to a first path and to a direct one are histograms, so that they add up over hubs.
 */
import { BucketTable } from "../rate-limit/token-bucket.ts";
import * as limits from "../limits.ts";
import { addDuration, type Durations, halveDurations, mergeDurations, NO_DURATIONS } from "./durations.ts";
import type { Outcomes as Known } from "./nat-advice.ts";

/** `tries`: introductions that tried a direct path. Times are from the introduction. */
export type Count = {
  readonly introductions: number;
  readonly tries: number;
  readonly direct: number;
  readonly first_path: Durations;
  readonly direct_path: Durations;
};
/** `shown`: as published at the last step. */
type Kept = Count & { readonly shown: Count };
/** As published. */
export type PairStats = Count & { readonly nat_pair: string };
export type KeptOutcomes = Readonly<Record<string, Kept>>;

/** How one introduction ended; `direct`: null if no direct path was tried. */
export type PairOutcome = {
  readonly direct: boolean | null;
  readonly first_path_ms: number | null;
  readonly direct_path_ms: number | null;
};

const NOTHING: Count = { introductions: 0, tries: 0, direct: 0, first_path: NO_DURATIONS, direct_path: NO_DURATIONS };

export class Outcomes {
  readonly #pairs: Map<string, Kept>;
  readonly #sources: BucketTable;
  readonly #skipped = new Map<string, number>();

  constructor(kept: KeptOutcomes) {
    this.#pairs = new Map(Object.entries(kept));
    this.#sources = new BucketTable(limits.OUTCOMES_PER_SOURCE, limits.OUTCOME_SOURCES_MAX);
  }

  /** The counts of a pair; null where they are unknown or the attempt is to be made anyway. */
  readonly known: Known = (pair) => {
    const count = this.#pairs.get(pair);
    if (count === undefined || !isDoomed(count)) return count ?? null;
    const skipped = this.#skipped.get(pair) ?? 0;
    this.#skipped.set(pair, (skipped + 1) % limits.OUTCOMES_RETRY_EVERY);
    return skipped === limits.OUTCOMES_RETRY_EVERY - 1 ? null : count;
  };

  /** Whether an attempt between these sources counts. Decided before the attempt, so that its outcome has no influence. */
  mayCount(sources: readonly string[], now: number): boolean {
    const different = [...new Set(sources)];
    if (different.some((source) => this.#sources.remaining(source, now) < 1)) return false;
    for (const source of different) this.#sources.consume(source, now);
    return true;
  }

  add(pair: string, { direct, first_path_ms, direct_path_ms }: PairOutcome): void {
    const { shown, ...known } = this.#pairs.get(pair) ?? { ...NOTHING, shown: NOTHING };
    const next = {
      introductions: known.introductions + 1,
      tries: known.tries + (direct === null ? 0 : 1),
      direct: known.direct + (direct === true ? 1 : 0),
      first_path: first_path_ms === null ? known.first_path : addDuration(known.first_path, first_path_ms),
      direct_path: direct_path_ms === null ? known.direct_path : addDuration(known.direct_path, direct_path_ms),
    };
    const step = next.introductions - shown.introductions >= limits.STATS_SAMPLES_MIN;
    this.#pairs.set(
      pair,
      next.introductions >= limits.OUTCOMES_MAX ? halved(next) : { ...next, shown: step ? next : shown },
    );
  }

  toRow(): KeptOutcomes {
    return Object.fromEntries(this.#pairs);
  }

  /** The public statistics. */
  published(): PairStats[] {
    const pairs = [...this.#pairs].filter(([, { shown }]) => shown.introductions > 0);
    return pairs.map(([nat_pair, { shown }]) => ({ nat_pair, ...shown }));
  }
}

/** The statistics of one pair at two hubs. */
export const mergePairStats = (a: PairStats, b: PairStats): PairStats => ({
  nat_pair: a.nat_pair,
  introductions: a.introductions + b.introductions,
  tries: a.tries + b.tries,
  direct: a.direct + b.direct,
  first_path: mergeDurations(a.first_path, b.first_path),
  direct_path: mergeDurations(a.direct_path, b.direct_path),
});

const isDoomed = ({ tries, direct }: Pick<Count, "tries" | "direct">): boolean =>
  tries >= limits.OUTCOMES_MIN && direct < tries * limits.OUTCOMES_DIRECT_MIN;

function halved({ introductions, tries, direct, first_path, direct_path }: Count): Kept {
  const half = {
    introductions: Math.floor(introductions / 2),
    tries: Math.floor(tries / 2),
    direct: Math.floor(direct / 2),
    first_path: halveDurations(first_path),
    direct_path: halveDurations(direct_path),
  };
  return { ...half, shown: half };
}
