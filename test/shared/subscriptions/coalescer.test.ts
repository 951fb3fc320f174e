import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { type Change, Coalescer } from "#shared/subscriptions/coalescer.ts";

const change = (id: string, old: number | null, next: number | null): Change<number> => ({
  id,
  old,
  next,
  cause: "closed",
});

describe("changes of one key", () => {
  test("are sent at once after an idle interval, and merged otherwise", () => {
    const coalescer = new Coalescer<number>(1_000);
    expect(coalescer.push([change("a", null, 1)], 0)).toStrictEqual([change("a", null, 1)]);
    expect(coalescer.deadline()).toBe(Infinity);
    expect(coalescer.push([change("a", 1, 2), change("b", null, 1)], 400)).toStrictEqual([change("b", null, 1)]);
    expect(coalescer.push([change("a", 2, 3)], 500)).toStrictEqual([]);
    expect(coalescer.deadline()).toBe(1_000);
    expect(coalescer.waiting()).toStrictEqual(new Map([["a", 1]]));
    expect(coalescer.due(999)).toStrictEqual([]);
    expect(coalescer.due(1_000)).toStrictEqual([change("a", 1, 3)]);
    expect(coalescer.push([change("a", 3, 4)], 1_999)).toStrictEqual([]);
    expect(coalescer.due(2_000)).toStrictEqual([change("a", 3, 4)]);
    expect(coalescer.push([change("a", 4, 5)], 3_000)).toStrictEqual([change("a", 4, 5)]);
  });

  test("that cancel out within an interval are not sent", () => {
    const coalescer = new Coalescer<number>(1_000);
    coalescer.push([change("a", 1, null)], 0);
    expect(coalescer.push([change("a", null, 2)], 100)).toStrictEqual([]);
    expect(coalescer.push([change("a", 2, null)], 200)).toStrictEqual([]);
    expect(coalescer.due(1_000)).toStrictEqual([]);
    expect(coalescer.deadline()).toBe(Infinity);
  });

  test("do not wait longer than an interval after the clock was set back", () => {
    const coalescer = new Coalescer<number>(1_000);
    coalescer.push([change("a", null, 1), change("b", null, 1)], 600_000);
    coalescer.push([change("a", 1, 2)], 600_400);
    expect(coalescer.due(500)).toStrictEqual([change("a", 1, 2)]);
    expect(coalescer.push([change("b", 1, 2)], 600)).toStrictEqual([change("b", 1, 2)]);
    expect(coalescer.push([change("b", 2, 3)], 1_000)).toStrictEqual([]);
    expect(coalescer.due(1_600)).toStrictEqual([change("b", 2, 3)]);
  });

  test("do not wait after the key was dropped", () => {
    const coalescer = new Coalescer<number>(1_000);
    coalescer.push([change("a", null, 1)], 0);
    coalescer.push([change("a", 1, 2)], 10);
    coalescer.drop("a");
    expect([coalescer.due(5_000), coalescer.waiting().size]).toStrictEqual([[], 0]);
  });
});

test("a receiver ends with the current state, and gets each key at most once per interval", () => {
  const step = fc.record({
    after_ms: fc.integer({ min: 0, max: 700 }),
    id: fc.constantFrom("a", "b", "c"),
    next: fc.option(fc.integer({ min: 0, max: 9 })),
    looks: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const coalescer = new Coalescer<number>(1_000);
      const [is, seen, told_at] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
      const follow = (changes: readonly Change<number>[], now: number): void => {
        for (const { id, old, next } of changes) {
          // It begins where the last one ended: nothing is skipped.
          expect([id, old]).toStrictEqual([id, seen.get(id) ?? null]);
          expect(now - (told_at.get(id) ?? -Infinity)).toBeGreaterThanOrEqual(1_000);
          told_at.set(id, now);
          if (next === null) seen.delete(id);
          else seen.set(id, next);
        }
      };
      let now = 0;
      for (const { after_ms, id, next, looks } of steps) {
        now += after_ms;
        if (looks) follow(coalescer.due(now), now);
        const old = is.get(id) ?? null;
        if (old === next) continue;
        if (next === null) is.delete(id);
        else is.set(id, next);
        follow(coalescer.push([change(id, old, next)], now), now);
      }
      follow(coalescer.due(now + 1_000), now + 1_000);
      expect(seen).toStrictEqual(is);
      expect(coalescer.deadline()).toBe(Infinity);
    }),
    { numRuns: 1_000 },
  );
});
