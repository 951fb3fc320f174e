/**
 * Decides which keepalives the hub gets: the first with each ticket, and the first after a long silence. The table is
 * bounded: it forgets the longest silent entry first, and then reports it once more.
 */
import { LIVENESS_REPORT_MS, LIVENESS_REPORTS_MAX } from "#shared/limits.ts";
import type { Liveness } from "../protocols/wire.ts";

export class LivenessReports {
  /** When each ticket was last seen, in that order. */
  readonly #lastSeen = new Map<string, number>();

  get size(): number {
    return this.#lastSeen.size;
  }

  /** Whether this keepalive is to be reported. */
  shouldReport(liveness: Liveness, now: number): boolean {
    const key = keyOf(liveness);
    const previous = this.#lastSeen.get(key) ?? -Infinity;
    this.#lastSeen.delete(key);
    this.#lastSeen.set(key, now);
    if (this.#lastSeen.size > LIVENESS_REPORTS_MAX) this.#lastSeen.delete(this.#lastSeen.keys().next().value!);
    return now - previous > LIVENESS_REPORT_MS;
  }

  /** The report was not accepted. */
  forget(liveness: Liveness): void {
    this.#lastSeen.delete(keyOf(liveness));
  }
}

const keyOf = ({ name, peer, expires_at_s }: Liveness): string => `${name} ${peer} ${expires_at_s}`;
