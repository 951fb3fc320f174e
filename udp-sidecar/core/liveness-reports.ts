/**
 * Whose signs of life the hub has been told of: of the first that comes with each ticket, and of one after a long silence.
 * Of those between it hears nothing. Bounded: who was heard longest ago is forgotten first, and told of once more.
 */
import { SIGN_MS, SIGNS_MAX } from "#shared/limits.ts";
import type { Liveness } from "../protocols/wire.ts";

export class LivenessReports {
  /** Who was heard when, the one who was heard longest ago first. */
  readonly #lastSeen = new Map<string, number>();

  get size(): number {
    return this.#lastSeen.size;
  }

  /** Whether this sign is to be told. */
  shouldReport(sign: Liveness, now: number): boolean {
    const key = keyOf(sign);
    const before = this.#lastSeen.get(key) ?? -Infinity;
    this.#lastSeen.delete(key);
    this.#lastSeen.set(key, now);
    if (this.#lastSeen.size > SIGNS_MAX) this.#lastSeen.delete(this.#lastSeen.keys().next().value!);
    return now - before > SIGN_MS;
  }

  /** The hub was not told after all. */
  forget(sign: Liveness): void {
    this.#lastSeen.delete(keyOf(sign));
  }
}

const keyOf = ({ name, peer, expires_at_s }: Liveness): string => `${name} ${peer} ${expires_at_s}`;
