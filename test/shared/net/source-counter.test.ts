/** Fair shares of a table: per source, per prefix, and while the table fills. */
import { describe, expect, test } from "vitest";
import { prefixesOf } from "#shared/net/endpoint.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";

const QUOTA = { size_max: 50_000, per_source_max: 256 };

/** Adds entries until the source is refused; returns how many it holds. */
function fill(counter: SourceCounter, address: string, quota = QUOTA): number {
  while (counter.hasRoom(address, quota)) counter.add(address, 1);
  return counter.of(address);
}

describe("a source", () => {
  test("holds at most its quota in an empty table", () => {
    const counter = new SourceCounter();
    expect(fill(counter, "192.0.2.1")).toBe(256);
    expect(fill(counter, "198.51.100.1")).toBe(256);
    counter.add("192.0.2.1", -1);
    expect(counter.hasRoom("192.0.2.1", QUOTA)).toBe(true);
    expect(counter.hasRoom("192.0.2.1", QUOTA, 1)).toBe(false);
  });

  test("that is new gets in after 200 greedy ones", () => {
    const counter = new SourceCounter();
    const sources = 200;
    for (let round = 0; round < 2; round++) {
      for (let source = 0; source < sources; source++) fill(counter, `10.${source >> 8}.${source & 255}.1`);
    }
    expect(counter.hasRoom("192.0.2.1", QUOTA)).toBe(true);
  });

  test("of an IPv6 /56 or /48, or an IPv4 /24, shares with its neighbours", () => {
    const held = (addresses: readonly string[]): number => {
      const counter = new SourceCounter();
      return addresses.reduce((sum, address) => sum + fill(counter, address), 0);
    };
    const numbers = Array.from({ length: 256 }, (_, index) => index);
    expect(held(numbers.map((index) => `192.0.2.${index}`))).toBe(4 * 256);
    expect(held(numbers.map((index) => `2001:db8:0:${index.toString(16)}::1`))).toBe(4 * 256);
    expect(held(numbers.map((index) => `2001:db8:0:${(index * 256).toString(16)}::1`))).toBe(16 * 256);
  });

  test("leaves no state behind", () => {
    const counter = new SourceCounter();
    for (const address of ["192.0.2.1", "2001:db8::1"]) counter.add(address, 1);
    for (const address of ["192.0.2.1", "2001:db8::1"]) counter.add(address, -1);
    expect(counter.size).toBe(0);
  });
});

test.each([
  ["192.0.2.7", ["192.0.2.7", "192.0.2.0/24"]],
  ["2001:db8:1:23ff::7", ["2001:db8:1:23ff::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48"]],
])("prefixes of %s", (address, prefixes) => {
  expect(prefixesOf(address)).toStrictEqual(prefixes);
});
