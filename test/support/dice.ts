/** Seeded random numbers, the same in every run (mulberry32). */

/** Whole numbers below 2^32. */
export function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Whole numbers below `sides`. */
export function diceOf(seed: number): (sides: number) => number {
  const next = numbersOf(seed);
  return (sides) => next() % sides;
}

/** Fractions from 0 to below 1. */
export function seeded(seed: number): () => number {
  const next = numbersOf(seed);
  return () => next() / 4_294_967_296;
}
