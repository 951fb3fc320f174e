import { describe, expect, test } from "vitest";
import { fullBucket, BucketTable, consumeToken } from "#shared/rate-limit/token-bucket.ts";
import { T0 } from "../../support/exchange.ts";

const BUDGET = { per_s: 10, burst: 3 };

describe("a bucket", () => {
  test("gives its burst at once and then nothing", () => {
    const bucket = fullBucket(BUDGET, T0);
    expect(takes(bucket, 5, T0)).toStrictEqual([true, true, true, false, false]);
  });

  test("refills by its rate", () => {
    const bucket = fullBucket(BUDGET, T0);
    takes(bucket, 3, T0);
    expect(takes(bucket, 1, T0 + 99)).toStrictEqual([false]);
    expect(takes(bucket, 2, T0 + 100)).toStrictEqual([true, false]);
    expect(takes(bucket, 3, T0 + 300)).toStrictEqual([true, true, false]);
  });

  test("keeps partial tokens between two refusals", () => {
    const bucket = fullBucket(BUDGET, T0);
    takes(bucket, 3, T0);
    for (let at = T0; at < T0 + 100; at += 10) expect(consumeToken(bucket, BUDGET, at)).toBe(false);
    // A millisecond late, for ten tenths add up to a little less than one.
    expect(consumeToken(bucket, BUDGET, T0 + 101)).toBe(true);
  });

  test("never holds more than its burst", () => {
    const bucket = fullBucket(BUDGET, T0);
    expect(takes(bucket, 4, T0 + 86_400_000)).toStrictEqual([true, true, true, false]);
  });

  test("gains no tokens from a clock that is set back", () => {
    const bucket = fullBucket(BUDGET, T0);
    takes(bucket, 3, T0);
    expect(takes(bucket, 1, T0 - 3_600_000)).toStrictEqual([false]);
    expect(takes(bucket, 2, T0 - 3_600_000 + 100)).toStrictEqual([true, false]);
  });
});

describe("a bucket table", () => {
  test("has a bucket per IPv4 address", () => {
    const guard = new BucketTable(BUDGET, 100);
    expect(allows(guard, "192.0.2.1", 4)).toStrictEqual([true, true, true, false]);
    expect(allows(guard, "192.0.2.2", 4)).toStrictEqual([true, true, true, false]);
    expect(allows(guard, "192.0.2.1", 2, T0 + 100)).toStrictEqual([true, false]);
    expect(guard.size).toBe(2);
  });

  test("has one bucket per IPv6 /64", () => {
    const guard = new BucketTable(BUDGET, 100);
    const household = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2:3::"];
    expect(household.map((address) => guard.consume(address, T0))).toStrictEqual([true, true, true, false]);
    expect(guard.consume("2001:db8:1:3::1", T0)).toBe(true);
    expect(guard.size).toBe(2);
  });

  test("has a bucket per other key", () => {
    const guard = new BucketTable(BUDGET, 100);
    expect([allows(guard, "peer-one", 4), allows(guard, "peer-two", 1)]).toStrictEqual([
      [true, true, true, false],
      [true],
    ]);
  });

  test("returns the remaining tokens without taking any", () => {
    const guard = new BucketTable(BUDGET, 1);
    expect([guard.remaining("192.0.2.1", T0), guard.size]).toStrictEqual([3, 0]);
    allows(guard, "192.0.2.1", 2);
    expect([guard.remaining("192.0.2.1", T0), guard.remaining("192.0.2.1", T0 + 150)]).toStrictEqual([1, 2.5]);
    // The table is full: strangers have what they share.
    allows(guard, "192.0.2.2", 1);
    expect(guard.remaining("192.0.2.3", T0)).toBe(2);
  });

  test("that is full gives new keys one shared bucket and keeps existing ones", () => {
    const guard = new BucketTable(BUDGET, 2);
    guard.consume("192.0.2.1", T0);
    guard.consume("192.0.2.2", T0);
    const strangers = Array.from({ length: 5 }, (_, index) => guard.consume(`198.51.100.${index}`, T0));
    expect(strangers).toStrictEqual([true, true, true, false, false]);
    expect(guard.size).toBe(2);
    expect(allows(guard, "192.0.2.1", 3)).toStrictEqual([true, true, false]);
  });

  test("refills the shared bucket too", () => {
    const guard = new BucketTable(BUDGET, 1);
    for (let at = T0; at < T0 + 1_000; at += 100) {
      guard.consume("192.0.2.1", at);
      guard.consume("192.0.2.1", at);
    }
    allows(guard, "192.0.2.2", 10, T0 + 900);
    expect(guard.size).toBe(1);
    expect(allows(guard, "192.0.2.3", 1, T0 + 900)).toStrictEqual([false]);
    guard.consume("192.0.2.1", T0 + 1_000);
    expect(allows(guard, "192.0.2.4", 2, T0 + 1_000)).toStrictEqual([true, false]);
  });

  test("removes only full buckets to make room", () => {
    const guard = new BucketTable(BUDGET, 2);
    allows(guard, "192.0.2.1", 3);
    guard.consume("192.0.2.2", T0 + 250);
    // At 299 ms the first lacks a hundredth of a token, the second half of one.
    expect(allows(guard, "192.0.2.3", 1, T0 + 299)).toStrictEqual([true]);
    expect(allows(guard, "192.0.2.1", 3, T0 + 299)).toStrictEqual([true, true, false]);
    // At 350 ms the second is whole and gives way to a bucket of the newcomer's own.
    expect(allows(guard, "192.0.2.4", 4, T0 + 350)).toStrictEqual([true, true, true, false]);
    expect(guard.size).toBe(2);
    // The spent tokens of the first source stay spent: a new bucket would allow three.
    expect(allows(guard, "192.0.2.1", 2, T0 + 350)).toStrictEqual([true, false]);
  });

  test("never holds more keys than its maximum", () => {
    const guard = new BucketTable(BUDGET, 10);
    for (let index = 0; index < 1_000; index++) guard.consume(`10.0.${index >> 8}.${index & 255}`, T0 + index);
    expect(guard.size).toBe(10);
  });

  test("makes room although the oldest keys stay busy", () => {
    const guard = new BucketTable(BUDGET, 200);
    const busy = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`);
    for (const address of busy) allows(guard, address, 3);
    for (let index = 0; index < 100; index++) guard.consume(`10.0.1.${index}`, T0);
    // A second later the other hundred are whole again, and the busy ones have spent everything once more.
    for (const address of busy) allows(guard, address, 10, T0 + 1_000);
    const newcomers = Array.from({ length: 50 }, (_, index) => allows(guard, `10.0.2.${index}`, 3, T0 + 1_000));
    expect(newcomers.flat()).not.toContain(false);
  });
});

const takes = (bucket: Parameters<typeof consumeToken>[0], times: number, now: number): boolean[] =>
  Array.from({ length: times }, () => consumeToken(bucket, BUDGET, now));

const allows = (guard: BucketTable, address: string, times: number, now = T0): boolean[] =>
  Array.from({ length: times }, () => guard.consume(address, now));
