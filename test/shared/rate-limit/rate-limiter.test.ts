import { describe, expect, test } from "vitest";
import { HOUSEHOLD_FACTOR, TOLL_BUDGETS } from "#shared/limits.ts";
import { parseBudgets, type Payer, rateHeaders, Tolls } from "#shared/rate-limit/rate-limiter.ts";
import { T0 } from "../support/lobbies.ts";

const ALICE: Payer = { peer: "alice", source: "198.51.100.1" };
const STRANGER: Payer = { peer: null, source: "198.51.100.1" };

const tolls = (): Tolls => new Tolls(TOLL_BUDGETS);
const paid = (booth: Tolls, payer: Payer, times: number, now = T0): (boolean | undefined)[] =>
  Array.from({ length: times }, () => booth.pay("list", payer, now)?.paid);

describe("a toll", () => {
  test("takes what may come at once, then one a second", () => {
    const booth = tolls();
    expect(paid(booth, ALICE, 6)).toStrictEqual([true, true, true, true, true, false]);
    expect(paid(booth, ALICE, 2, T0 + 1_000)).toStrictEqual([true, false]);
  });

  test("is paid by each peer for himself, and by strangers for their source", () => {
    const booth = tolls();
    paid(booth, ALICE, 6);
    expect(paid(booth, { ...ALICE, peer: "bob" }, 1)).toStrictEqual([true]);
    expect(paid(booth, STRANGER, 6)).toStrictEqual([true, true, true, true, true, false]);
    expect(paid(booth, { ...STRANGER, source: "198.51.100.2" }, 1)).toStrictEqual([true]);
  });

  test("counts an IPv6 household as one", () => {
    const booth = tolls();
    const homes = Array.from({ length: 6 }, (_, at) => ({ peer: null, source: `2001:db8:1:2::${at + 1}` }));
    expect(homes.map((payer) => booth.pay("list", payer, T0)?.paid)).toStrictEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  test("has a wider budget for all peers of a source together, so that new tokens do not buy more", () => {
    const booth = tolls();
    const most = TOLL_BUDGETS.list.burst * HOUSEHOLD_FACTOR;
    const peers = Array.from({ length: most + 1 }, (_, at) => ({ ...ALICE, peer: `peer-${at}` }));
    expect(peers.filter((peer) => booth.pay("list", peer, T0)?.paid)).toHaveLength(most);
  });

  test("that one of two cannot pay is taken from neither", () => {
    const booth = tolls();
    paid(booth, ALICE, 105);
    const bob = { ...ALICE, peer: "bob" };
    expect(booth.pay("list", bob, T0)).toMatchObject({ paid: true, left: 4 });
  });

  test("limits nobody of whom nothing is known, and nobody at all where it is off", () => {
    expect(paid(tolls(), { peer: null, source: null }, 99)).not.toContain(false);
    expect(new Tolls(null).pay("list", ALICE, T0)).toBe(null);
  });

  test("can be looked at before it is due", () => {
    const booth = tolls();
    for (let at = 0; at < 10; at++) {
      expect(booth.affords("code", STRANGER, T0)).toBe(true);
      booth.pay("code", STRANGER, T0);
    }
    expect([booth.affords("code", STRANGER, T0), booth.affords("code", STRANGER, T0 + 6_001)]).toStrictEqual([
      false,
      true,
    ]);
  });
});

test("a receipt says what is left, when all of it is back, and how long to wait", () => {
  const booth = tolls();
  expect(rateHeaders(booth.pay("list", ALICE, T0)!)).toStrictEqual({
    "ratelimit-policy": '"list";q=5;w=5',
    ratelimit: '"list";r=4;t=1',
  });
  paid(booth, ALICE, 4);
  expect(rateHeaders(booth.pay("list", ALICE, T0)!)).toStrictEqual({
    "ratelimit-policy": '"list";q=5;w=5',
    ratelimit: '"list";r=0;t=5',
  });
  expect(booth.pay("list", ALICE, T0)).toMatchObject({ paid: false, wait_s: 1 });
  for (let at = 0; at < 2; at++) booth.pay("create", ALICE, T0);
  expect(booth.pay("create", ALICE, T0)).toMatchObject({ paid: false, wait_s: 3 });
});

describe("the setting", () => {
  test("changes what it names, and leaves the rest", () => {
    const { budgets } = parseBudgets(" list=2/10, chat=0.5/1 ,") as { budgets: typeof TOLL_BUDGETS };
    expect(budgets).toStrictEqual({ ...TOLL_BUDGETS, list: { per_s: 2, burst: 10 }, chat: { per_s: 0.5, burst: 1 } });
    expect(parseBudgets("")).toStrictEqual({ budgets: TOLL_BUDGETS });
  });

  test("lifts all of them", () => {
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
    expect(parseBudgets(`chat=1/1,${setting}`)).toStrictEqual({ wrong: setting });
  });
});
