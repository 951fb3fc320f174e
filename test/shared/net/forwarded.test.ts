import { expect, test } from "vitest";
import { forwardedAddress } from "#shared/net/forwarded.ts";

test.each([
  ["198.51.100.7", "198.51.100.7"],
  ["198.51.100.7:51334", "198.51.100.7"],
  ['"198.51.100.7:51334"', "198.51.100.7"],
  ["2001:DB8::9", "2001:db8::9"],
  ["[2001:db8::9]", "2001:db8::9"],
  ["[2001:db8::9]:443", "2001:db8::9"],
  ['"[2001:db8::9]:443"', "2001:db8::9"],
  ["::ffff:198.51.100.7", "198.51.100.7"],
  ["for=198.51.100.7", "198.51.100.7"],
  ['For="[2001:db8:cafe::17]:4711";proto=https;by=203.0.113.43', "2001:db8:cafe::17"],
  ["proto=https; for=198.51.100.7", "198.51.100.7"],
  ["203.0.113.9, for=192.0.2.43, for=198.51.100.17", "198.51.100.17"],
  ["10.0.0.1 , 198.51.100.7", "198.51.100.7"],
])("the proxy's %s names %s", (header, address) => {
  expect(forwardedAddress(header)).toBe(address);
});

test.each([
  "",
  "unknown",
  "for=unknown",
  'for="_gazonk"',
  "_SEVKISEK",
  "proto=https",
  "198.51.100",
  "198.51.100.7:port",
  "198.51.100.7:123456",
  "198.51.100.256",
  "[198.51.100.7",
  "[2001:db8::9]443",
  "2001:db8::9::1",
  '"198.51.100.7',
  "198.51.100.7, ",
  "198.51.100.7 junk",
])("%j names no address", (header) => {
  expect(forwardedAddress(header)).toBe(null);
});
