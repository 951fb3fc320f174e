import { isIP } from "node:net";
import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { canonicalAddress, endpoint, formatEndpoint, isIPv4, sameEndpoint, sourceOf } from "#shared/net/endpoint.ts";

describe("the canonical text of an address", () => {
  test.each([
    ["0.0.0.0", "0.0.0.0"],
    ["192.0.2.1", "192.0.2.1"],
    ["255.255.255.255", "255.255.255.255"],
  ])("of IPv4 is unchanged: %s", (given, canonical) => {
    expect(canonicalAddress(given)).toBe(canonical);
  });

  test.each([
    ["mapped, dotted", "::ffff:192.0.2.1"],
    ["mapped, in capitals", "::FFFF:192.0.2.1"],
    ["mapped, in hex", "::ffff:c000:201"],
    ["mapped, in hex with leading zeros", "::ffff:c000:0201"],
    ["mapped, in full", "0:0:0:0:0:ffff:c000:0201"],
    ["mapped, in full and dotted", "0000:0000:0000:0000:0000:ffff:192.0.2.1"],
    ["mapped, with the zeros elsewhere", "0::ffff:192.0.2.1"],
    ["mapped, with a zone", "::ffff:192.0.2.1%eth0"],
    ["translated (RFC 2765)", "::ffff:0:192.0.2.1"],
    ["translated, in hex", "::ffff:0:c000:201"],
    ["NAT64 (RFC 6052)", "64:ff9b::192.0.2.1"],
    ["NAT64, in hex", "64:ff9b::c000:201"],
    ["NAT64, in full", "0064:ff9b:0000:0000:0000:0000:c000:0201"],
  ])("of IPv4 embedded in IPv6 is IPv4: %s", (_, given) => {
    expect(canonicalAddress(given)).toBe("192.0.2.1");
  });

  test.each([
    ["::1.2.3.4", "::102:304", "compatible addresses (RFC 4291) are deprecated and reach nobody"],
    ["64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201", "another prefix than the well-known one"],
    ["64:ff9b::1:192.0.2.1", "64:ff9b::1:c000:201", "more than the well-known prefix"],
    ["1::ffff:192.0.2.1", "1::ffff:c000:201", "not mapped"],
    ["2001:db8::192.0.2.1", "2001:db8::c000:201", "an IPv6 address that was written with dots"],
  ])("of %s stays IPv6: %s (%s)", (given, canonical) => {
    expect(canonicalAddress(given)).toBe(canonical);
  });

  // The numbers are sections of RFC 5952.
  test.each([
    ["1", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1", "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1", "2001:db8::1:0:0:1", "2001:db8::1:0:0:1"],
    ["1", "2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1", "2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["4.1", "2001:0db8::0001", "2001:db8::1"],
    ["4.1", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"],
    ["4.2.1", "2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["4.2.1", "2001:db8::0:1", "2001:db8::1"],
    ["4.2.2", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["4.2.2", "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["4.2.3", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["4.2.3", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["4.3", "2001:DB8::ABCD", "2001:db8::abcd"],
    ["all zero", "0:0:0:0:0:0:0:0", "::"],
    ["loopback", "0000:0000:0000:0000:0000:0000:0000:0001", "::1"],
    ["zeros last", "2001:db8:0:0:0:0:0:0", "2001:db8::"],
    ["one zero last", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["one zero first", "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ])("of IPv6 is that of RFC 5952 (%s): %s", (_, given, canonical) => {
    expect(canonicalAddress(given)).toBe(canonical);
  });

  test.each([
    ["fe80::1%eth0", "fe80::1"],
    ["fe80::1%1", "fe80::1"],
    ["FE80::1%a%b", "fe80::1"],
  ])("contains no zone id: %s", (given, canonical) => {
    expect(canonicalAddress(given)).toBe(canonical);
  });

  test.each(
    [
      ["", " ", "localhost", "example.org", "1", "1.2.3", "1.2.3.4.5", "1..3.4", ".1.2.3", "1.2.3.", "1.2.3.4 "],
      ["01.2.3.4", "1.2.3.04", "1.2.3.00", "1.2.3.256", "1.2.3.1000", "1.2.3.-4", "1.2.3.+4", "1.2.3.0x4", "1.2.3.a"],
      ["1.2.3.4:80", "1.2.3.4\n", "\u0661.2.3.4", "1.2.3.4%eth0", "2130706433", "127.1"],
      [":", ":::", "::1::", "1::2::3", ":1", "1:", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "1:2:3:4:5:6:7", "g::", "::g"],
      ["1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "12345::", "::00001", ":: 1", "::1\n", "[::1]", "[::1]:80", "::-1"],
      ["%eth0", "%::1", "1.2.3.4%::", "::ffff:1.2.3", "::ffff:1.2.3.256", "::ffff:01.2.3.4", "::ffff:1.2.3.4.5"],
      ["::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::1::2"],
    ].flat(),
  )("does not exist for %j", (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });

  // RFC 4291 section 2.2: the dotted form stands for the last 32 bits, nowhere else.
  test.each(["1.2.3.4::", "1.2.3.4::1", "1:1.2.3.4::", "1:2:3:4:5:1.2.3.4::"])(
    "does not exist for %j, whose dots are not at the end",
    (text) => {
      expect(canonicalAddress(text)).toBeNull();
    },
  );

  test("is stable when canonicalised again", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), spelledOut, nearlyAddresses, fc.string()), (text) => {
        const once = canonicalAddress(text);
        if (once !== null) expect(canonicalAddress(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });

  test("exists for exactly the texts that Node accepts as addresses", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4Extended(), fc.ipV6(), spelledOut, nearlyAddresses), (text) => {
        expect(canonicalAddress(text) !== null).toBe(isIP(text) !== 0);
      }),
      { numRuns: 3_000 },
    );
  });

  test("equals that of URLs, except for embedded IPv4", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), spelledOut), (text) => {
        const canonical = canonicalAddress(text);
        if (canonical !== null && !isIPv4(canonical))
          expect(new URL(`http://[${text}]`).hostname).toBe(`[${canonical}]`);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("an endpoint", () => {
  test("consists of a canonical address and a port", () => {
    expect(endpoint("::ffff:192.0.2.1", 1)).toStrictEqual({ address: "192.0.2.1", port: 1 });
    expect(endpoint("2001:DB8::1", 65_535)).toStrictEqual({ address: "2001:db8::1", port: 65_535 });
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("has no port %d", (port) => {
    expect(endpoint("192.0.2.1", port)).toBeNull();
  });

  test("needs an address", () => {
    expect(endpoint("example.org", 80)).toBeNull();
  });

  test("is written with brackets around IPv6", () => {
    expect(formatEndpoint({ address: "192.0.2.1", port: 7_777 })).toBe("192.0.2.1:7777");
    expect(formatEndpoint({ address: "2001:db8::1", port: 7_777 })).toBe("[2001:db8::1]:7777");
  });

  test("equals another with the same address and port", () => {
    const one = { address: "192.0.2.1", port: 7_000 };
    expect(sameEndpoint(one, { ...one })).toBe(true);
    expect(sameEndpoint(one, { ...one, port: 7_001 })).toBe(false);
    expect(sameEndpoint(one, { ...one, address: "192.0.2.2" })).toBe(false);
  });
});

describe("the source of an address", () => {
  test("of IPv4 is the address", () => {
    expect(sourceOf("192.0.2.1")).toBe("192.0.2.1");
  });

  test.each([
    ["2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:db8::", "2001:db8::1"],
    ["2001:db8::1:0:0:1", "2001:db8::2:0:0:1"],
    ["::", "::1"],
  ])("of %s and %s is one /64", (a, b) => {
    expect(sourceOf(a)).toBe(sourceOf(b));
  });

  test.each([
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["2001:db8:1::1", "2001:db8:0:1::1"],
    ["192.0.2.1", "192.0.2.2"],
  ])("of %s and %s differs", (a, b) => {
    expect(sourceOf(a)).not.toBe(sourceOf(b));
  });

  test("of a text that is no address is the text", () => {
    expect(sourceOf("::junk")).toBe("::junk");
  });
});

// --- makers ----------------------------------------------------------------------------------------------------

/** Eight groups with many zeros, some with leading zeros. */
const spelledOut = fc
  .array(fc.oneof(fc.constantFrom("0", "0000", "ffff", "FFFF"), fc.integer({ min: 0, max: 0xffff }).map(hex)), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => groups.join(":"));

/** Mostly invalid texts that resemble addresses. */
const nearlyAddresses = fc
  .array(fc.constantFrom("::", ":", ":", "0", "1", "ffff", "fffff", "1.2.3.4", "1.2.3", "256.1.1.1", "01", "."), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join(""));

function hex(group: number): string {
  return group.toString(16);
}
