/** Counts outcomes of introductions (shared/connect/outcomes.ts): decides which count, and when they are stored. */
import { type Connection, overallOutcome } from "#shared/connect/connection.ts";
import { OUTCOMES_WRITE_DELAY_MS } from "#shared/limits.ts";
import { IPV6_PAIR } from "#shared/connect/nat.ts";
import { Outcomes } from "#shared/connect/outcomes.ts";
import type { Store } from "../store.ts";

/** The pair of NAT types, and whether a direct path is tried. */
export type CountedPair = { readonly pair: string; readonly isTried: boolean };

export class OutcomeStats {
  readonly outcomes: Outcomes;
  readonly #store: Store;
  /** Introductions that count. */
  readonly #counted = new Map<string, CountedPair>();
  #unsaved_since: number | null = null;

  constructor(store: Store) {
    this.#store = store;
    this.outcomes = new Outcomes(store.outcomes());
  }

  /** Starts counting an introduction. */
  begin(id: string, counted: CountedPair, sources: readonly string[], now: number): void {
    if (this.outcomes.mayCount(sources, now)) this.#counted.set(id, counted);
  }

  /** Counts the outcome once. */
  end(connection: Connection, now: number): void {
    const counted = this.#counted.get(connection.id);
    const outcome = overallOutcome(connection);
    this.#counted.delete(connection.id);
    if (counted === undefined || outcome === null) return;
    // The NATs had no part in a path over IPv6.
    const pair = outcome.byIPv6 ? IPV6_PAIR : counted.pair;
    this.outcomes.add(pair, { ...outcome, direct: counted.isTried ? outcome.direct : null });
    this.#unsaved_since ??= now;
  }

  tick(now: number): void {
    if (now < this.deadline()) return;
    this.#store.saveOutcomes(this.outcomes.toRow());
    this.#unsaved_since = null;
  }

  deadline(): number {
    return this.#unsaved_since === null ? Infinity : this.#unsaved_since + OUTCOMES_WRITE_DELAY_MS;
  }
}
