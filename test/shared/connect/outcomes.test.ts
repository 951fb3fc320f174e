import { describe, expect, test } from "vitest";
import { OUTCOMES_MAX, OUTCOMES_MIN, STATS_SAMPLES_MIN } from "#shared/limits.ts";
import { Outcomes } from "#shared/connect/outcomes.ts";

const PAIR = "cone/random";

function after(directs: readonly boolean[], outcomes = new Outcomes({})): Outcomes {
  for (const direct of directs) outcomes.add(PAIR, direct);
  return outcomes;
}
const all = (count: number, direct: boolean): boolean[] => Array.from({ length: count }, () => direct);

test("published counts change in steps, and are exact at each step", () => {
  const outcomes = new Outcomes({});
  for (let tries = 1; tries <= 100; tries++) {
    outcomes.add(PAIR, tries % 2 === 0);
    const step = tries - (tries % STATS_SAMPLES_MIN);
    const line = { nat_pair: PAIR, tries: step, direct: step / 2 };
    expect([tries, outcomes.published()]).toStrictEqual([tries, step === 0 ? [] : [line]]);
  }
});

test("both counts are halved at a thousand, in a step that is published anyway", () => {
  const outcomes = after([...all(OUTCOMES_MAX / 2, true), ...all(OUTCOMES_MAX / 2, false)]);
  expect(outcomes.published()).toStrictEqual([{ nat_pair: PAIR, tries: 500, direct: 250 }]);
  expect(OUTCOMES_MAX % STATS_SAMPLES_MIN).toBe(0);
});

test("a stored row restores the same counts", () => {
  const outcomes = after(all(30, true));
  const again = new Outcomes(JSON.parse(JSON.stringify(outcomes.toRow())));
  expect([again.published(), again.toRow()]).toStrictEqual([outcomes.published(), outcomes.toRow()]);
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
