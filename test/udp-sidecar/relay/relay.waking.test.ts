/** Relaying to a side that has not sent anything yet. */
import { expect, test } from "vitest";
import { RELAY_UNPROVED_BYTES, RELAY_WAKE_BURST, RELAY_WAKES_MAX } from "#shared/limits.ts";
import { ALICE, at, BOB, RelayHarness, STRANGER } from "../support/relays.ts";

const countCarried = (table: RelayHarness, times: number, port: number, length = 100): number =>
  Array.from({ length: times }, () => table.send(ALICE, port, length)).filter((hop) => typeof hop !== "string").length;

test("a listener gets the first datagrams where its wire observed it, and 1,000 go each way once it answers", () => {
  const table = new RelayHarness({ side: { per_s: 10_000_000, burst: 10_000_000 } });
  const { a, b } = table.pair("alice", "bob", { wakes: true });
  expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
  const mapped = at(BOB.address, 40_000);
  for (let round = 0; round < 1_000; round++) {
    expect(table.send(mapped, b)).toStrictEqual([a, ALICE]);
    expect(table.send(ALICE, a)).toStrictEqual([b, mapped]);
  }
});

test("a side that stays silent gets one datagram for each, a limited number at a limited rate", () => {
  const table = new RelayHarness();
  const { a } = table.pair("alice", "bob", { wakes: true });
  expect(countCarried(table, 1_000, a)).toBe(RELAY_WAKE_BURST);
  let carried = RELAY_WAKE_BURST;
  for (let second = 0; second < 20; second++) {
    table.advance(1_000);
    carried += countCarried(table, 100, a);
  }
  expect(carried).toBe(RELAY_WAKES_MAX);
});

test("a forged source gains nothing", () => {
  const table = new RelayHarness();
  const { a, b } = table.pair("alice", "bob", { wakes: true, proved: false });
  for (let port = 1; port <= 1_000; port++) {
    expect(table.send(at(STRANGER.address, port), a)).toBe("stranger");
    expect(table.send(at(STRANGER.address, port), b)).toBe("stranger");
  }
  expect(table.relay.packets).toBe(0);
  // Bob is where only a datagram said so: what reaches that address is within the allowance.
  expect(countCarried(table, 1_000, a, 1_000)).toBe(Math.floor(RELAY_UNPROVED_BYTES / (1_000 + 2 * 28)));
});

test("a repeated request gives no further datagrams", () => {
  const table = new RelayHarness();
  const { a } = table.pair("alice", "bob", { wakes: true });
  expect(countCarried(table, 1_000, a)).toBe(RELAY_WAKE_BURST);
  table.pair("alice", "bob", { wakes: true });
  expect(countCarried(table, 1_000, a)).toBe(0);
});
