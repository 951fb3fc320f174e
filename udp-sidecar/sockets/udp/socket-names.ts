/**
 * Socket names (`struct sockaddr_in` and `sockaddr_in6`) from and to addresses as text. Both directions remember recent
 * addresses, because a datagram's sender is usually known.
 *
 *     in  family:2 port:2 address:4 zero:8          in6  family:2 port:2 flow:4 address:16 scope:4
 */
import { bytesOf, canonicalAddress, isIPv4 } from "#shared/net/endpoint.ts";
import { UDP_ADDRESSES_REMEMBERED_MAX } from "#shared/limits.ts";

export const NAME_BYTES = 28;
export const AF = { 4: 2, 6: 10 } as const;
const LENGTH = { 4: 16, 6: 28 } as const;
const [PORT_AT, IPV4_AT, IPV6_AT] = [2, 4, 8];

const texts4 = new Map<number, string>();
const texts6 = new Map<string, string>();
const octets = new Map<string, Uint8Array | null>();

export const portIn = (view: DataView, at: number): number => view.getUint16(at + PORT_AT);

/** The address of a name that the kernel wrote. */
export function addressIn(view: DataView, at: number, family: 4 | 6): string {
  if (family === 4) {
    const bits = view.getUint32(at + IPV4_AT);
    return texts4.get(bits) ?? remember(texts4, bits, dotted(bits));
  }
  const units = Array.from({ length: 8 }, (_, n) => view.getUint16(at + IPV6_AT + 2 * n).toString(16)).join(":");
  return texts6.get(units) ?? remember(texts6, units, canonicalAddress(units)!);
}

/** Writes a name and returns its length; 0 if the address is none of this family, or has a scope. */
export function writeName(view: DataView, at: number, family: 4 | 6, address: string, port: number): number {
  const bytes = octets.get(address) ?? remember(octets, address, octetsOf(address));
  if (bytes === null || bytes.length !== (family === 4 ? 4 : 16)) return 0;
  view.setUint16(at, AF[family], true);
  view.setUint16(at + PORT_AT, port);
  new Uint8Array(view.buffer).set(bytes, at + (family === 4 ? IPV4_AT : IPV6_AT));
  return LENGTH[family];
}

function octetsOf(address: string): Uint8Array | null {
  const bytes = bytesOf(address);
  return bytes === null || (isIPv4(address) && bytes.length !== 4) ? null : Uint8Array.from(bytes);
}

const dotted = (bits: number): string => `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;

function remember<K, V>(map: Map<K, V>, key: K, value: V): V {
  if (map.size >= UDP_ADDRESSES_REMEMBERED_MAX) map.clear();
  map.set(key, value);
  return value;
}
