/** The longest silence of two peers that send to each other all the time, and the path that each uses. */
import { setTimeout as passes } from "node:timers/promises";
import { expect } from "vitest";
import type { Player } from "./connect-pairs.ts";

const PATIENCE = { within_ms: 60_000 };
/** Longer than every silence that is allowed. */
const OBSERVED_MS = 4_000;
/** A path is established for this time before it is broken. */
const SETTLE_MS = 1_000;
const POLL = { timeout: 30_000, interval: 200 };
/** What a loaded test machine adds to the limits, which hold on an idle one. */
const SLACK_MS = 1_000;

type Gaps = { readonly longest_ms: number; readonly received: number; readonly path: unknown };

export class Silence {
  readonly #ends: readonly (readonly [Player, Player])[];

  constructor(a: Player, b: Player) {
    this.#ends = [
      [a, b],
      [b, a],
    ];
  }

  /** Starts the measurement. */
  async start(): Promise<void> {
    await this.#gaps();
  }

  /** Waits until both receive each other, and starts the measurement. */
  async settle(): Promise<void> {
    const began = performance.now();
    await passes(SETTLE_MS);
    do await this.start();
    while (!(await this.#areHeard()) && performance.now() - began < POLL.timeout);
    await this.start();
  }

  async #areHeard(): Promise<boolean> {
    await passes(POLL.interval);
    return (await this.#gaps()).every(({ received }) => received > 0);
  }

  /** Both receive each other again, were never silent for longer than this since the start, and use this path. */
  async expectWithin(what: string, most_ms: number, path: string): Promise<void> {
    const longest_ms = await this.measure();
    if (process.env["PARLEY_TABLE"] !== undefined) console.log(what, longest_ms, "ms");
    expect(longest_ms).toBeLessThan(most_ms + SLACK_MS);
    await expect.poll(() => this.paths(), POLL).toStrictEqual([path, path]);
  }

  /** The longest silence since the start, in ms, once both receive each other again. */
  async measure(): Promise<number> {
    const longest: number[] = [];
    const began = performance.now();
    // The silence may begin only some time after the failure.
    for (;;) {
      const all = await this.#gaps();
      longest.push(...all.map(({ longest_ms }) => longest_ms));
      const passed_ms = performance.now() - began;
      if (passed_ms > OBSERVED_MS && all.every(({ received }) => received > 0)) return Math.max(...longest);
      if (passed_ms > POLL.timeout) return Infinity;
      await passes(POLL.interval);
    }
  }

  async paths(): Promise<unknown[]> {
    return (await this.#gaps()).map(({ path }) => path);
  }

  #gaps(): Promise<Gaps[]> {
    return Promise.all(
      this.#ends.map(async ([one, other]) => {
        const from = one.program.lines.length;
        one.program.send({ gaps: other.id });
        const line = await one.program.waitForLine((said) => said["gaps"] === other.id, { from, ...PATIENCE });
        return { longest_ms: Number(line["longest_ms"]), received: Number(line["got"]), path: line["path"] };
      }),
    );
  }
}

/** The first connects to the other. Once both have this path, both send to each other. */
export async function play(a: Player, b: Player, path: string): Promise<Silence> {
  const from = [a.program.lines.length, b.program.lines.length] as const;
  a.program.send({ connect: b.id });
  await Promise.all([becomes(a, b, path, from[0]), becomes(b, a, path, from[1])]);
  a.program.send({ play: b.id });
  b.program.send({ play: a.id });
  return new Silence(a, b);
}

/** Waits until one peer uses this path to the other, in the lines from this one on. */
export async function becomes(one: Player, other: Player, path: string, from: number): Promise<void> {
  await one.program.waitForLine((line) => line["peer"] === other.id && line["path"] === path, { from, ...PATIENCE });
}
