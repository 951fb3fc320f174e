/** When a pair without a direct path tries one again. */
import { expect, test } from "vitest";
import { UpgradeTimer } from "../../src/path/upgrade-timer.ts";

/** The times of the tries within this time, each of which ends as `result` says. */
function tries(until_ms: number, result: (timer: UpgradeTimer, now: number) => void): number[] {
  const timer = new UpgradeTimer();
  const at: number[] = [];
  result(timer, 0);
  while (timer.at <= until_ms) {
    at.push(timer.at);
    timer.started(timer.at);
    result(timer, at.at(-1)!);
  }
  return at;
}

const spacing = (times: readonly number[]): number[] => times.slice(1).map((at, index) => at - times[index]!);

test("after failed punches the tries follow each other closely for two minutes, and then grow rarer", () => {
  const all = tries(3_600_000, (timer, now) => timer.failed(now));
  const often = all.filter((at) => at <= 120_000);
  expect(new Set(spacing(often))).toStrictEqual(new Set([2_000]));
  expect(often).toHaveLength(60);
  expect(all.length).toBeLessThan(77);
  expect(spacing(all).at(-1)).toBe(600_000);
});

test("without a plan the tries are rare from the start", () => {
  expect(tries(3_600_000, (timer, now) => timer.unavailable(now))).toStrictEqual(
    [1, 3, 7, 15, 25, 35, 45, 55].map((minutes) => minutes * 60_000),
  );
});

test("a lost path and a changed network are tried at once, and often again", () => {
  const timer = new UpgradeTimer();
  timer.unavailable(0);
  timer.unavailable(0);
  timer.lost(1_000);
  expect(timer.at).toBe(1_000);
  timer.failed(1_000);
  expect(timer.at).toBe(3_000);
  timer.opened();
  expect(timer.at).toBe(Infinity);
});
