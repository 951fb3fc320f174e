/**
 * Whose signs of life the hub has been told of: of the first that comes with each ticket, and of one after a long silence.
 * Of those between it hears nothing. Bounded: who was heard longest ago is forgotten first, and told of once more.
 */
import { SIGN_MS, SIGNS_MAX } from "#shared/limits.ts";
import type { Sign } from "../protocols/wire.ts";

export class Signs {
  /** Who was heard when, the one who was heard longest ago first. */
  readonly #heard = new Map<string, number>();

  get size(): number {
    return this.#heard.size;
  }

  /** Whether this sign is to be told. */
  isNews(sign: Sign, now: number): boolean {
    const key = keyOf(sign);
    const before = this.#heard.get(key) ?? -Infinity;
    this.#heard.delete(key);
    this.#heard.set(key, now);
    if (this.#heard.size > SIGNS_MAX) this.#heard.delete(this.#heard.keys().next().value!);
    return now - before > SIGN_MS;
  }

  /** The hub was not told after all. */
  forget(sign: Sign): void {
    this.#heard.delete(keyOf(sign));
  }
}

const keyOf = ({ name, peer, expires_at_s }: Sign): string => `${name} ${peer} ${expires_at_s}`;
