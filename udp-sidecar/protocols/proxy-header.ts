/**
 * The PROXY protocol, versions 1 and 2: the line or the block with which a TCP proxy begins a connection to name its client
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
 *
 *     1    PROXY TCP4 198.51.100.7 203.0.113.5 51334 8890\r\n
 *     2    0D0A0D0A000D0A515549540A 21 11 000C, then both addresses, both ports, and extensions that are skipped
 */
import { type Endpoint, endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import { PROXY_HEADER_BYTES_MAX } from "#shared/limits.ts";

/** `client` is null for a connection of the proxy's own (LOCAL), or of a client without an address (UNKNOWN, UNSPEC). */
export type ProxyHeader = { readonly client: Endpoint | null; readonly length: number };

const V1 = Buffer.from("PROXY ");
/** Version 1: the longest line, with its end. */
const V1_BYTES_MAX = 107;
const V2 = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const V2_FIXED_BYTES = 16;
const [LOCAL, PROXY] = [0x20, 0x21];
/** Family and transport: TCP over IPv4 and IPv6. The source address comes first, and the ports follow both addresses. */
const V2_ADDRESS_BYTES: Readonly<Record<number, 4 | 16>> = { 0x11: 4, 0x21: 16 };

/** Reads the header at the beginning of a connection. `incomplete`: more bytes may complete it. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | "incomplete" | "invalid" {
  if (beginsLike(bytes, V2)) return bytes.length < V2_FIXED_BYTES ? "incomplete" : parseBlock(bytes);
  if (beginsLike(bytes, V1)) return parseLine(bytes);
  return "invalid";
}

/** Whether both are equal in the bytes that have arrived. */
const beginsLike = (bytes: Buffer, prefix: Buffer): boolean => {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.subarray(0, length).equals(prefix.subarray(0, length));
};

function parseLine(bytes: Buffer): ProxyHeader | "incomplete" | "invalid" {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf("\r\n");
  if (end === -1) return bytes.length < V1_BYTES_MAX ? "incomplete" : "invalid";
  const length = end + 2;
  const [, family, source, , port, , surplus] = bytes.toString("latin1", 0, end).split(" ");
  if (family === "UNKNOWN") return { client: null, length };
  const client = /^[0-9]{1,5}$/.test(port ?? "") ? endpoint(source ?? "", Number(port)) : null;
  const isValid = surplus === undefined && client !== null && family === (isIPv4(client.address) ? "TCP4" : "TCP6");
  return isValid ? { client, length } : "invalid";
}

function parseBlock(bytes: Buffer): ProxyHeader | "incomplete" | "invalid" {
  const [command, family] = [bytes[12], bytes[13]!];
  const length = V2_FIXED_BYTES + bytes.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXY) || length > PROXY_HEADER_BYTES_MAX) return "invalid";
  if (bytes.length < length) return "incomplete";
  const size = V2_ADDRESS_BYTES[family];
  if (command === LOCAL || size === undefined) return { client: null, length };
  if (length < V2_FIXED_BYTES + 2 * size + 4) return "invalid";
  const source = bytes.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + size);
  const text = size === 4 ? source.join(".") : source.toString("hex").match(/.{4}/g)!.join(":");
  const client = endpoint(text, bytes.readUInt16BE(V2_FIXED_BYTES + 2 * size));
  return client === null ? "invalid" : { client, length };
}
