import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FILTER_SHARE, HOURS, SIZES as LOBBY_SIZES } from "../../tools/cost/habits.ts";
import { BEGIN, costReport, costTables, END } from "../../tools/cost/page.ts";
import { dollarsOf, PLAN_DOLLARS, PRICES } from "../../tools/cost/prices.ts";

const report = costReport();

test("docs/operate/cost.md has what `npm run cost` writes", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/operate/cost.md"), "utf8");
  const withoutPadding = (text: string): string => text.replaceAll(/ *\| */g, "|").replaceAll(/-{3,}/g, "---");
  const [, rest = ""] = page.split(BEGIN);
  expect(withoutPadding(rest.split(END)[0]!.trim())).toBe(withoutPadding(costTables(report)));
});

test("the cost is linear in players, and at most $15 per 1,000 of them at every size", () => {
  expect(report.exponent).toBeLessThanOrEqual(1.05);
  expect(report.exponent).toBeGreaterThan(0.9);
  for (const { players, used } of report.simulated) {
    const dollars = dollarsOf(used) / (players / 1_000);
    expect([players, dollars <= 15, dollars > 5]).toStrictEqual([players, true, true]);
  }
});

test("the simulated day has the players that were asked for", () => {
  const mean = HOURS.reduce((sum, share) => sum + share, 0) / HOURS.length;
  expect([HOURS.length, Math.max(...HOURS)]).toStrictEqual([24, 1]);
  expect(LOBBY_SIZES.reduce((sum, [, share]) => sum + share, 0)).toBeCloseTo(1);
  for (const { players, players_mean } of report.simulated) {
    expect(Math.abs(players_mean / (players * mean) - 1)).toBeLessThan(0.05);
  }
});

test("lists reach hubs the more rarely the more players there are", () => {
  const shares = report.simulated.map(({ lists, fills }) => fills / lists);
  expect(shares).toStrictEqual(shares.toSorted((a, b) => b - a));
  expect([shares[0]! <= 1, shares.at(-1)! < 0.3, FILTER_SHARE > 0]).toStrictEqual([true, true, true]);
});

test("the bill is the plan, and what exceeds the included amounts", () => {
  const included = { requests: 10e6, cpu_ms: 30e6, hub_requests: 1e6, gb_s: 400_000, rows_written: 50e6 };
  expect(dollarsOf(included)).toBe(PLAN_DOLLARS);
  expect(dollarsOf({ ...included, rows_written: 51e6 })).toBe(PLAN_DOLLARS + PRICES.rows_written.dollars);
});
