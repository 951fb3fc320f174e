/**
 * How introductions ended, by pair of NATs. It serves two: the next introduction of such a pair, which skips what is
 * doomed, and whoever reads the statistics, in which nobody must be found again.
 *
 * - Doomed is what hardly ever works (punch.ts); every sixteenth of those is tried all the same, for routers change.
 * - A pair is shown in steps of 20 tries, so that no single one can be told from the numbers before and after it, and an
 *   address contributes four at once, then one in ten minutes: they are many people's.
 * - At 1,000 tries both numbers are halved: what is new counts for more.
 */
import type { Stats } from "../api/service.ts";
import { BucketTable } from "../rate-limit/token-bucket.ts";
import * as limits from "../limits.ts";
import type { Outcomes as Known } from "./punch.ts";

export type Count = { readonly tries: number; readonly direct: number };
/** `shown`: as of the last step. */
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

  /** How such a pair fared; null where it is to be tried again. */
  readonly known: Known = (pair) => {
    const count = this.#pairs.get(pair);
    if (count === undefined || !isDoomed(count)) return count ?? null;
    const skipped = this.#skipped.get(pair) ?? 0;
    this.#skipped.set(pair, (skipped + 1) % limits.OUTCOMES_RETRY_EVERY);
    return skipped === limits.OUTCOMES_RETRY_EVERY - 1 ? null : count;
  };

  /** Whether a try between these addresses counts. Asked before it is made, so that its end does not matter. */
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

  /** What everybody may know. */
  published(): Stats["connections"] {
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
