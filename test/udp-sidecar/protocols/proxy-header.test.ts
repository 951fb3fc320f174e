/** The PROXY protocol's header: the examples of its specification, every split of them, and what is no header. */
import { describe, expect, test } from "vitest";
import { parseProxyHeader } from "../../../udp-sidecar/protocols/proxy-header.ts";
import * as fc from "../../support/fc.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const V4 = `${SIGNATURE}2111000cc6336407cb007105c88622ba`;
const V6 = `${SIGNATURE}2121002420010db800000000000000000000000920010db8000000000000000000000001c88622ba`;
const line = (text: string): Buffer => Buffer.from(`PROXY ${text}\r\n`);
const block = (hex: string): Buffer => Buffer.from(hex, "hex");
const FOUR = { address: "198.51.100.7", port: 51_334 };
const SIX = { address: "2001:db8::9", port: 51_334 };

const VALID: readonly (readonly [string, Buffer, object | null])[] = [
  ["1, IPv4", line("TCP4 198.51.100.7 203.0.113.5 51334 8890"), FOUR],
  ["1, IPv6", line("TCP6 2001:DB8:0:0::9 2001:db8::1 51334 8890"), SIX],
  ["1, without a client", line("UNKNOWN"), null],
  ["1, without a client, with what a proxy adds", line("UNKNOWN ffff::1 ffff::2 1 2"), null],
  ["2, IPv4", block(V4), FOUR],
  ["2, IPv6", block(V6), SIX],
  ["2, IPv4 with extensions", block(`${V4.slice(0, 28)}0012${V4.slice(32)}040003616263`), FOUR],
  ["2, the proxy's own connection", block(`${SIGNATURE}20000000`), null],
  ["2, without a client", block(`${SIGNATURE}21000000`), null],
  ["2, over a Unix socket", block(`${SIGNATURE}213100d8${"00".repeat(216)}`), null],
];

describe.each(VALID)("a header of version %s", (_, bytes, client) => {
  test("names its client, and leaves what follows", () => {
    expect(parseProxyHeader(Buffer.concat([bytes, Buffer.from("register-host\n")]))).toStrictEqual({
      client,
      length: bytes.length,
    });
  });

  test("is incomplete until its last byte has arrived", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect([length, parseProxyHeader(bytes.subarray(0, length))]).toStrictEqual([length, "incomplete"]);
    }
  });
});

test.each([
  ["no header", Buffer.from("register-host\n")],
  ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(100)}`)],
  ["an address of the other family", line("TCP4 2001:db8::9 2001:db8::1 51334 8890")],
  ["an address that is none", line("TCP4 198.51.100.777 203.0.113.5 51334 8890")],
  ["a port that is none", line("TCP4 198.51.100.7 203.0.113.5 70000 8890")],
  ["port 0", line("TCP4 198.51.100.7 203.0.113.5 0 8890")],
  ["UDP in version 1", line("UDP4 198.51.100.7 203.0.113.5 51334 8890")],
  ["a block that is too long", block(`${SIGNATURE}2111ffff`)],
  ["a block that is too short for its addresses", block(`${SIGNATURE}21110008c6336407cb007105`)],
  ["another version", block(`${SIGNATURE}3111000c`)],
])("%s is invalid", (_, bytes) => {
  expect(parseProxyHeader(bytes)).toBe("invalid");
});

test("arbitrary bytes behind either beginning never throw", () => {
  const beginning = fc.constantFrom(Buffer.from("PROXY "), Buffer.from(`${SIGNATURE}21`, "hex"));
  fc.assert(
    fc.property(beginning, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
      const parsed = parseProxyHeader(Buffer.concat([start, rest]));
      if (typeof parsed === "object") expect(parsed.length).toBeLessThanOrEqual(start.length + rest.length);
    }),
  );
});
