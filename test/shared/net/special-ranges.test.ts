/** Special-purpose addresses against every row of IANA's registries. */
import { describe, expect, test } from "vitest";
import { bytesOf } from "#shared/net/endpoint.ts";
import { isLocal, isSpecial } from "#shared/net/special-ranges.ts";
import { recordFigure } from "../../support/attack-figures.ts";

/**
 * Every row of the IANA IPv4 Special-Purpose Address Registry, and the multicast block. Also the globally reachable rows
 * count as special: they are anycast services and identifiers, and no peer has such an address.
 */
const IPV4 = [
  ["this network", "0.0.0.0/8"],
  ["this host on this network", "0.0.0.0/32"],
  ["private use", "10.0.0.0/8"],
  ["shared address space", "100.64.0.0/10"],
  ["loopback", "127.0.0.0/8"],
  ["link-local", "169.254.0.0/16"],
  ["private use", "172.16.0.0/12"],
  ["IETF protocol assignments", "192.0.0.0/24"],
  ["IPv4 service continuity", "192.0.0.0/29"],
  ["IPv4 dummy address", "192.0.0.8/32"],
  ["port control protocol anycast", "192.0.0.9/32"],
  ["TURN anycast", "192.0.0.10/32"],
  ["NAT64/DNS64 discovery", "192.0.0.170/32"],
  ["NAT64/DNS64 discovery", "192.0.0.171/32"],
  ["documentation (TEST-NET-1)", "192.0.2.0/24"],
  ["AS112-v4", "192.31.196.0/24"],
  ["AMT", "192.52.193.0/24"],
  ["6to4 relay anycast (deprecated)", "192.88.99.0/24"],
  ["private use", "192.168.0.0/16"],
  ["direct delegation AS112 service", "192.175.48.0/24"],
  ["benchmarking", "198.18.0.0/15"],
  ["documentation (TEST-NET-2)", "198.51.100.0/24"],
  ["documentation (TEST-NET-3)", "203.0.113.0/24"],
  ["multicast", "224.0.0.0/4"],
  ["reserved", "240.0.0.0/4"],
  ["limited broadcast", "255.255.255.255/32"],
] as const;

/** Every row of the IPv6 registry except the two that are read as IPv4 (::ffff:0:0/96, 64:ff9b::/96), and multicast. */
const IPV6 = [
  ["loopback", "::1/128"],
  ["unspecified", "::/128"],
  ["IPv4-IPv6 translation", "64:ff9b:1::/48"],
  ["discard-only", "100::/64"],
  ["dummy prefix", "100:0:0:1::/64"],
  ["IETF protocol assignments", "2001::/23"],
  ["Teredo", "2001::/32"],
  ["port control protocol anycast", "2001:1::1/128"],
  ["TURN anycast", "2001:1::2/128"],
  ["DNS-SD service registration anycast", "2001:1::3/128"],
  ["benchmarking", "2001:2::/48"],
  ["AMT", "2001:3::/32"],
  ["AS112-v6", "2001:4:112::/48"],
  ["ORCHID (deprecated)", "2001:10::/28"],
  ["ORCHIDv2", "2001:20::/28"],
  ["drone remote identifiers", "2001:30::/28"],
  ["documentation", "2001:db8::/32"],
  ["6to4", "2002::/16"],
  ["direct delegation AS112 service", "2620:4f:8000::/48"],
  ["documentation", "3fff::/20"],
  ["segment routing identifiers", "5f00::/16"],
  ["unique local", "fc00::/7"],
  ["link-local", "fe80::/10"],
  ["multicast", "ff00::/8"],
] as const;

describe("a special-purpose block of IANA's registries", () => {
  test.each([...IPV4, ...IPV6])("%s, %s, is special from its first to its last address", (_, cidr) => {
    expect(edgesOf(cidr).map((address) => [address, isSpecial(address)])).toStrictEqual(
      edgesOf(cidr).map((address) => [address, true]),
    );
  });
});

test("no special-purpose block passes as public", ({ task }) => {
  const blocks = [...IPV4, ...IPV6];
  const open = blocks.filter(([, cidr]) => edgesOf(cidr).some((address) => !isSpecial(address)));
  expect(open).toStrictEqual([]);
  recordFigure(task, {
    order: 130,
    attack: "192.88.99.0/24, 2001:1::/32, 2001:10::/28, 2001:20::/28 and other special addresses as a peer's",
    before: "these four pass as public",
    after: `${open.length} of IANA's ${blocks.length} blocks pass`,
  });
});

describe("an address of the Internet", () => {
  test.each(
    [
      ["1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
      ["128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0"],
      ["192.31.195.255", "192.31.197.0", "192.52.192.255", "192.52.194.0", "192.88.98.255", "192.88.100.0"],
      ["192.167.255.255", "192.169.0.0", "192.175.47.255", "192.175.49.0", "198.17.255.255", "198.20.0.0"],
      ["198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255"],
      ["2000::1", "2001:200::", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700::1111"],
      ["2620:4f:7fff::", "2620:4f:8001::", "2620:50::", "2a00::1", "3ffe::1", "3fff:1000::"],
    ].flat(),
  )("%s is not special", (address) => {
    expect(isSpecial(address)).toBe(false);
  });
});

test("a text that is no address is special", () => {
  expect(["", "localhost", "::junk", "10.0.0"].map(isSpecial)).toStrictEqual([true, true, true, true]);
});

describe("a local address", () => {
  test.each(["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])(
    "of %s is local, and its neighbours are not",
    (cidr) => {
      expect(edgesOf(cidr).map(isLocal)).toStrictEqual([true, true]);
      const [first, last] = edgesOf(cidr).map((address) => valueOf(address));
      const size = cidr.includes(":") ? 16 : 4;
      expect([first! - 1n, last! + 1n].map((value) => isLocal(textOf(value, size)))).toStrictEqual([false, false]);
    },
  );

  test.each(["127.0.0.1", "192.0.2.1", "1.1.1.1", "::1", "2001:db8::1", "fe80::1", "junk"])(
    "%s is not local",
    (address) => {
      expect(isLocal(address)).toBe(false);
    },
  );
});

/** The first and the last address of a block. */
function edgesOf(cidr: string): [string, string] {
  const [address, length] = cidr.split("/") as [string, string];
  const size = bytesOf(address)!.length;
  const rest = (1n << BigInt(8 * size - Number(length))) - 1n;
  return [textOf(valueOf(address), size), textOf(valueOf(address) | rest, size)];
}

const valueOf = (address: string): bigint => bytesOf(address)!.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function textOf(value: bigint, size: number): string {
  const bytes = Array.from({ length: size }, (_, at) => Number((value >> BigInt(8 * (size - 1 - at))) & 255n));
  if (size === 4) return bytes.join(".");
  return Array.from({ length: 8 }, (_, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16)).join(":");
}
