/**
 * Recent events with increasing sequence numbers, so that a client that reconnects can resume after the last number it
 * received. Bounded; a client that missed dropped events needs a snapshot. A number is at least its time in ms x 1,000, so
 * numbers still increase after a hub hibernated and lost the buffer.
 */

/** The smallest sequence number of a time (ms since the epoch). */
export const firstSeqAt = (at: number): number => at * NUMBERS_PER_MS;

type BufferedItem<T> = { readonly seq: number; readonly item: T; readonly weight: number };

/** More than the events of one millisecond; below 2^53 until the year 2255. */
const NUMBERS_PER_MS = 1_000;

export class ReplayBuffer<T> {
  readonly #items: BufferedItem<T>[] = [];
  readonly #items_max: number;
  readonly #weight_max: number;
  #weight = 0;
  #seq: number;
  /** Every event after this number is buffered. */
  #complete_since: number;

  constructor(items_max: number, weight_max: number, now: number) {
    this.#items_max = items_max;
    this.#weight_max = weight_max;
    this.#seq = firstSeqAt(now);
    this.#complete_since = this.#seq;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Appends an item and returns its sequence number. */
  add(item: T, weight: number, now: number): number {
    this.#seq = Math.max(this.#seq + 1, firstSeqAt(now));
    this.#items.push({ seq: this.#seq, item, weight });
    this.#weight += weight;
    while (this.#items.length > this.#items_max || this.#weight > this.#weight_max) {
      const dropped = this.#items.shift()!;
      this.#weight -= dropped.weight;
      this.#complete_since = dropped.seq;
    }
    return this.#seq;
  }

  /** The items after a number, or null where some were dropped. */
  since(seq: number): readonly { readonly seq: number; readonly item: T }[] | null {
    if (seq < this.#complete_since || seq > this.#seq) return null;
    return this.#items.filter((item) => item.seq > seq);
  }
}
