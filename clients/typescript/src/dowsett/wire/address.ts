/** Addresses as the wire has them: `["192.0.2.1", 7777]`, numeric IPv4 only. */
import { type Json, isArray } from "../../util/bounded-json.ts";

export type Address = readonly [ip: string, port: number];

export const sameAddress = (a: Address, b: Address): boolean => a[1] === b[1] && a[0] === b[0];

/** `192.0.2.1:7777` */
export const formatAddress = ([ip, port]: Address): string => `${ip}:${port}`;

/** Four decimal bytes without leading zeros. */
export function isIPv4(text: unknown): text is string {
  if (typeof text !== "string" || text.length > 15) return false;
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

/** The address that a value of the wire is, or null. Port 0 to 65535; the script may write it as a float. */
export function readAddress(value: Json | undefined): Address | null {
  if (!isArray(value) || value.length !== 2) return null;
  const [ip, port] = value;
  if (!isIPv4(ip) || typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535) return null;
  return [ip, port];
}

/**
 * Whether a datagram to it can mean one peer: numeric IPv4, not the dummy `0.0.0.0` (which some systems send to themselves), no
 * multicast or broadcast, and a port.
 */
export function isReachable([ip, port]: Address): boolean {
  const first = Number(ip.split(".", 1)[0]);
  return isIPv4(ip) && Number.isInteger(port) && port > 0 && port <= 65_535 && first > 0 && first < 224;
}
