import { T0 } from "../../support/exchange.ts";
/** Properties of the outbox for any sequence of link and hub failures. */
import * as fc from "../../support/fc.ts";
import { expect, test } from "vitest";
import { BATCH_REPORTS_MAX } from "#shared/limits.ts";
import type { Report, Reports } from "#shared/link/messages.ts";
import { Outbox } from "../../../udp-sidecar/link/outbox.ts";
import { dropDuplicates } from "../../../worker/hub/link/messages.ts";
import { joins, namesOf } from "../support/reports.ts";

test("a hub that keeps its state stores every report exactly once and in order", () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 60, size: "max" }), (script) => {
      const { accepted, stored } = play(script);
      expect(stored).toStrictEqual(accepted);
    }),
    { numRuns: 300 },
  );
});

test("a hub that loses its state receives every report at least once, the oldest new one first", () => {
  const forgetful = fc.oneof(
    { weight: 8, arbitrary: acts },
    { weight: 1, arbitrary: fc.constant<Act>({ do: "forget" }) },
  );
  fc.assert(
    fc.property(fc.array(forgetful, { maxLength: 60, size: "max" }), (script) => {
      const { accepted, stored } = play(script);
      expect([...new Set(stored)]).toStrictEqual(accepted);
    }),
    { numRuns: 300 },
  );
});

test("the scripts break the link during every operation", () => {
  const seen = new Set<string>();
  for (const script of fc.sample(fc.array(acts, { maxLength: 60, size: "max" }), { numRuns: 300, seed: 7 })) {
    for (const what of play(script).seen) seen.add(what);
  }
  expect([...seen].toSorted()).toStrictEqual([
    "a batch partly known",
    "a batch unknown behind a gap",
    "a batch wholly known",
    "acks lost",
    "batches lost",
    "two batches on their way",
  ]);
});

// --- scripts ---------------------------------------------------------------------------------------------------

type Act =
  | { readonly do: "add"; readonly count: number }
  /** The sidecar sends what it may. */
  | { readonly do: "send" }
  /** The hub stores the next batch and acknowledges it, or fails and sends nothing. */
  | { readonly do: "store" | "fail" }
  /** The sidecar receives the next acknowledgement. */
  | { readonly do: "ack" }
  /** The resend timer of the sidecar fires. */
  | { readonly do: "resend" }
  /** Everything in flight in both directions is lost, and the link reopens. */
  | { readonly do: "break" }
  | { readonly do: "forget" };

const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 90, max: 2 * BATCH_REPORTS_MAX }))
      .map((count): Act => ({ do: "add", count })),
  },
  { weight: 6, arbitrary: fc.constantFrom<Act>({ do: "send" }, { do: "store" }, { do: "ack" }) },
  fc.constantFrom<Act>({ do: "fail" }, { do: "resend" }, { do: "break" }),
);

/** Runs a script, then lets everything settle. The link preserves order, as a WebSocket does. */
function play(script: readonly Act[]): { accepted: string[]; stored: string[]; seen: Set<string> } {
  const outbox = new Outbox();
  const accepted: string[] = [];
  const stored: string[] = [];
  const seen = new Set<string>();
  let ack = 0;
  let up: Reports[] = [];
  let down: number[] = [];

  const act: { readonly [K in Act["do"]]: (count: number) => void } = {
    add: (count) => {
      for (let made = 0; made < count; made++) {
        const report: Report = joins(`peer ${accepted.length}`);
        if (outbox.add(report, T0)) accepted.push(...namesOf([report]));
      }
    },
    send: () => {
      for (let batch = outbox.nextBatch(T0); batch !== null; batch = outbox.nextBatch(T0)) up.push(batch);
      if (up.length > 1) seen.add("two batches on their way");
    },
    store: () => {
      const batch = up.shift();
      if (batch === undefined) return;
      const fresh = dropDuplicates(batch, ack);
      if (fresh !== null) {
        if (fresh.items.length < batch.items.length) seen.add("a batch partly known");
        stored.push(...namesOf(fresh.items));
        ack = fresh.seq + fresh.items.length - 1;
      } else seen.add(batch.seq > ack + 1 ? "a batch unknown behind a gap" : "a batch wholly known");
      down.push(ack);
    },
    fail: () => void up.shift(),
    ack: () => {
      const heard = down.shift();
      if (heard !== undefined) outbox.acknowledge(heard);
    },
    resend: () => {
      outbox.rewind();
      act.send(0);
    },
    break: () => {
      if (up.length > 0) seen.add("batches lost");
      if (down.length > 0) seen.add("acks lost");
      [up, down] = [[], []];
      outbox.rewind();
      outbox.welcome(ack);
    },
    forget: () => {
      ack = 0;
      act.break(0);
    },
  };

  for (const step of script) act[step.do](step.do === "add" ? step.count : 0);
  act.break(0);
  for (let round = 0; outbox.size > 0; round++) {
    if (round > 1_000) throw new Error(`${outbox.size} reports never arrive`);
    act.send(0);
    act.store(0);
    act.ack(0);
  }
  return { accepted, stored, seen };
}
