/**
 * A priority queue of values by time, as a binary heap. Values with equal times leave in the order in which they were
 * added.
 */
export class TimerQueue<T> {
  #items: { at: number; order: number; value: T }[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** When the earliest value is due (ms on the clock of the caller), or null. */
  get nextAt(): number | null {
    return this.#items[0]?.at ?? null;
  }

  push(at: number, value: T): void {
    const items = this.#items;
    items.push({ at, order: this.#order++, value });
    let child = items.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Removes and returns the earliest value if it is due. */
  pop(now: number): T | undefined {
    const items = this.#items;
    const first = items[0];
    if (first === undefined || first.at > now) return undefined;
    const last = items.pop()!;
    if (items.length > 0) {
      items[0] = last;
      this.#sink(0);
    }
    return first.value;
  }

  /** Removes the values that are not to be kept. Takes as long as the queue has values. */
  retain(keeps: (value: T) => boolean): void {
    this.#items = this.#items.filter(({ value }) => keeps(value));
    for (let parent = (this.#items.length >> 1) - 1; parent >= 0; parent--) this.#sink(parent);
  }

  #sink(from: number): void {
    const { length } = this.#items;
    for (let parent = from; ;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let least = parent;
      if (left < length && this.#before(left, least)) least = left;
      if (right < length && this.#before(right, least)) least = right;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #before(a: number, b: number): boolean {
    const x = this.#items[a]!;
    const y = this.#items[b]!;
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const swapped = this.#items[a]!;
    this.#items[a] = this.#items[b]!;
    this.#items[b] = swapped;
  }
}
