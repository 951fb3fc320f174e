/**
 * The client's address in a header of a trusted proxy: `X-Forwarded-For` and its kin, or `Forwarded` (RFC 7239).
 *
 *     198.51.100.7    198.51.100.7:51334    [2001:db8::9]:443    "[2001:db8::9]"    for=198.51.100.7;proto=https
 *
 * Of several addresses the last one counts: the proxy appended it, and the client may have sent the others.
 */
import { canonicalAddress } from "./endpoint.ts";

/** The canonical address, or null if the last node is no address (`unknown`, an obfuscated name, or malformed). */
export function forwardedAddress(header: string): string | null {
  const last = header.split(",").at(-1)!.trim();
  const node = unquote(forParameter(last) ?? last);
  const [, bracketed, v4] = NODE.exec(node) ?? [];
  return canonicalAddress(bracketed ?? v4 ?? node);
}

/** `[IPv6]` or IPv4, each with an optional port. What does not match is an address alone, or none. */
const NODE = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?$/;

/** The value of `for=` in an element of `Forwarded`, or undefined. Parameter names are case-insensitive. */
const forParameter = (element: string): string | undefined =>
  element
    .split(";")
    .map((parameter) => /^for=(.*)$/i.exec(parameter.trim())?.[1])
    .find((value) => value !== undefined);

const unquote = (text: string): string => /^"([^"\\]*)"$/.exec(text)?.[1] ?? text;
