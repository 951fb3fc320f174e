/**
 * Endpoints (RFC 8489 "transport address"): an IP address as canonical text, and a port.
 *
 * Two endpoints are equal exactly when their texts are equal, so every address from outside is made canonical here: IPv4
 * embedded in IPv6 becomes IPv4, IPv6 becomes RFC 5952 text, and zone ids (`%eth0`) are removed, because they are only
 * valid on the sending machine.
 */

export type Endpoint = { readonly address: string; readonly port: number };

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.address === b.address;

export const isIPv4 = (address: string): boolean => !address.includes(":");

/** Whether a canonical address is of this machine only: 127.0.0.0/8 or ::1. */
export const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1";

/** `192.0.2.1:7777` or `[2001:db8::1]:7777`. */
export const formatEndpoint = (at: Endpoint): string =>
  isIPv4(at.address) ? `${at.address}:${at.port}` : `[${at.address}]:${at.port}`;

/** The canonical endpoint, or null where the address is invalid or the port is not 1 to 65535. */
export function endpoint(address: string, port: number): Endpoint | null {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return null;
  const canonical = canonicalAddress(address);
  return canonical === null ? null : { address: canonical, port };
}

/** Canonical text of an IPv4 or IPv6 address, or null. */
export function canonicalAddress(text: string): string | null {
  if (!text.includes(":")) return parseIPv4(text) === null ? null : text;
  const groups = parseIPv6(text.split("%", 1)[0] ?? "");
  if (groups === null) return null;
  return embeddedIPv4(groups) ?? formatIPv6(groups);
}

/** The unit of rate limits and quotas: an IPv4 address, or an IPv6 /64, because one subscriber has 2^64 addresses. */
export function sourceOf(address: string): string {
  if (isIPv4(address)) return address;
  const groups = parseIPv6(address);
  return groups === null ? address : `${groups.slice(0, 4).map(hex).join(":")}::/64`;
}

/**
 * The prefixes that one holder may own, the narrowest first: an IPv4 address and its /24; an IPv6 /64, /56 and /48, because
 * providers assign whole /56 and /48 to one customer.
 */
export function prefixesOf(address: string): readonly string[] {
  if (isIPv4(address)) return [address, `${address.slice(0, address.lastIndexOf("."))}.0/24`];
  const groups = parseIPv6(address);
  if (groups === null) return [address];
  const [a, b, c, d] = groups.map(hex);
  return [`${a}:${b}:${c}:${d}::/64`, `${a}:${b}:${c}:${hex(groups[3]! & 0xff00)}::/56`, `${a}:${b}:${c}::/48`];
}

/** The 4 or 16 bytes of a canonical address, or null. */
export function bytesOf(address: string): readonly number[] | null {
  if (isIPv4(address)) return parseIPv4(address);
  return parseIPv6(address)?.flatMap((group) => [group >> 8, group & 255]) ?? null;
}

// --- parsing ---------------------------------------------------------------------------------------------------

const ZERO = 0x30;
/** A dot, counted from zero. */
const END_OF_BYTE = 0x2e - ZERO;

function parseIPv4(text: string): number[] | null {
  const bytes: number[] = [];
  // Without a digit so far.
  let value = -1;
  for (let at = 0; at <= text.length; at++) {
    const digit = at === text.length ? END_OF_BYTE : text.charCodeAt(at) - ZERO;
    if (digit === END_OF_BYTE) {
      if (value < 0) return null;
      bytes.push(value);
      value = -1;
    } else {
      // A leading zero means octal to some readers.
      if (digit < 0 || digit > 9 || value === 0) return null;
      value = Math.max(value, 0) * 10 + digit;
      if (value > 255) return null;
    }
  }
  return bytes.length === 4 ? bytes : null;
}

/** Eight 16-bit groups, or null. Accepts a dotted IPv4 tail (RFC 4291 section 2.2). */
function parseIPv6(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  return [...head, ...Array<number>(gap).fill(0), ...tail];
}

function groupsOf(text: string, endsTheAddress: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const mayBeDotted = endsTheAddress && index === parts.length - 1;
    const bytes = mayBeDotted && part.includes(".") ? parseIPv4(part) : null;
    if (bytes !== null) {
      groups.push((bytes[0]! << 8) | bytes[1]!, (bytes[2]! << 8) | bytes[3]!);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** `::ffff:a.b.c.d` (mapped), `::ffff:0:a.b.c.d` (translated, RFC 2765) and `64:ff9b::a.b.c.d` (RFC 6052). */
function embeddedIPv4(groups: readonly number[]): string | null {
  const [a, b, c, d, e, f, g = 0, h = 0] = groups;
  const mapped = a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff;
  const translated = a === 0 && b === 0 && c === 0 && d === 0 && e === 0xffff && f === 0;
  const wellKnown = a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0;
  return mapped || translated || wellKnown ? `${g >> 8}.${g & 255}.${h >> 8}.${h & 255}` : null;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function formatIPv6(groups: readonly number[]): string {
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8;) {
    let end = at;
    while (end < 8 && groups[end] === 0) end++;
    if (end - at > best.length) best = { at, length: end - at };
    at = Math.max(end, at + 1);
  }
  if (best.length < 2) return groups.map(hex).join(":");
  const head = groups.slice(0, best.at).map(hex).join(":");
  return `${head}::${groups
    .slice(best.at + best.length)
    .map(hex)
    .join(":")}`;
}

const hex = (group: number): string => group.toString(16);
