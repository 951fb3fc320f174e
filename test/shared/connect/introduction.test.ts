import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  introduce,
  nextEpoch,
  type ReachedParty,
  type VerifiedReach,
  punchInstructions,
  sideOf,
} from "#shared/connect/introduction.ts";
import { POLL_START_MS, ROUND_TRIP_MS_MAX, START_MARGIN_MS } from "#shared/limits.ts";

const NOW = 1_000_000;
const CIRCUMSTANCES = { key: "k".repeat(43), relay_only: false, outcomes: () => null };

function present(number: number, reach: Partial<VerifiedReach> = {}, parts: Partial<ReachedParty> = {}): ReachedParty {
  const seen = { address: `20.0.${number}.1`, port: 50_000 };
  const samples = [3_478, 3_479].map((port, at) => ({
    socket: 0,
    local_port: 40_000,
    via: { address: "45.0.0.1", port },
    seen,
    at_ms: at,
  }));
  const local_endpoints = [{ address: "192.168.1.10", port: 40_000 }];
  return {
    reach: { samples, local_endpoints, rtt_ms: 100, age_ms: 300, sent_ms: 0, ...reach },
    reached_at: NOW - 500,
    listens: true,
    ...parts,
  };
}

const startsOf = (a: ReachedParty, b: ReachedParty): readonly number[] =>
  introduce([a, b], CIRCUMSTANCES, NOW).start_in_ms;

describe("both peers start at the same instant", () => {
  test.each([
    [100, 100, [20, 20]],
    [200, 50, [20, 95]],
    [0, 1_000, [520, 20]],
    [10, 9_999, [1_015, 20]],
    [10, -50, [20, 25]],
  ])("%i ms and %i ms away", (a, b, wanted) => {
    expect(startsOf(present(1, { rtt_ms: a }), present(2, { rtt_ms: b }))).toStrictEqual(wanted);
  });

  test("for all claimed round trips up to the cap", () => {
    fc.assert(
      fc.property(fc.nat(ROUND_TRIP_MS_MAX), fc.nat(ROUND_TRIP_MS_MAX), (a, b) => {
        const [x, y] = startsOf(present(1, { rtt_ms: a }), present(2, { rtt_ms: b }));
        // Both notices leave at once and arrive after half a round trip. Delays are whole milliseconds.
        expect(Math.abs(x! + a / 2 - (y! + b / 2))).toBeLessThanOrEqual(1);
        expect(Math.min(x!, y!)).toBe(START_MARGIN_MS);
      }),
    );
  });

  test("a second later if one polls, which receives the remaining delay", () => {
    const told = introduce([present(1), present(2, {}, { listens: false })], CIRCUMSTANCES, NOW);
    expect(told.start_in_ms).toStrictEqual([20 + POLL_START_MS, 20 + POLL_START_MS]);
    const left = [0, 300, 1_020, 5_000].map((ms) => punchInstructions(told, 1, NOW + ms)?.start_in_ms);
    expect(left).toStrictEqual([1_020, 720, 0, 0]);
  });
});

describe("one peer of an introduction", () => {
  test("has the properties and the age of its observations", () => {
    const side = sideOf(present(1), false, NOW);
    expect(side).toMatchObject({ nat: { kind: "nat", mapping: "independent" }, rtt_ms: 100, sampled_ms_ago: 850 });
    expect(side.candidates.map(({ kind, endpoint }) => [kind, endpoint.address])).toStrictEqual([
      ["reflexive", "20.0.1.1"],
      ["reflexive", "20.0.1.1"],
      ["host", "192.168.1.10"],
    ]);
  });

  test("receives no address of a peer that hides it", () => {
    const told = introduce([present(1), present(2)], { ...CIRCUMSTANCES, relay_only: true }, NOW);
    expect([told.verdict, punchInstructions(told, 0, NOW), punchInstructions(told, 1, NOW)]).toStrictEqual([
      "relay",
      null,
      null,
    ]);
    expect(JSON.stringify(told)).not.toContain("20.0.");
  });

  test("does not reveal the endpoints of its fresh sockets", () => {
    const { reach } = present(1);
    const fresh = { ...reach.samples[0]!, socket: 7, seen: { address: "20.0.1.1", port: 61_111 } };
    const side = sideOf(present(1, { samples: [...reach.samples, fresh] }), false, NOW);
    expect(side.candidates.map(({ endpoint }) => endpoint.port)).not.toContain(61_111);
  });
});

test.each([
  [undefined, undefined, 0],
  [0, undefined, 1],
  [undefined, 255, 0],
  [3, 7, 8],
  [7, 3, 8],
  [255, 0, 1],
  [0, 255, 1],
])("after key epochs %s and %s the next epoch is %i", (a, b, next) => {
  expect(nextEpoch(a, b)).toBe(next);
});
