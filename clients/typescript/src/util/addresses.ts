/** Classes of IP addresses: which may be sent to, and in which scope. */
import { BlockList, isIPv4, isIPv6 } from "node:net";

export type Endpoint = { readonly address: string; readonly port: number };

/** Never a peer's: "this network", multicast, reserved, broadcast, unspecified. */
const UNUSABLE = new BlockList();
UNUSABLE.addSubnet("0.0.0.0", 8, "ipv4");
UNUSABLE.addSubnet("224.0.0.0", 3, "ipv4");
UNUSABLE.addAddress("::", "ipv6");
UNUSABLE.addSubnet("ff00::", 8, "ipv6");

/** Private and link-local networks (RFC 1918, 3927, 6598, 4193). */
const LOCAL = new BlockList();
LOCAL.addSubnet("10.0.0.0", 8, "ipv4");
LOCAL.addSubnet("100.64.0.0", 10, "ipv4");
LOCAL.addSubnet("169.254.0.0", 16, "ipv4");
LOCAL.addSubnet("172.16.0.0", 12, "ipv4");
LOCAL.addSubnet("192.168.0.0", 16, "ipv4");
LOCAL.addSubnet("fc00::", 7, "ipv6");

/** Further IANA special-purpose ranges: never the source of a peer elsewhere. */
const SPECIAL = new BlockList();
SPECIAL.addSubnet("192.0.0.0", 24, "ipv4");
SPECIAL.addSubnet("192.0.2.0", 24, "ipv4");
SPECIAL.addSubnet("192.88.99.0", 24, "ipv4");
SPECIAL.addSubnet("198.18.0.0", 15, "ipv4");
SPECIAL.addSubnet("198.51.100.0", 24, "ipv4");
SPECIAL.addSubnet("203.0.113.0", 24, "ipv4");

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** The address of one machine. IPv4-mapped IPv6 is refused, because each address has one canonical form. */
export function isUnicast(address: string): boolean {
  if (isIPv4(address)) return !UNUSABLE.check(address, "ipv4");
  return isIPv6(address) && !/^::ffff:|%/i.test(address) && !UNUSABLE.check(address, "ipv6");
}

export const isLocal = (address: string): boolean => LOCAL.check(address, family(address));

export const isLoopback = (address: string): boolean => LOOPBACK.check(address, family(address));

/** A unicast IPv4 address that is reachable from everywhere. */
export const isPublicIPv4 = (address: string): boolean =>
  isIPv4(address) && isUnicast(address) && !isLocal(address) && !isLoopback(address) && !SPECIAL.check(address, "ipv4");

export const isEndpoint = ({ address, port }: Endpoint): boolean =>
  Number.isInteger(port) && port >= 1 && port <= 65_535 && isUnicast(address);

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.address === b.address;

const family = (address: string): "ipv4" | "ipv6" => (isIPv4(address) ? "ipv4" : "ipv6");
