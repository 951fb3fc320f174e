import { describe, expect, test } from "vitest";
import { OUTCOMES_MAX, OUTCOMES_MIN, STATS_SAMPLES_MIN } from "#shared/limits.ts";
import { NO_DURATIONS, quantileOf } from "#shared/connect/durations.ts";
import { mergePairStats, type PairOutcome, Outcomes } from "#shared/connect/outcomes.ts";

const PAIR = "cone/random";
const NO_TIMES = { first_path: NO_DURATIONS, direct_path: NO_DURATIONS };

const ended = (direct: boolean | null): PairOutcome => ({ direct, first_path_ms: null, direct_path_ms: null });

function after(directs: readonly boolean[], outcomes = new Outcomes({})): Outcomes {
  for (const direct of directs) outcomes.add(PAIR, ended(direct));
  return outcomes;
}
const all = (count: number, direct: boolean): boolean[] => Array.from({ length: count }, () => direct);

test("published counts change in steps, and are exact at each step", () => {
  const outcomes = new Outcomes({});
  for (let tries = 1; tries <= 100; tries++) {
    outcomes.add(PAIR, ended(tries % 2 === 0));
    const step = tries - (tries % STATS_SAMPLES_MIN);
    const line = { nat_pair: PAIR, introductions: step, tries: step, direct: step / 2, ...NO_TIMES };
    expect([tries, outcomes.published()]).toStrictEqual([tries, step === 0 ? [] : [line]]);
  }
});

test("both counts are halved at a thousand, in a step that is published anyway", () => {
  const outcomes = after([...all(OUTCOMES_MAX / 2, true), ...all(OUTCOMES_MAX / 2, false)]);
  expect(outcomes.published()).toStrictEqual([
    { nat_pair: PAIR, introductions: 500, tries: 500, direct: 250, ...NO_TIMES },
  ]);
  expect(OUTCOMES_MAX % STATS_SAMPLES_MIN).toBe(0);
});

test("a stored row restores the same counts", () => {
  const outcomes = after(all(30, true));
  const again = new Outcomes(JSON.parse(JSON.stringify(outcomes.toRow())));
  expect([again.published(), again.toRow()]).toStrictEqual([outcomes.published(), outcomes.toRow()]);
});

test("times are published as quantiles that add up over hubs, also where no direct path was tried", () => {
  const outcomes = new Outcomes({});
  for (let at = 0; at < STATS_SAMPLES_MIN; at++) {
    const isTried = at < 10;
    outcomes.add(PAIR, {
      direct: isTried ? true : null,
      first_path_ms: at === 19 ? 60_000 : 220,
      direct_path_ms: isTried ? 90 : null,
    });
  }
  const [line] = outcomes.published();
  expect(line).toMatchObject({ introductions: 20, tries: 10, direct: 10 });
  const both = mergePairStats(line!, line!);
  expect(both).toMatchObject({ nat_pair: PAIR, introductions: 40, tries: 20, direct: 20 });
  for (const { first_path, direct_path } of [line!, both]) {
    expect(quantileOf(first_path, 0.5)).toBeGreaterThan(200);
    expect(quantileOf(first_path, 0.5)).toBeLessThanOrEqual(250);
    expect(quantileOf(first_path, 1)).toBe(20_000);
    expect(quantileOf(direct_path, 0.95)).toBeLessThanOrEqual(100);
  }
  expect(quantileOf(NO_DURATIONS, 0.5)).toBe(null);
});

describe("a pair is skipped", () => {
  test("only after enough attempts, and while almost none succeeds", () => {
    const bad = all(OUTCOMES_MIN - 1, false);
    expect(after(bad).known(PAIR)).toMatchObject({ tries: OUTCOMES_MIN - 1, direct: 0 });
    expect(after([...bad, false]).known(PAIR)).toMatchObject({ tries: OUTCOMES_MIN, direct: 0 });
    expect(after(bad).known("cone/cone")).toBe(null);
  });

  test("except for every sixteenth attempt", () => {
    const outcomes = after(all(OUTCOMES_MIN, false));
    const skipped = Array.from({ length: 48 }, () => outcomes.known(PAIR) !== null);
    expect(skipped.flatMap((skips, at) => (skips ? [] : [at]))).toStrictEqual([15, 31, 47]);
  });
});

describe("an attempt counts", () => {
  test("four times per source, then once in ten minutes, with an IPv6 /64 as one source", () => {
    const outcomes = new Outcomes({});
    const counted = (at: number, ...sources: string[]): boolean => outcomes.mayCount(sources, at);
    expect([0, 1, 2, 3, 4].map((at) => counted(at, "20.0.0.1", `20.0.1.${at}`))).toStrictEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(counted(601_000, "20.0.0.1")).toBe(true);
    expect([1, 2, 3, 4, 5].map((at) => counted(at, `2a00:1:2:3::${at}`))).toStrictEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  test("only if both sources have tokens, and takes none otherwise", () => {
    const outcomes = new Outcomes({});
    for (let at = 0; at < 4; at++) outcomes.mayCount(["20.0.0.1"], 0);
    for (let at = 0; at < 9; at++) expect(outcomes.mayCount(["20.0.0.2", "20.0.0.1"], 0)).toBe(false);
    expect(outcomes.mayCount(["20.0.0.2"], 0)).toBe(true);
    // Both behind one address pay once.
    const home = new Outcomes({});
    expect([1, 2, 3, 4, 5].map(() => home.mayCount(["20.0.0.3", "20.0.0.3"], 0))).toStrictEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });
});
