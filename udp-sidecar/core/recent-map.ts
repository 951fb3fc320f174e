/**
 * A map of bounded size that forgets what was not used recently. It keeps two generations and drops the older one when
 * the younger is full, so that a lookup is cheap and a flood of new keys does not remove keys in use.
 */
export class RecentMap<K, V> {
  readonly #generation_max: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(size_max: number) {
    this.#generation_max = Math.max(1, Math.floor(size_max / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#generation_max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
