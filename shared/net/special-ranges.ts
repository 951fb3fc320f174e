/**
 * Addresses that no peer on the Internet has: every block of IANA's special-purpose address registries (RFC 6890) and
 * multicast. Relays and introductions refuse them, so that no peer makes another send into a private or protocol range.
 */
import { bytesOf, isIPv4 } from "./endpoint.ts";

/** The first 64 bits of an address (IPv4: 32, then zeros) as two words, and the mask of a block. */
type Words = readonly [number, number];
type Block = { readonly prefix: Words; readonly mask: Words };

/** https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast. */
const SPECIAL_IPV4: readonly Block[] = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carrier-grade NAT
  "127.0.0.0/8", // loopback
  "169.254.0.0/16", // link-local
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.31.196.0/24", // AS112
  "192.52.193.0/24", // AMT
  "192.88.99.0/24", // 6to4 relay anycast
  "192.168.0.0/16", // private
  "192.175.48.0/24", // AS112
  "198.18.0.0/15", // benchmarking
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
].map(block);

/** Only 2000::/3 is assigned as global unicast; every other block is special. */
const GLOBAL_UNICAST_IPV6 = block("2000::/3");

/** The blocks of https://www.iana.org/assignments/iana-ipv6-special-registry within 2000::/3. */
const SPECIAL_IPV6: readonly Block[] = [
  "2001::/23", // protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, drone identifiers
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which embeds an IPv4 address that the sender chose
  "2620:4f:8000::/48", // AS112
  "3fff::/20", // documentation
].map(block);

/** RFC 1918, 3927, 6598: addresses of the own network or of the carrier's. */
const LOCAL_IPV4 = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"].map(block);
/** RFC 4193. */
const LOCAL_IPV6 = [block("fc00::/7")];

/** Whether no peer on the Internet can have this address. True for a text that is no address. */
export function isSpecial(address: string): boolean {
  const words = wordsOf(address);
  if (words === null) return true;
  if (isIPv4(address)) return isIn(SPECIAL_IPV4, words);
  return !contains(GLOBAL_UNICAST_IPV6, words) || isIn(SPECIAL_IPV6, words);
}

/** Whether the address belongs to the sender's own network: private, link-local, carrier-grade NAT, unique local. */
export function isLocal(address: string): boolean {
  const words = wordsOf(address);
  return words !== null && isIn(isIPv4(address) ? LOCAL_IPV4 : LOCAL_IPV6, words);
}

const contains = ({ prefix, mask }: Block, words: Words): boolean =>
  (words[0] & mask[0]) >>> 0 === prefix[0] && (words[1] & mask[1]) >>> 0 === prefix[1];
const isIn = (blocks: readonly Block[], words: Words): boolean => blocks.some((one) => contains(one, words));

function wordsOf(address: string): Words | null {
  const bytes = bytesOf(address);
  if (bytes === null) return null;
  const word = (at: number): number =>
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  return [word(0), bytes.length === 4 ? 0 : word(4)];
}

/** `cidr`: a prefix of at most 64 bits. */
function block(cidr: string): Block {
  const [address, length] = cidr.split("/") as [string, string];
  const words = wordsOf(address)!;
  const mask = [maskOf(Number(length)), maskOf(Number(length) - 32)] as const;
  return { prefix: [(words[0] & mask[0]) >>> 0, (words[1] & mask[1]) >>> 0], mask };
}

/** The mask of the first `bits` of a word. */
function maskOf(bits: number): number {
  return bits <= 0 ? 0 : (0xffff_ffff << (32 - Math.min(32, bits))) >>> 0;
}
