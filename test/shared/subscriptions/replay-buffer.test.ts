import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { ReplayBuffer } from "#shared/subscriptions/replay-buffer.ts";

describe("the replay buffer", () => {
  test("returns all items after any buffered number", () => {
    const replay = new ReplayBuffer<string>(3, 100, 1_000);
    expect(replay.since(1_000_000)).toStrictEqual([]);
    const [a, b, c] = ["a", "b", "c"].map((item) => replay.add(item, 1, 1_000));
    expect([a, b, c]).toStrictEqual([1_000_001, 1_000_002, 1_000_003]);
    expect(replay.since(1_000_000)?.map(({ item }) => item)).toStrictEqual(["a", "b", "c"]);
    expect(replay.since(b!)).toMatchObject([{ seq: 1_000_003, item: "c" }]);
    expect(replay.since(c!)).toStrictEqual([]);
  });

  test("returns null for a number that was dropped, never issued, or issued before hibernation", () => {
    const replay = new ReplayBuffer<string>(2, 100, 1_000);
    const [a] = ["a", "b", "c"].map((item) => replay.add(item, 1, 1_000));
    expect(replay.since(a! - 1)).toBeNull();
    expect(replay.since(a!)).toHaveLength(2);
    expect(replay.since(replay.seq + 1)).toBeNull();
    expect(new ReplayBuffer<string>(2, 100, 5_000).since(replay.seq)).toBeNull();
  });

  test("drops items beyond its total length, also a single one that is too long", () => {
    const replay = new ReplayBuffer<string>(100, 10, 0);
    const a = replay.add("a", 6, 0);
    const b = replay.add("b", 6, 0);
    expect([replay.since(0), replay.since(a)]).toMatchObject([null, [{ seq: b, item: "b" }]]);
    const c = replay.add("c", 11, 0);
    expect([replay.since(b), replay.since(c)]).toStrictEqual([null, []]);
  });

  test("issues increasing numbers that do not fall behind the time", () => {
    fc.assert(
      fc.property(
        fc.nat().map((n) => n * 1_000),
        fc.array(fc.integer({ min: -5, max: 5 })),
        (start, steps) => {
          const replay = new ReplayBuffer<number>(10, 1_000, start);
          let [now, last] = [start, replay.seq];
          for (const step of steps) {
            now += step;
            const seq = replay.add(step, 1, now);
            expect(seq).toBeGreaterThan(last);
            expect(seq).toBeGreaterThanOrEqual(now * 1_000);
            last = seq;
          }
        },
      ),
    );
  });
});
