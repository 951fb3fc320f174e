import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { TICKET_LENGTH_MAX } from "#shared/limits.ts";
import { claimsOf, decodeTicket, PURPOSES, type Ticket, ticketText } from "#shared/auth/tickets.ts";

const SIGNATURE = "s".repeat(43);
const TICKET: Ticket = {
  purpose: "session",
  game: "arena",
  lobby: `0-${"b".repeat(26)}`,
  peer: "a".repeat(26),
  expires_at_s: 1_800_000_000,
};
const TEXT = `session.mxYW54lW.arena.0-${"b".repeat(26)}.${"a".repeat(26)}.tro8w0.${SIGNATURE}`;

test("a ticket has one text, and a text one ticket", () => {
  expect(ticketText(claimsOf(TICKET, "mxYW54lW"), SIGNATURE)).toBe(TEXT);
  const claims = TEXT.slice(0, -SIGNATURE.length - 1);
  expect(decodeTicket(TEXT)).toStrictEqual({ ticket: TICKET, key: "mxYW54lW", claims, signature: SIGNATURE });
});

test("a ticket without a lobby has an empty part", () => {
  const claims = claimsOf({ ...TICKET, lobby: null }, "mxYW54lW");
  expect(claims).toContain(".arena..aaaa");
  expect(decodeTicket(ticketText(claims, SIGNATURE))?.ticket.lobby).toBe(null);
});

test("the longest ticket fits into the limit", () => {
  const longest = { ...TICKET, game: "g".repeat(32), lobby: `1r-${"b".repeat(40)}`, peer: "a".repeat(40) };
  const text = (expires_at_s: number): string =>
    ticketText(claimsOf({ ...longest, expires_at_s }, "mxYW54lW"), SIGNATURE);
  const last = 36 ** 10 - 1;
  expect(decodeTicket(text(last))?.ticket).toStrictEqual({ ...longest, expires_at_s: last });
  expect(text(last).length).toBeLessThanOrEqual(TICKET_LENGTH_MAX);
  expect(decodeTicket(text(last + 1))).toBe(null);
});

describe("an invalid ticket:", () => {
  const parts = TEXT.split(".");
  const with_ = (at: number, part: string): string => parts.with(at, part).join(".");
  test.each([
    ["nothing", ""],
    ["dots alone", "......"],
    ["one part short", parts.slice(1).join(".")],
    ["one part long", `${TEXT}.x`],
    ["an unknown purpose", with_(0, "admin")],
    ["a purpose of every object", with_(0, "constructor")],
    ["a purpose in capitals", with_(0, "SESSION")],
    ["a short key id", with_(1, "short")],
    ["a key id with a slash", with_(1, "mxYW54l/")],
    ["no game", with_(2, "")],
    ["a game in capitals", with_(2, "Arena")],
    ["a lobby of no shard", with_(3, "b".repeat(26))],
    ["a shard that cannot be", with_(3, `zz-${"b".repeat(26)}`)],
    ["no peer", with_(4, "")],
    ["a short peer", with_(4, "a".repeat(19))],
    ["an expiry with a zero before it", with_(5, "0tro8w0")],
    ["an expiry in capitals", with_(5, "TRO8W0")],
    ["an expiry of nothing", with_(5, "0")],
    ["a sign before the expiry", with_(5, "-1")],
    ["no signature", with_(6, "")],
    ["a padded signature", with_(6, `${SIGNATURE}=`)],
    ["a short signature", with_(6, SIGNATURE.slice(1))],
    ["a line behind it", `${TEXT}\n`],
    ["a space before it", ` ${TEXT}`],
    ["endless", TEXT + "x".repeat(1_000_000)],
  ])("%s", (_, text) => {
    expect(decodeTicket(text)).toBe(null);
  });

  test("any text is refused without an error, or encodes to itself again", () => {
    const piece = fc.oneof(fc.constantFrom(...PURPOSES, ...parts, "", "-", "0"), fc.string());
    const texts = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(".")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const read = decodeTicket(text);
        return read === null || ticketText(claimsOf(read.ticket, read.key), read.signature) === text;
      }),
    );
  });
});
