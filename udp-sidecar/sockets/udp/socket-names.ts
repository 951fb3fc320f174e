/**
 * Socket names (`struct sockaddr_in` and `sockaddr_in6`).
 *
 *     in  family:2 port:2 address:4 zero:8          in6  family:2 port:2 flow:4 address:16 scope:4
 */
import { bytesOf, isIPv4 } from "#shared/net/endpoint.ts";
import { UDP_ADDRESSES_REMEMBERED_MAX } from "#shared/limits.ts";

export const NAME_BYTES = 28;
export const AF = { 4: 2, 6: 10 } as const;
export const NAME_LENGTH = { 4: 16, 6: 28 } as const;
export const PORT_AT = 2;
export const ADDRESS_AT = { 4: 4, 6: 8 } as const;

/** The octets of recent addresses, because a receiver is usually known. */
const octets = new Map<string, Uint8Array | null>();

/** Writes a name and returns its length; 0 if the address is none of this family, or has a scope. */
export function writeName(view: DataView, at: number, family: 4 | 6, address: string, port: number): number {
  const bytes = octets.get(address) ?? remember(address);
  if (bytes === null || bytes.length !== (family === 4 ? 4 : 16)) return 0;
  view.setUint16(at, AF[family], true);
  view.setUint16(at + PORT_AT, port);
  const to = at + ADDRESS_AT[family];
  for (let n = 0; n < bytes.length; n++) view.setUint8(to + n, bytes[n]!);
  return NAME_LENGTH[family];
}

/** Copies a name that the kernel wrote, and returns its length. */
export function copyName(from: DataView, from_at: number, to: DataView, to_at: number, family: 4 | 6): number {
  const length = NAME_LENGTH[family];
  for (let n = 0; n < length; n += 4) to.setInt32(to_at + n, from.getInt32(from_at + n));
  return length;
}

function remember(address: string): Uint8Array | null {
  const bytes = bytesOf(address);
  const isUsable = bytes !== null && bytes.length === (isIPv4(address) ? 4 : 16);
  if (octets.size >= UDP_ADDRESSES_REMEMBERED_MAX) octets.clear();
  const value = isUsable ? Uint8Array.from(bytes) : null;
  octets.set(address, value);
  return value;
}
