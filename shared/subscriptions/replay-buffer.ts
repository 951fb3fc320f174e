/**
 * What was told lately, under numbers that rise: who was away for a moment asks for what came behind the last number
 * he has seen. Bounded; what has fallen out of it cannot be replayed. Numbers are a thousand for each millisecond, and
 * never fall behind the time: so they rise across a hub that has slept and forgotten them, and never run ahead of it.
 */
/** The least number of a time (ms). */
export const firstSeqAt = (at: number): number => at * NUMBERS_PER_MS;

type BufferedItem<T> = { readonly seq: number; readonly item: T; readonly weight: number };

/** More than can be told in one; below 2^53 until the year 2255. */
const NUMBERS_PER_MS = 1_000;

export class ReplayBuffer<T> {
  readonly #kept: BufferedItem<T>[] = [];
  readonly #items_max: number;
  readonly #weight_max: number;
  #weight = 0;
  #seq: number;
  /** Everything behind this number is still here. */
  #whole_since: number;

  constructor(items_max: number, weight_max: number, now: number) {
    this.#items_max = items_max;
    this.#weight_max = weight_max;
    this.#seq = firstSeqAt(now);
    this.#whole_since = this.#seq;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Keeps an item and gives its number. */
  add(item: T, weight: number, now: number): number {
    this.#seq = Math.max(this.#seq + 1, firstSeqAt(now));
    this.#kept.push({ seq: this.#seq, item, weight });
    this.#weight += weight;
    while (this.#kept.length > this.#items_max || this.#weight > this.#weight_max) {
      const gone = this.#kept.shift()!;
      this.#weight -= gone.weight;
      this.#whole_since = gone.seq;
    }
    return this.#seq;
  }

  /** What came behind a number, or null where that is not known for certain. */
  since(seq: number): readonly { readonly seq: number; readonly item: T }[] | null {
    if (seq < this.#whole_since || seq > this.#seq) return null;
    return this.#kept.filter((kept) => kept.seq > seq);
  }
}
