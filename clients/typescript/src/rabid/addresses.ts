/** Which addresses a player may be told of, and which may answer in his stead. */
import { BlockList } from "node:net";
import type { Endpoint } from "./events.ts";

/** Never sent to, whoever names them: "this network", multicast, reserved and broadcast. */
const NOBODY = new BlockList();
NOBODY.addSubnet("0.0.0.0", 8, "ipv4");
NOBODY.addSubnet("224.0.0.0", 3, "ipv4");

/** IANA's special-purpose ranges that a host may have: sent to only if the server told of them. */
const SPECIAL = new BlockList();
for (const [net, bits] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
] as const) {
  SPECIAL.addSubnet(net, bits, "ipv4");
}

/** An address of one machine. */
export const isUnicast = (address: string): boolean => !NOBODY.check(address, "ipv4");

/** A unicast address that is reachable everywhere. */
export const isPublic = (address: string): boolean => isUnicast(address) && !SPECIAL.check(address, "ipv4");

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.address === b.address;
