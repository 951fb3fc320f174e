/** What a sidecar concludes about routers, and which pairs it relays at once. */
import { expect, test } from "vitest";
import { PUNCH_FAILED_WITHIN_MS, ROUTER_KNOWN_MS, ROUTERS_ALIKE, ROUTERS_MAX } from "#shared/limits.ts";
import { RouterMemory } from "../../../udp-sidecar/noray/router-memory.ts";

const [A, B, C] = ["192.0.2.1", "198.51.100.2", "203.0.113.3"] as const;

/** A and B have failed to punch at 0. */
function failed(): RouterMemory {
  const memory = new RouterMemory();
  memory.introduced(A, B, 0);
  memory.requestsRelay(B, A, 9_000);
  return memory;
}

test("nothing is hopeless at first, and a relay that was requested without a punch proves nothing", () => {
  const memory = new RouterMemory();
  expect(memory.isHopeless(A, B, 0)).toBe(false);
  memory.requestsRelay(A, B, 0);
  expect(memory.isHopeless(A, B, 0)).toBe(false);
  memory.introduced(A, B, 0);
  memory.requestsRelay(A, B, PUNCH_FAILED_WITHIN_MS);
  expect(memory.isHopeless(A, B, PUNCH_FAILED_WITHIN_MS)).toBe(false);
});

test("a pair that has failed is hopeless for a day, in both directions, and no other pair", () => {
  const memory = failed();
  expect([memory.isHopeless(A, B, 9_000), memory.isHopeless(B, A, 9_000)]).toStrictEqual([true, true]);
  expect([memory.isHopeless(A, C, 9_000), memory.isHopeless(B, C, 9_000)]).toStrictEqual([false, false]);
  expect(memory.isHopeless(A, B, 9_000 + ROUTER_KNOWN_MS)).toBe(false);
});

test("a router that maps per destination is hopeless with every other for a day, as host and as client", () => {
  const memory = new RouterMemory();
  expect(memory.knows(A, 0)).toBe(false);
  memory.observed(A, true, 0);
  memory.observed(B, false, 0);
  expect([memory.knows(A, 0), memory.knows(B, 0), memory.knows(C, 0)]).toStrictEqual([true, true, false]);
  expect([memory.isHopeless(A, B, 0), memory.isHopeless(C, A, 0)]).toStrictEqual([true, true]);
  expect(memory.isHopeless(B, C, 0)).toBe(false);
  expect([memory.isHopeless(A, B, ROUTER_KNOWN_MS), memory.knows(A, ROUTER_KNOWN_MS)]).toStrictEqual([false, false]);
});

test("a router that was replaced is judged by what it does now", () => {
  const memory = new RouterMemory();
  memory.observed(A, true, 0);
  memory.observed(A, false, 1);
  expect(memory.isHopeless(A, B, 1)).toBe(false);
});

/** Addresses of the same /24. */
const carrier = (host: number): string => `192.0.2.${host}`;

test("an unknown router maps as all known ones of its network, from the third on", () => {
  const memory = new RouterMemory();
  for (let host = 1; host < ROUTERS_ALIKE; host++) {
    // A repetition is no further router.
    for (let times = 0; times < 5; times++) memory.observed(carrier(host), true, 0);
  }
  expect(memory.isHopeless(carrier(99), B, 0)).toBe(false);
  for (let host = ROUTERS_ALIKE; host < 50; host++) memory.observed(carrier(host), true, 0);
  expect(memory.isHopeless(carrier(99), B, 0)).toBe(true);
  expect(memory.isHopeless(B, C, 0)).toBe(false);
  expect(memory.isHopeless(carrier(99), B, ROUTER_KNOWN_MS)).toBe(false);
});

test.each(["first", "last"])("a network with one router of another kind, %s, tells of no unknown one", (when) => {
  const memory = new RouterMemory();
  if (when === "first") memory.observed(carrier(77), false, 0);
  for (let host = 1; host <= ROUTERS_ALIKE + 1; host++) memory.observed(carrier(host), true, 0);
  if (when === "last") memory.observed(carrier(77), false, 0);
  expect(memory.isHopeless(carrier(99), B, 0)).toBe(false);
  expect(memory.isHopeless(carrier(1), B, 0)).toBe(true);
});

test("memory is bounded: the oldest facts are forgotten", () => {
  const memory = failed();
  for (let pair = 0; pair < ROUTERS_MAX; pair++) {
    const other = `10.${pair >> 16}.${(pair >> 8) & 255}.${pair & 255}`;
    memory.introduced(C, other, 9_000);
    memory.requestsRelay(C, other, 9_000);
  }
  expect(memory.isHopeless(A, B, 9_000)).toBe(false);
});
