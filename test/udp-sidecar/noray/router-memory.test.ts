/** What a sidecar concludes about routers, and which pairs it relays at once. */
import { expect, test } from "vitest";
import { PUNCH_FAILED_WITHIN_MS, ROUTER_KNOWN_MS, ROUTERS_MAX } from "#shared/limits.ts";
import { RouterMemory } from "../../../udp-sidecar/noray/router-memory.ts";

const [A, B, C, D] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] as const;

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

test("a pair that has failed is hopeless for a day, in both directions", () => {
  const memory = failed();
  expect([memory.isHopeless(A, B, 9_000), memory.isHopeless(B, A, 9_000)]).toStrictEqual([true, true]);
  expect(memory.isHopeless(A, C, 9_000)).toBe(false);
  expect(memory.isHopeless(A, B, 9_000 + ROUTER_KNOWN_MS)).toBe(false);
});

test("two routers that map per destination are hopeless without a try", () => {
  const memory = new RouterMemory();
  memory.observed(A, C, true, 0);
  memory.observed(B, D, true, 0);
  expect(memory.isHopeless(A, B, 0)).toBe(true);
  expect(memory.isHopeless(A, C, 0)).toBe(false);
});

test("a router that such a one could not punch is restricted: every such one is hopeless with it", () => {
  const memory = failed();
  memory.observed(A, B, true, 9_100);
  memory.observed(B, A, false, 9_100);
  memory.observed(C, D, true, 9_200);
  expect(memory.isHopeless(B, C, 9_300)).toBe(true);
  // Two restricted ones can punch each other.
  expect(memory.isHopeless(B, D, 9_300)).toBe(false);
});

test("a router that was replaced is judged by what it does now", () => {
  const memory = new RouterMemory();
  memory.observed(A, C, true, 0);
  memory.observed(B, C, true, 0);
  memory.observed(A, C, false, 1);
  expect(memory.isHopeless(A, B, 1)).toBe(false);
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
