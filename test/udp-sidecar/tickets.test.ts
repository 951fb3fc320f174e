import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { claimsOf, type Ticket, ticketText } from "#shared/tickets.ts";
import { Tickets } from "../../udp-sidecar/tickets.ts";
import { GOLDEN } from "../support/golden-tickets.ts";

const NOW = 1_799_999_999_000;
const [first, second] = GOLDEN.keys;

function book(game = "arena"): Tickets {
  const tickets = new Tickets(game);
  tickets.learn(GOLDEN.keys);
  return tickets;
}

function signed(parts: Partial<Ticket>, { id, secret } = first): string {
  const claims = claimsOf({ ...GOLDEN.ticket, ...parts }, id);
  return ticketText(claims, createHmac("sha256", secret).update(claims).digest("base64url"));
}

test("a ticket that the hub signed is proved", () => {
  expect(book().prove(GOLDEN.text, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
});

test("both keys are good, until the next greeting brings others", () => {
  const tickets = book();
  const old = signed({}, second);
  expect(tickets.prove(old, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
  tickets.learn([first]);
  expect(tickets.prove(old, "udp", NOW)).toBe(null);
  expect(tickets.prove(GOLDEN.text, "udp", NOW)).toStrictEqual(GOLDEN.ticket);
});

test("a receipt is what the hub believes, and without a key there is none", () => {
  const { peer, endpoint, at_ms } = GOLDEN.seen;
  expect(book().receipt(peer, endpoint, at_ms)).toBe(GOLDEN.receipt);
  expect(new Tickets("arena").receipt(peer, endpoint, at_ms)).toBe(null);
});

describe("nothing is proved", () => {
  test("before any key came", () => {
    expect(new Tickets("arena").prove(GOLDEN.text, "udp", NOW)).toBe(null);
  });

  test("to another game, for another purpose, or from its last second on", () => {
    expect(book("other").prove(GOLDEN.text, "udp", NOW)).toBe(null);
    expect(book().prove(GOLDEN.text, "session", NOW)).toBe(null);
    expect(book().prove(GOLDEN.text, "udp", 1_800_000_000_000 - 1)).not.toBe(null);
    expect(book().prove(GOLDEN.text, "udp", 1_800_000_000_000)).toBe(null);
  });

  test("by a text of which one letter is another", () => {
    const tickets = book();
    for (let at = 0; at < GOLDEN.text.length; at++) {
      const other = GOLDEN.text[at] === "b" ? "c" : "b";
      expect([at, tickets.prove(GOLDEN.text.slice(0, at) + other + GOLDEN.text.slice(at + 1), "udp", NOW)]).toEqual([
        at,
        null,
      ]);
    }
  });

  test("by a key under the other key's name", () => {
    expect(book().prove(signed({}, { ...second, id: first.id }), "udp", NOW)).toBe(null);
  });
});

test("no key shows where the book is printed", () => {
  expect(inspect(book(), { depth: 9, showHidden: true }) + JSON.stringify(book())).not.toContain(first.secret);
});
