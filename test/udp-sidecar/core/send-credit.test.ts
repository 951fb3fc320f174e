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
  CREDIT_START_BYTES,
} from "#shared/limits.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { CreditTerms } from "../../../udp-sidecar/protocols/wire.ts";

/** What replies that are no start lines can use of the allowance. */
const GENERAL_BYTES = CREDIT_ALLOWANCE_BYTES - CREDIT_START_BYTES;

const at = (port: number, address = "192.0.2.1"): Endpoint => ({ address, port });

/** Sends datagrams of this length until the credit is used up; returns the bytes. */
function drain(credit: SendCredit, to: Endpoint, length: number, terms: CreditTerms = {}): number {
  let sent = 0;
  for (let endpoint = credit.of(to, 0); credit.covers(endpoint, length, terms); sent += length)
    credit.spend(endpoint, length, terms);
  return sent;
}

describe("the send credit", () => {
  test("of a source that has sent nothing is the allowance, once for all its ports and lobbies", () => {
    const credit = new SendCredit();
    expect(drain(credit, at(1), 1)).toBe(GENERAL_BYTES);
    expect(drain(credit, at(2), 1)).toBe(0);
    for (let port = 1; port <= 12; port++)
      expect(drain(credit, at(port), 1, { start: true })).toBe(port === 1 ? CREDIT_START_BYTES : 0);
    expect(drain(credit, at(1, "192.0.2.2"), 1, { start: true })).toBe(CREDIT_ALLOWANCE_BYTES);
  });

  test("beyond the allowances is at most three times what arrived, at most 1.5 times in the long run, however it is used", () => {
    const datagram = fc.record({
      source: fc.integer({ min: 1, max: 3 }),
      port: fc.integer({ min: 1, max: 2 }),
      length: fc.integer({ min: 0, max: 2_000 }),
      introduces: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 60 }), (datagrams) => {
        const credit = new SendCredit();
        const ends = [1, 2, 3].flatMap((source) => [at(1, `192.0.2.${source}`), at(2, `192.0.2.${source}`)]);
        let [received, sent] = [0, 0];
        for (const { source, port, length, introduces } of datagrams) {
          const from = at(port, `192.0.2.${source}`);
          credit.receive(from, length, 0);
          received += length;
          if (introduces > 0) {
            const host = credit.of(at(1, `192.0.2.${introduces}`), 0);
            credit.transfer(from, host, Array<Buffer>(3).fill(Buffer.alloc(length)));
          }
          for (const end of ends) sent += drain(credit, end, 1, { start: true });
          const beyond = sent - 3 * CREDIT_ALLOWANCE_BYTES;
          expect(beyond).toBeLessThanOrEqual(CREDIT_EARLY_FACTOR * received);
          const early = 3 * (CREDIT_EARLY_FACTOR - CREDIT_FACTOR) * CREDIT_EARLY_BYTES;
          expect(beyond).toBeLessThanOrEqual(early + CREDIT_FACTOR * received);
        }
      }),
    );
  });

  test("that one endpoint earned cannot be used by another port of its source", () => {
    const credit = new SendCredit();
    credit.receive(at(1), 1_000, 0);
    const others = drain(credit, at(2), 1);
    expect(others).toBe(GENERAL_BYTES);
    expect(drain(credit, at(1), 1)).toBe(1_000 * CREDIT_EARLY_FACTOR);
  });

  test.each(["127.0.0.1", "127.9.9.9", "::1"])("is not needed at %s, and such a source takes none", (address) => {
    const credit = new SendCredit();
    const local = credit.of(at(1, address), 0);
    for (let sent = 0; sent < 2 * CREDIT_ALL_BURST_BYTES; sent += 1_000) {
      expect(credit.covers(local, 1_000)).toBe(true);
      credit.spend(local, 1_000);
    }
    expect(drain(credit, at(1), 1)).toBe(GENERAL_BYTES);
  });

  describe("for an introduction", () => {
    const guest = at(7, "192.0.2.9");
    const copies = Array<Buffer>(3).fill(Buffer.alloc(300));

    test("comes from the request that caused it: two copies early, then one", () => {
      const credit = new SendCredit();
      drain(credit, at(1), 1);
      const paid = Array.from({ length: 20 }, () => {
        credit.receive(guest, 300, 0);
        const before = credit.of(guest, 0).earned;
        credit.transfer(guest, credit.of(at(1), 0), copies);
        const charged = before - credit.of(guest, 0).earned;
        expect(drain(credit, at(1), 1)).toBe(charged);
        return charged;
      });
      expect([paid[0], paid.at(-1)]).toStrictEqual([600, 300]);
    });

    test("costs the guest nothing if the host has earned it", () => {
      const credit = new SendCredit();
      credit.receive(at(1), 300, 0);
      credit.receive(guest, 300, 0);
      credit.transfer(guest, credit.of(at(1), 0), copies);
      expect([credit.of(guest, 0).earned, credit.of(at(1), 0).earned]).toStrictEqual([900, 900]);
    });

    test("is one copy if the guest's request arrived at another sidecar, which charges the guest for it", () => {
      const [hosts, guests] = [new SendCredit(), new SendCredit()];
      hosts.transfer(guest, hosts.of(at(1), 0), copies);
      expect(hosts.of(at(1), 0).earned).toBe(300);
      guests.receive(guest, 300, 0);
      expect(guests.charge(guests.of(guest, 0), 300)).toBe(300);
      expect(guests.of(guest, 0).earned).toBe(600);
    });
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
