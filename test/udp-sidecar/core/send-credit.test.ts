/** The send credit: what it allows, who can use it, and that its tables are bounded. */
import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { SendCredit } from "../../../udp-sidecar/core/send-credit.ts";
import { RecentMap } from "../../../udp-sidecar/core/recent-map.ts";
import {
  CREDIT_ALL_BURST_BYTES,
  CREDIT_ALLOWANCE_BYTES,
  CREDIT_EARLY_BYTES,
  CREDIT_EARLY_FACTOR,
  CREDIT_FACTOR,
} from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";

const at = (port: number, address = "192.0.2.1"): Endpoint => ({ address, port });

/** Sends datagrams of this length until the credit is used up; returns the bytes. */
function drain(credit: SendCredit, to: Endpoint, length: number, now = 0): number {
  let sent = 0;
  for (let endpoint = credit.of(to, now); credit.covers(endpoint, length); sent += length)
    credit.spend(endpoint, length);
  return sent;
}

describe("the send credit", () => {
  test("of a source that has sent nothing is the allowance, once for all its ports", () => {
    const credit = new SendCredit();
    expect(drain(credit, at(1), 1)).toBe(CREDIT_ALLOWANCE_BYTES);
    expect(drain(credit, at(2), 1)).toBe(0);
    expect(drain(credit, at(1, "192.0.2.2"), 1)).toBe(CREDIT_ALLOWANCE_BYTES);
  });

  test("is at most three times what arrived, or the allowance, and at most 1.5 times in the long run", () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 2_000 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(sizes, (datagrams) => {
        const credit = new SendCredit();
        let received = 0;
        let sent = 0;
        for (const [port, length] of datagrams) {
          credit.receive(at(port), length, 0);
          received += length;
          for (let other = 1; other <= 5; other++) sent += drain(credit, at(other), 1);
          expect(sent).toBeLessThanOrEqual(Math.max(CREDIT_ALLOWANCE_BYTES, CREDIT_EARLY_FACTOR * received));
        }
        const early = CREDIT_ALLOWANCE_BYTES + CREDIT_EARLY_FACTOR * CREDIT_EARLY_BYTES;
        expect(sent).toBeLessThanOrEqual(early + CREDIT_FACTOR * received);
      }),
    );
  });

  test("that one endpoint earned cannot be used by another port of its source", () => {
    const credit = new SendCredit();
    credit.receive(at(1), 1_000, 0);
    const others = drain(credit, at(2), 1);
    expect(others).toBe(CREDIT_ALLOWANCE_BYTES);
    expect(drain(credit, at(1), 1)).toBe((1_000 - CREDIT_ALLOWANCE_BYTES / 3) * CREDIT_EARLY_FACTOR);
  });

  test.each(["127.0.0.1", "127.9.9.9", "::1"])("is not needed at %s, and such a source takes none", (address) => {
    const credit = new SendCredit();
    const local = credit.of(at(1, address), 0);
    for (let sent = 0; sent < 2 * CREDIT_ALL_BURST_BYTES; sent += 1_000) {
      expect(credit.covers(local, 1_000)).toBe(true);
      credit.spend(local, 1_000);
    }
    expect(drain(credit, at(1), 1)).toBe(CREDIT_ALLOWANCE_BYTES);
  });

  test("for an introduction comes from the request that caused it", () => {
    const credit = new SendCredit();
    for (let used = 0; used < 20; used++) credit.receive(at(7, "192.0.2.9"), 300, 0);
    drain(credit, at(1), 1);
    const before = credit.of(at(7, "192.0.2.9"), 0).earned;
    credit.transfer(at(7, "192.0.2.9"), credit.of(at(1), 0), 300, 0);
    expect(drain(credit, at(1), 1)).toBe(300);
    expect(credit.of(at(7, "192.0.2.9"), 0).earned).toBe(before - 300);
  });

  test("keeps a bounded number of endpoints, and those in use survive a flood", () => {
    const credit = new SendCredit(1_000);
    for (let port = 1; port <= 50_000; port++) {
      credit.receive(at(port, `198.51.${port >> 8}.${port & 255}`), 10, 0);
      if (port % 100 === 0) credit.receive(at(1), 1_000, 0);
    }
    expect(credit.size).toBeLessThanOrEqual(1_000);
    expect(credit.of(at(1), 0).earned).toBeGreaterThan(1_000);
  });
});

test("a recent map forgets what was not used for a generation", () => {
  const map = new RecentMap<number, string>(4);
  for (let key = 0; key < 4; key++) map.set(key, String(key));
  expect(map.get(0)).toBe("0");
  map.set(4, "4");
  expect([0, 1, 2, 3, 4].map((key) => map.get(key))).toContain("0");
  expect(map.size).toBeLessThanOrEqual(4);
});
