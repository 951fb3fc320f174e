/** Sets of whole numbers as sorted half-open ranges: numbers of datagrams, or bytes of a stream. */

export type Range = readonly [from: number, to: number];

export class Ranges {
  #ranges: [from: number, to: number][] = [];

  get size(): number {
    return this.#ranges.length;
  }

  /** Ascending. */
  get all(): readonly Range[] {
    return this.#ranges;
  }

  get first(): Range | undefined {
    return this.#ranges[0];
  }

  /** The number of elements. */
  get count(): number {
    return this.#ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  has(number: number): boolean {
    const range = this.#ranges[this.#after(number) - 1];
    return range !== undefined && number < range[1];
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    let begin = this.#after(from);
    // A range that ends where this one begins is merged.
    if (begin > 0 && this.#ranges[begin - 1]![1] >= from) begin--;
    let end = begin;
    let [low, high] = [from, to];
    while (end < this.#ranges.length && this.#ranges[end]![0] <= to) {
      low = Math.min(low, this.#ranges[end]![0]);
      high = Math.max(high, this.#ranges[end]![1]);
      end++;
    }
    if (end === begin + 1) this.#ranges[begin] = [low, high];
    else this.#ranges.splice(begin, end - begin, [low, high]);
  }

  subtract(from: number, to: number): void {
    if (from >= to || this.#ranges.length === 0) return;
    let begin = this.#after(from);
    if (begin > 0 && this.#ranges[begin - 1]![1] > from) begin--;
    let end = begin;
    const rest: [number, number][] = [];
    while (end < this.#ranges.length && this.#ranges[end]![0] < to) {
      const [low, high] = this.#ranges[end]!;
      if (low < from) rest.push([low, from]);
      if (high > to) rest.push([to, high]);
      end++;
    }
    this.#ranges.splice(begin, end - begin, ...rest);
  }

  /** Removes the lowest ranges until `ranges_max` are left. Returns the start of the lowest one left. */
  keep(ranges_max: number): number {
    if (this.#ranges.length > ranges_max) this.#ranges.splice(0, this.#ranges.length - ranges_max);
    return this.#ranges[0]?.[0] ?? 0;
  }

  /** The index of the first range that begins after the number. */
  #after(number: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]![0] <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
