import { describe, expect, test } from "vitest";
import { SHARED_SOURCE_FACTOR, RATE_LIMIT_BUDGETS } from "#shared/limits.ts";
import { parseBudgets, type RateLimitSubject, rateHeaders, RateLimiter } from "#shared/rate-limit/rate-limiter.ts";
import { T0 } from "../support/lobbies.ts";

const ALICE: RateLimitSubject = { peer: "alice", source: "198.51.100.1" };
const STRANGER: RateLimitSubject = { peer: null, source: "198.51.100.1" };

const tolls = (): RateLimiter => new RateLimiter(RATE_LIMIT_BUDGETS);
const paid = (booth: RateLimiter, payer: RateLimitSubject, times: number, now = T0): (boolean | undefined)[] =>
  Array.from({ length: times }, () => booth.consume("list", payer, now)?.allowed);

describe("a rate limit", () => {
  test("allows a burst and then one request a second", () => {
    const booth = tolls();
    expect(paid(booth, ALICE, 6)).toStrictEqual([true, true, true, true, true, false]);
    expect(paid(booth, ALICE, 2, T0 + 1_000)).toStrictEqual([true, false]);
  });

  test("counts each peer separately, and requests without a token by source", () => {
    const booth = tolls();
    paid(booth, ALICE, 6);
    expect(paid(booth, { ...ALICE, peer: "bob" }, 1)).toStrictEqual([true]);
    expect(paid(booth, STRANGER, 6)).toStrictEqual([true, true, true, true, true, false]);
    expect(paid(booth, { ...STRANGER, source: "198.51.100.2" }, 1)).toStrictEqual([true]);
  });

  test("counts an IPv6 /64 as one source", () => {
    const booth = tolls();
    const homes = Array.from({ length: 6 }, (_, at) => ({ peer: null, source: `2001:db8:1:2::${at + 1}` }));
    expect(homes.map((payer) => booth.consume("list", payer, T0)?.allowed)).toStrictEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  test("limits all peers of a source together, so that new tokens do not raise the limit", () => {
    const booth = tolls();
    const most = RATE_LIMIT_BUDGETS.list.burst * SHARED_SOURCE_FACTOR;
    const peers = Array.from({ length: most + 1 }, (_, at) => ({ ...ALICE, peer: `peer-${at}` }));
    expect(peers.filter((peer) => booth.consume("list", peer, T0)?.allowed)).toHaveLength(most);
  });

  test("takes no token from any bucket if one is empty", () => {
    const booth = tolls();
    paid(booth, ALICE, 105);
    const bob = { ...ALICE, peer: "bob" };
    expect(booth.consume("list", bob, T0)).toMatchObject({ allowed: true, remaining: 4 });
  });

  test("does not limit a request without peer and source, or any request if it is off", () => {
    expect(paid(tolls(), { peer: null, source: null }, 99)).not.toContain(false);
    expect(new RateLimiter(null).consume("list", ALICE, T0)).toBe(null);
  });

  test("can be checked without taking a token", () => {
    const booth = tolls();
    for (let at = 0; at < 10; at++) {
      expect(booth.canConsume("code", STRANGER, T0)).toBe(true);
      booth.consume("code", STRANGER, T0);
    }
    expect([booth.canConsume("code", STRANGER, T0), booth.canConsume("code", STRANGER, T0 + 6_001)]).toStrictEqual([
      false,
      true,
    ]);
  });
});

test("the state contains remaining requests, reset time and retry time", () => {
  const booth = tolls();
  expect(rateHeaders(booth.consume("list", ALICE, T0)!)).toStrictEqual({
    "ratelimit-policy": '"list";q=5;w=5',
    ratelimit: '"list";r=4;t=1',
  });
  paid(booth, ALICE, 4);
  expect(rateHeaders(booth.consume("list", ALICE, T0)!)).toStrictEqual({
    "ratelimit-policy": '"list";q=5;w=5',
    ratelimit: '"list";r=0;t=5',
  });
  expect(booth.consume("list", ALICE, T0)).toMatchObject({ allowed: false, retry_after_s: 1 });
  for (let at = 0; at < 2; at++) booth.consume("create", ALICE, T0);
  expect(booth.consume("create", ALICE, T0)).toMatchObject({ allowed: false, retry_after_s: 3 });
});

describe("the setting RATE_LIMITS", () => {
  test("overrides the classes that it names and no others", () => {
    const { budgets } = parseBudgets(" list=2/10, chat=0.5/1 ,") as { budgets: typeof RATE_LIMIT_BUDGETS };
    expect(budgets).toStrictEqual({
      ...RATE_LIMIT_BUDGETS,
      list: { per_s: 2, burst: 10 },
      chat: { per_s: 0.5, burst: 1 },
    });
    expect(parseBudgets("")).toStrictEqual({ budgets: RATE_LIMIT_BUDGETS });
  });

  test("turns all limits off", () => {
    expect(parseBudgets("off")).toStrictEqual({ budgets: null });
  });

  test.each([
    "list",
    "list=",
    "list=1",
    "list=0/5",
    "list=1/0",
    "list=-1/5",
    "nothing=1/5",
    "constructor=1/5",
    "list=1/5/5",
  ])("cannot be %s", (setting) => {
    expect(parseBudgets(`chat=1/1,${setting}`)).toStrictEqual({ invalid: setting });
  });
});
