/** Invariants of advice: valid plans for any input, and no endpoint that a sidecar did not observe. */
import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { reach } from "#shared/connect/schema.ts";
import { decode } from "#shared/schema/decode.ts";
import { type Endpoint, sourceOf } from "#shared/net/endpoint.ts";
import { isLocal } from "#shared/net/special-ranges.ts";
import { classify, type Sample } from "#shared/connect/nat.ts";
import { plan as planShape } from "#shared/connect/punch-schema.ts";
import { advise } from "#shared/connect/nat-advice.ts";
import { type Candidate, type Side } from "#shared/connect/punch-plan.ts";
import { readPlan, clampPlan } from "../../../clients/typescript/src/punch/plan.ts";

const address = fc.oneof(
  fc.constantFrom("20.0.0.1", "20.0.0.2", "192.168.1.2", "10.0.0.1", "100.64.0.1", "127.0.0.1", "224.0.0.1"),
  fc.constantFrom("2a00::1", "2a00::2", "2a00:1::1", "fd00::1", "fe80::1", "::1"),
);
const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 20_000, max: 20_020 }));
const endpoint: fc.Arbitrary<Endpoint> = fc.record({ address, port });
const time = fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 2_000 }));

const sample: fc.Arbitrary<Sample> = fc.record({
  socket: fc.integer({ min: 0, max: 4 }),
  local_port: port,
  via: fc.record({ address: fc.constantFrom("45.0.0.1", "45.0.0.2"), port: fc.constantFrom(3_478, 3_479) }),
  seen: endpoint,
  at_ms: time,
});
/** Sequential ports, as a sequential NAT allocates them. */
const row = fc
  .tuple(port, fc.integer({ min: -300, max: 300 }), fc.array(sample, { minLength: 3, maxLength: 12 }))
  .map(([first, step, samples]): Sample[] =>
    samples.map((one, at) => ({
      ...one,
      at_ms: at,
      seen: { ...one.seen, port: Math.min(Math.max(1, first + at * step), 65_535) },
    })),
  );
/** A sidecar observes only public addresses; a peer may claim any. */
const seen = fc.constantFrom("20.0.0.1", "20.0.0.2", "192.168.1.2", "127.0.0.1", "2a00::1", "2a00::2", "2a00:1::1");
const candidate: fc.Arbitrary<Candidate> = fc
  .record({ kind: fc.constantFrom("host", "reflexive", "relay"), said: endpoint, seen, observed_at: fc.option(time) })
  .map(({ kind, said, seen, observed_at }) => {
    const endpoint = kind === "host" ? said : { address: seen, port: said.port };
    return { kind, endpoint, via: null, observed_at };
  });
const side: fc.Arbitrary<Side> = fc
  .record({
    samples: fc.oneof(fc.array(sample, { maxLength: 32 }), row),
    candidates: fc.array(candidate, { maxLength: 20 }),
    filtering: fc.constantFrom("independent", "address", "port", null),
    rtt_ms: fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
    sampled_ms_ago: fc.double({ noNaN: true, min: 0, max: 1e9 }),
    relay_only: fc.constant(false),
    birthday: fc.boolean(),
  })
  .map(({ samples, filtering, ...rest }) => ({
    ...rest,
    nat: classify(samples, [], filtering === null ? {} : { filtering }),
  }));

const seenAt = (candidates: readonly Candidate[]): string[] =>
  candidates.filter(({ kind }) => kind === "reflexive").map(({ endpoint }) => endpoint.address);

describe("advice for any two peers", () => {
  test("is a plan that the hub's schema and the client accept", () => {
    fc.assert(
      fc.property(side, side, fc.integer({ min: 0, max: 5 }), (a, b, attempt) => {
        const { plans, start_in_ms } = advise(a, b, attempt);
        expect(start_in_ms.every((ms) => ms >= 0 && ms <= 2_000)).toBe(true);
        for (const plan of plans ?? []) {
          const json = JSON.stringify(plan);
          expect(decode(json, planShape, json.length)).toStrictEqual({ ok: true, value: plan });
          expect(readPlan(JSON.parse(json))).toStrictEqual(clampPlan(plan));
          expect(clampPlan(plan)).toStrictEqual(plan);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("names only endpoints that a sidecar observed, or local ones of a shared network", () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        for (const [at, plan] of (advise(a, b).plans ?? []).entries()) {
          const [me, other] = at === 0 ? [a, b] : [b, a];
          const seen = seenAt(other.candidates);
          const together = seenAt(me.candidates).some((one) => seen.map(sourceOf).includes(sourceOf(one)));
          for (const { address, kind } of plan.targets)
            expect(seen.includes(address) || (kind === "host" && together && isLocal(address))).toBe(true);
          if (plan.spray !== null) expect(seen).toContain(plan.spray.address);
          expect(plan.same_network).toBe(together);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("is symmetric except for the nominating side", () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        const [one, other] = [advise(a, b), advise(b, a)];
        expect([other.verdict, other.pair, other.reason]).toStrictEqual([one.verdict, one.pair, one.reason]);
      }),
      { numRuns: 500 },
    );
  });

  test("observations are decoded as sent, up to their limit", () => {
    const receipt = `mxYW54lW.cb007107d431.mywpiww0.${"s".repeat(22)}`;
    const reaching = (samples: readonly Sample[]): string => {
      const looks = samples.map((one) => ({ ...one, seen: undefined, receipt }));
      return JSON.stringify({ looks, local_endpoints: [], now_ms: 0, rtt_ms: 0 });
    };
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 32 }), (samples) => {
        const json = reaching(samples);
        // JSON has no -0.
        expect(decode(json, reach, json.length)).toStrictEqual({ ok: true, value: JSON.parse(json) });
      }),
      { numRuns: 200 },
    );
    const many = reaching(fc.sample(sample, 33));
    expect(decode(many, reach, many.length).ok).toBe(false);
  });
});
