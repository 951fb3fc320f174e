/** Counts outcomes of introductions (shared/connect/outcomes.ts): decides which count, and when they are stored. */
import { type Connection, wasDirect } from "#shared/connect/connection.ts";
import { OUTCOMES_WRITE_DELAY_MS } from "#shared/limits.ts";
import { Outcomes } from "#shared/connect/outcomes.ts";
import type { Store } from "../store.ts";

export class OutcomeStats {
  readonly outcomes: Outcomes;
  readonly #store: Store;
  /** Introductions that count, with their pair of NAT types. */
  readonly #counted = new Map<string, string>();
  #unsaved_since: number | null = null;

  constructor(store: Store) {
    this.#store = store;
    this.outcomes = new Outcomes(store.outcomes());
  }

  /** Starts counting an introduction in which a direct path is tried. */
  begin(id: string, pair: string, sources: readonly string[], now: number): void {
    if (this.outcomes.mayCount(sources, now)) this.#counted.set(id, pair);
  }

  /** Counts the outcome once. */
  end(connection: Connection, now: number): void {
    const pair = this.#counted.get(connection.id);
    const direct = wasDirect(connection);
    this.#counted.delete(connection.id);
    if (pair === undefined || direct === null) return;
    this.outcomes.add(pair, direct);
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
