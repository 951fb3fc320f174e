/**
 * Outcomes of introductions, counted by pair of NATs. Introductions skip pairs that almost never succeed, and the counts are
 * published as statistics from which no peer can be identified.
 *
 * - A pair with a very low success rate is skipped (nat-advice.ts); every sixteenth attempt is made anyway, because routers
 *   change.
 * - Counts are published in steps of 20 attempts, so that two publications do not reveal a single outcome. A source
 *   contributes four at once, then one in ten minutes, so that no network dominates.
 * - At 1,000 attempts both counts are halved, so that recent outcomes weigh more.
 */
import { BucketTable } from "../rate-limit/token-bucket.ts";
import * as limits from "../limits.ts";
import type { Outcomes as Known } from "./nat-advice.ts";

export type Count = { readonly tries: number; readonly direct: number };
/** `shown`: as published at the last step. */
type Kept = Count & { readonly shown: Count };
export type KeptOutcomes = Readonly<Record<string, Kept>>;

const NOTHING: Count = { tries: 0, direct: 0 };

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

  add(pair: string, direct: boolean): void {
    const known = this.#pairs.get(pair) ?? { ...NOTHING, shown: NOTHING };
    const next = { tries: known.tries + 1, direct: known.direct + (direct ? 1 : 0) };
    const step = next.tries - known.shown.tries >= limits.STATS_SAMPLES_MIN;
    const kept = { ...next, shown: step ? next : known.shown };
    this.#pairs.set(pair, kept.tries >= limits.OUTCOMES_MAX ? halved(kept) : kept);
  }

  toRow(): KeptOutcomes {
    return Object.fromEntries(this.#pairs);
  }

  /** The public statistics. */
  published(): ({ readonly nat_pair: string } & Count)[] {
    const pairs = [...this.#pairs].filter(([, { shown }]) => shown.tries > 0);
    return pairs.map(([nat_pair, { shown }]) => ({ nat_pair, ...shown }));
  }
}

const isDoomed = ({ tries, direct }: Count): boolean =>
  tries >= limits.OUTCOMES_MIN && direct < tries * limits.OUTCOMES_DIRECT_MIN;

function halved({ tries, direct }: Count): Kept {
  const half = { tries: Math.floor(tries / 2), direct: Math.floor(direct / 2) };
  return { ...half, shown: half };
}
