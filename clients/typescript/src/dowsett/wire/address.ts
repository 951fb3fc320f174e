/** Addresses on the wire: `["192.0.2.1", 7777]`, numeric IPv4 only. */
import { isIPv4 } from "node:net";
import { isUnicast } from "../../util/addresses.ts";
import { type Json, isArray } from "../../util/bounded-json.ts";

export type Address = readonly [ip: string, port: number];

export const sameAddress = (a: Address, b: Address): boolean => a[1] === b[1] && a[0] === b[0];

/** `192.0.2.1:7777` */
export const formatAddress = ([ip, port]: Address): string => `${ip}:${port}`;

/** Reads an address, or returns null. Port 0 to 65535; the script may write it as a float. */
export function readAddress(value: Json | undefined): Address | null {
  if (!isArray(value) || value.length !== 2) return null;
  const [ip, port] = value;
  if (
    typeof ip !== "string" ||
    !isIPv4(ip) ||
    typeof port !== "number" ||
    !Number.isInteger(port) ||
    port < 0 ||
    port > 65_535
  )
    return null;
  return [ip, port];
}

/**
 * Whether one peer can have this address: numeric IPv4, not `0.0.0.0/8` (some systems send that to themselves), not
 * multicast or broadcast, and a port.
 */
export function isReachable([ip, port]: Address): boolean {
  return isIPv4(ip) && isUnicast(ip) && Number.isInteger(port) && port > 0 && port <= 65_535;
}
