/** The sidecar's clocks: durations that ignore stalls, and the hub's time as estimated from the link. */
import { expect, test, vi } from "vitest";
import { CLOCK_DRIFT_MS, STALL_MS } from "#shared/limits.ts";
import { Clock } from "../../../udp-sidecar/time/clock.ts";
import { HubTime } from "../../../udp-sidecar/time/hub-time.ts";

test("a clock that is read regularly advances with the monotonic clock", () => {
  let at = 5_000;
  const clock = new Clock(() => at);
  for (let step = 1; step <= 100; step++) {
    at += STALL_MS;
    expect(clock.now()).toBe(5_000 + step * STALL_MS);
  }
  expect(clock.skipped).toStrictEqual({ ms: 0, stalls: 0 });
});

test("a stall counts as the longest regular gap, and the rest is skipped", () => {
  let at = 0;
  const clock = new Clock(() => at);
  at = 30_000;
  expect(clock.now()).toBe(STALL_MS);
  expect(clock.skipped).toStrictEqual({ ms: 30_000 - STALL_MS, stalls: 1 });
  at += 100;
  expect(clock.now()).toBe(STALL_MS + 100);
});

test("a timer of the clock waits for the time that a stall skipped, and can be cancelled", async () => {
  vi.useFakeTimers();
  let at = 0;
  const clock = new Clock(() => at);
  const fired: string[] = [];
  clock.after(1_000, () => fired.push("kept"));
  clock.after(1_000, () => fired.push("cancelled"))();
  at = 60_000;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(fired).toStrictEqual([]);
  at += STALL_MS;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(fired).toStrictEqual(["kept"]);
  vi.useRealTimers();
});

test("the hub's time ignores a step of this machine's wall clock", () => {
  let monotonic = 1_000;
  let wall = 1_800_000_000_000;
  const time = new HubTime(
    () => monotonic,
    () => wall,
  );
  expect([time.now(), time.skew_ms, time.isDoubtful]).toStrictEqual([wall, null, false]);

  const sent = time.stamp();
  monotonic += 200;
  wall += 200;
  // The hub read its clock in the middle, and this machine is 90 s ahead of it.
  time.measure(1_800_000_000_100 - 90_000, sent);
  expect([time.now(), time.skew_ms, time.isDoubtful]).toStrictEqual([wall - 90_000, 90_000, false]);

  monotonic += 5_000;
  wall += 5_000 - 3_600_000;
  expect(time.now()).toBe(1_800_000_005_200 - 90_000);
  expect(time.skew_ms).toBe(90_000 - 3_600_000);
  expect(time.isDoubtful).toBe(true);

  time.measure(1_800_000_005_200 - 90_000, time.stamp());
  expect(time.isDoubtful).toBe(false);
  wall += CLOCK_DRIFT_MS;
  expect(time.isDoubtful).toBe(false);
});
