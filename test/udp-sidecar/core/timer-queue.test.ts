import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { TimerQueue } from "../../../udp-sidecar/core/timer-queue.ts";

const KEEP_EVEN = fc.constant("keep even" as const);

describe("a timer queue", () => {
  test("has nothing due when it is empty", () => {
    const heap = new TimerQueue<string>();
    expect([heap.size, heap.nextAt, heap.pop(Infinity)]).toStrictEqual([0, null, undefined]);
  });

  test("returns the earliest first, and nothing before its time", () => {
    const heap = new TimerQueue<string>();
    heap.push(30, "later");
    heap.push(10, "soon");
    expect(heap.nextAt).toBe(10);
    expect(heap.pop(9)).toBeUndefined();
    expect(heap.size).toBe(2);
    expect(heap.pop(10)).toBe("soon");
    expect(heap.nextAt).toBe(30);
    expect(heap.pop(29)).toBeUndefined();
    expect(heap.pop(1_000)).toBe("later");
    expect(heap.nextAt).toBeNull();
  });

  test("keeps its order after it has been emptied", () => {
    const heap = new TimerQueue<number>();
    for (let round = 0; round < 3; round++) {
      heap.push(5, round);
      heap.push(5, round + 100);
      expect([heap.pop(5), heap.pop(5), heap.pop(5)]).toStrictEqual([round, round + 100, undefined]);
    }
  });

  test("accepts undefined and null as values", () => {
    const heap = new TimerQueue<null>();
    heap.push(1, null);
    expect([heap.pop(1), heap.size]).toStrictEqual([null, 0]);
  });

  test("returns values by time, and by arrival for equal times, for any sequence of calls", () => {
    const act = fc.oneof({ weight: 6, arbitrary: fc.nat(20) }, { weight: 2, arbitrary: fc.constant(null) }, KEEP_EVEN);
    const acts = fc.array(act, { maxLength: 200 });
    fc.assert(
      fc.property(acts, (script) => {
        const heap = new TimerQueue<number>();
        // The slow reference: a list sorted with a stable sort.
        let waiting: { at: number; value: number }[] = [];
        for (const [value, at] of script.entries()) {
          if (at === "keep even") {
            heap.retain((one) => one % 2 === 0);
            waiting = waiting.filter((one) => one.value % 2 === 0);
          } else if (at !== null) {
            heap.push(at, value);
            waiting = [...waiting, { at, value }].toSorted((a, b) => a.at - b.at);
          } else {
            expect(heap.pop(10)).toBe(
              waiting[0] !== undefined && waiting[0].at <= 10 ? waiting.shift()!.value : undefined,
            );
          }
          expect([heap.size, heap.nextAt]).toStrictEqual([waiting.length, waiting[0]?.at ?? null]);
        }
        expect(waiting.map(() => heap.pop(Infinity))).toStrictEqual(waiting.map(({ value }) => value));
      }),
    );
  });
});
