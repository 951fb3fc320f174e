/**
 * Checks every UDP port of a sidecar by STUN, which the sidecar answers without the hub.
 *
 * The response shows whether the port is reachable, from which address it responds, and as which endpoint it sees us.
 */
import { randomBytes } from "node:crypto";
import { canonicalAddress, type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import { type Datagram, noResponse, wrongSource, UdpProbe } from "./udp-probe.ts";

/** A binding request without its transaction id (RFC 8489). */
const REQUEST = Buffer.from("000100002112a442", "hex");
const SUCCESS = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;
const COOKIE = Buffer.from("2112a442", "hex");

/** The local port of one socket, and its mapped endpoint as seen from each port of the sidecar. */
export type Observation = { readonly port: number; readonly mapped: readonly Endpoint[] };

export async function checkStun(
  address: string,
  ports: readonly number[],
): Promise<{ readonly findings: Finding[]; readonly observation: Observation; readonly good: ReadonlySet<number> }> {
  const probe = await UdpProbe.open(address);
  try {
    const results = await Promise.all(ports.map((port) => checkPort(probe, { address, port })));
    const good = new Set(ports.filter((_, at) => results[at]!.finding.state === "ok"));
    const mapped = results.flatMap((result) => (result.mapped === null ? [] : [result.mapped]));
    return { findings: results.map(({ finding }) => finding), observation: { port: probe.port, mapped }, good };
  } finally {
    probe.close();
  }
}

async function checkPort(probe: UdpProbe, to: Endpoint): Promise<{ finding: Finding; mapped: Endpoint | null }> {
  const subject = `UDP ${to.port}`;
  const transaction = randomBytes(12);
  const isResponse = ({ bytes }: Datagram): boolean =>
    bytes.length >= 20 && bytes.readUInt16BE(0) === SUCCESS && bytes.subarray(8, 20).equals(transaction);
  const response = await probe.request(Buffer.concat([REQUEST, transaction]), to, isResponse);
  if (response === null) return { finding: noResponse(subject, to.port), mapped: null };
  const mapped = parseMappedAddress(response.bytes, transaction);
  if (mapped === null) {
    return { finding: fault(subject, "the server there is not a sidecar", "correct --sidecar"), mapped };
  }
  const finding = wrongSource(subject, to, response) ?? ok(subject, `it sees us as ${formatEndpoint(mapped)}`);
  return { finding, mapped };
}

/** The XOR-MAPPED-ADDRESS of a success response, or null if there is none. */
export function parseMappedAddress(bytes: Buffer, transaction: Buffer): Endpoint | null {
  for (let at = 20; at + 8 <= bytes.length; at += 4 + ((bytes.readUInt16BE(at + 2) + 3) & ~3)) {
    if (bytes.readUInt16BE(at) !== XOR_MAPPED_ADDRESS) continue;
    const length = bytes.readUInt16BE(at + 2) - 4;
    if (at + 8 + length > bytes.length) return null;
    const mask = Buffer.concat([COOKIE, transaction]);
    const plain = bytes.subarray(at + 8, at + 8 + length).map((byte, place) => byte ^ mask[place]!);
    const text = length === 4 ? plain.join(".") : [...Buffer.from(plain).toString("hex").matchAll(/.{4}/g)].join(":");
    // In the form of RFC 5952, in which addresses are compared.
    const address = canonicalAddress(text);
    return address === null ? null : { address, port: bytes.readUInt16BE(at + 6) ^ COOKIE.readUInt16BE(0) };
  }
  return null;
}
