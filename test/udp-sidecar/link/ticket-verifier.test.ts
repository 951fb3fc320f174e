import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { GameTicketVerifier } from "../../../udp-sidecar/link/ticket-verifier.ts";
import { RECEIPT_FRESH_MS, RECEIPT_SKEW_MS } from "#shared/limits.ts";
import { GOLDEN } from "../../support/golden-tickets.ts";
import { signTicket, createVerifier as book } from "../../support/tickets.ts";

const NOW = 1_799_999_999_000;
const [first, second] = GOLDEN.keys;

test("a ticket signed by the hub is valid", () => {
  expect(book().verify(GOLDEN.text, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
});

test("both keys are valid until the next welcome replaces them", () => {
  const tickets = book();
  const old = signTicket({}, second);
  expect(tickets.verify(old, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
  tickets.setKeys([first]);
  expect(tickets.verify(old, "udp", NOW)).toBe(null);
  expect(tickets.verify(GOLDEN.text, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
});

test("a ticket that was verified before is still checked for its purpose and its expiry", () => {
  const tickets = book();
  const { expires_at_s } = GOLDEN.ticket;
  expect(tickets.verify(GOLDEN.text, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
  expect(tickets.verify(GOLDEN.text, "session", NOW)).toBe(null);
  expect(tickets.verify(GOLDEN.text, "udp", expires_at_s * 1_000)).toBe(null);
  expect(tickets.verify(GOLDEN.text, "udp", expires_at_s * 1_000 - 1)).toStrictEqual(GOLDEN.ticket);
});

test("a receipt is in the hub's format, and without a key there is none", () => {
  const { peer, endpoint, at_ms } = GOLDEN.seen;
  expect(book().issueReceipt(peer, endpoint, at_ms)).toBe(GOLDEN.receipt);
  expect(new GameTicketVerifier("arena").issueReceipt(peer, endpoint, at_ms)).toBe(null);
});

test("a receipt is valid for its peer and game, for a limited time, and with no character changed", () => {
  const { peer, endpoint, at_ms } = GOLDEN.seen;
  const fresh = (tickets: GameTicketVerifier, who = peer, now = at_ms): unknown =>
    tickets.endpointFrom(who, GOLDEN.receipt, now);
  expect(fresh(book())).toStrictEqual(endpoint);
  expect(fresh(book("other"))).toBe(null);
  expect(fresh(book(), "b".repeat(26))).toBe(null);
  expect(fresh(new GameTicketVerifier("arena"))).toBe(null);
  const times = [at_ms - RECEIPT_SKEW_MS, at_ms + RECEIPT_FRESH_MS].flatMap((time) => [time - 1, time, time + 1]);
  expect(times.map((time) => fresh(book(), peer, time) !== null)).toStrictEqual([false, true, true, true, true, false]);
  for (let at = 0; at < GOLDEN.receipt.length; at++) {
    const text = GOLDEN.receipt.slice(0, at) + (GOLDEN.receipt[at] === "1" ? "2" : "1") + GOLDEN.receipt.slice(at + 1);
    expect([at, book().endpointFrom(peer, text, at_ms)]).toStrictEqual([at, null]);
  }
});

describe("a ticket is invalid", () => {
  test("before the first welcome", () => {
    expect(new GameTicketVerifier("arena").verify(GOLDEN.text, "udp", NOW)).toBe(null);
  });

  test("for another game, for another purpose, or from its last second on", () => {
    expect(book("other").verify(GOLDEN.text, "udp", NOW)).toBe(null);
    expect(book().verify(GOLDEN.text, "session", NOW)).toBe(null);
    expect(book().verify(GOLDEN.text, "udp", 1_800_000_000_000 - 1)).not.toBe(null);
    expect(book().verify(GOLDEN.text, "udp", 1_800_000_000_000)).toBe(null);
  });

  test("with one character changed", () => {
    const tickets = book();
    for (let at = 0; at < GOLDEN.text.length; at++) {
      const other = GOLDEN.text[at] === "b" ? "c" : "b";
      expect([at, tickets.verify(GOLDEN.text.slice(0, at) + other + GOLDEN.text.slice(at + 1), "udp", NOW)]).toEqual([
        at,
        null,
      ]);
    }
  });

  test("with a key under the other key's name", () => {
    expect(book().verify(signTicket({}, { ...second, id: first.id }), "udp", NOW)).toBe(null);
  });
});

test("no key appears when the verifier is printed", () => {
  expect(inspect(book(), { depth: 9, showHidden: true }) + JSON.stringify(book())).not.toContain(first.secret);
});
