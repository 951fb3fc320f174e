import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { canonicalAddress } from "#shared/net/endpoint.ts";
import { decodeReceipt, receiptClaims, signReceipt } from "#shared/auth/receipts.ts";

const HMAC = "s".repeat(43);
const SEEN = {
  game: "arena",
  peer: "a".repeat(26),
  endpoint: { address: "203.0.113.7", port: 54_321 },
  at_ms: 1_800_000_000_000,
};
const TEXT = `mxYW54lW.cb007107d431.mywpiww0.${"s".repeat(22)}`;
const decoded = (text: string) => decodeReceipt(text, SEEN.game, SEEN.peer);

test("a receipt has one text, and a text one receipt", () => {
  expect(signReceipt(SEEN, "mxYW54lW", () => HMAC)).toBe(TEXT);
  const claims = `seen.mxYW54lW.arena.${SEEN.peer}.cb007107d431.mywpiww0`;
  expect(receiptClaims(SEEN, "mxYW54lW")).toBe(claims);
  expect(decoded(TEXT)).toStrictEqual({ observed: SEEN, key: "mxYW54lW", claims, signature: "s".repeat(22) });
});

test("the claims of a receipt include game and peer", () => {
  const claims = [
    decoded(TEXT),
    decodeReceipt(TEXT, "other", SEEN.peer),
    decodeReceipt(TEXT, SEEN.game, "b".repeat(26)),
  ].map((unproved) => unproved?.claims);
  expect(new Set(claims).size).toBe(3);
});

test("every endpoint survives encoding, and the longest receipt has 78 characters", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6()).map(canonicalAddress);
  fc.assert(
    fc.property(
      address,
      fc.integer({ min: 1, max: 65_535 }),
      fc.integer({ min: 1, max: 36 ** 8 }),
      (a, port, at_ms) => {
        fc.pre(a !== null);
        const seen = { ...SEEN, endpoint: { address: a, port }, at_ms };
        const text = signReceipt(seen, "mxYW54lW", () => HMAC);
        expect(text.length).toBeLessThanOrEqual(78);
        expect(decoded(text)?.observed).toStrictEqual(seen);
      },
    ),
  );
});

describe("an invalid receipt:", () => {
  const parts = TEXT.split(".");
  const with_ = (at: number, part: string): string => parts.with(at, part).join(".");
  test.each([
    ["nothing", ""],
    ["a receipt with more behind it", `${TEXT}.x`],
    ["a receipt with a line end behind it", `${TEXT}\n`],
    ["a short key id", with_(0, "short")],
    ["capitals in the endpoint", with_(1, "CB007107D431")],
    ["half an address", with_(1, "cb00d431")],
    ["port nought", with_(1, "cb0071070000")],
    ["IPv4 inside IPv6, which has another text", with_(1, `${"0".repeat(20)}ffffcb007107d431`)],
    ["a time with a zero before it", with_(2, "0mywpiww")],
    ["a short signature", with_(3, "s".repeat(21))],
    ["a whole HMAC", with_(3, HMAC)],
  ])("%s", (_, text) => {
    expect(decoded(text)).toBe(null);
  });
});
