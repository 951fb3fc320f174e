/** STUN, which every UDP port of a sidecar answers by itself: is it reached, who answers, and as whom does it see us? */
import { randomBytes } from "node:crypto";
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import { type Heard, strayed, Voice } from "./udp-probe.ts";

const REQUEST = Buffer.from("000100002112a442", "hex");
const SUCCESS = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;
const COOKIE = Buffer.from("2112a442", "hex");

/** A socket of ours: its port, and how each port of the sidecar sees it. */
export type Seen = { readonly port: number; readonly at: readonly Endpoint[] };

export async function examineStun(
  address: string,
  ports: readonly number[],
): Promise<{ readonly findings: Finding[]; readonly seen: Seen; readonly good: ReadonlySet<number> }> {
  const voice = await Voice.open(address);
  try {
    const asked = await Promise.all(ports.map((port) => ask(voice, { address, port })));
    const good = new Set(ports.filter((_, at) => asked[at]!.finding.state === "ok"));
    const at = asked.flatMap(({ seen }) => (seen === null ? [] : [seen]));
    return { findings: asked.map(({ finding }) => finding), seen: { port: voice.port, at }, good };
  } finally {
    voice.close();
  }
}

async function ask(voice: Voice, to: Endpoint): Promise<{ finding: Finding; seen: Endpoint | null }> {
  const what = `UDP ${to.port}`;
  const transaction = randomBytes(12);
  const wanted = ({ bytes }: Heard): boolean =>
    bytes.length >= 20 && bytes.readUInt16BE(0) === SUCCESS && bytes.subarray(8, 20).equals(transaction);
  const heard = await voice.ask(Buffer.concat([REQUEST, transaction]), to, wanted);
  if (heard === null) {
    const next =
      "see that the sidecar runs, and let it in at the machine and at its provider: " +
      "`node udp-sidecar/main.ts --firewall` prints the lines";
    return { finding: fault(what, "it does not answer", next), seen: null };
  }
  const seen = mapped(heard.bytes, transaction);
  if (seen === null) return { finding: fault(what, "what answers there is no sidecar", "correct --sidecar"), seen };
  return { finding: strayed(what, to, heard) ?? ok(what, `it sees us as ${formatEndpoint(seen)}`), seen };
}

/** The address in a success: XOR with the cookie and the transaction. */
function mapped(bytes: Buffer, transaction: Buffer): Endpoint | null {
  for (let at = 20; at + 8 <= bytes.length; at += 4 + ((bytes.readUInt16BE(at + 2) + 3) & ~3)) {
    if (bytes.readUInt16BE(at) !== XOR_MAPPED_ADDRESS) continue;
    const length = bytes.readUInt16BE(at + 2) - 4;
    if (at + 8 + length > bytes.length) return null;
    const mask = Buffer.concat([COOKIE, transaction]);
    const plain = bytes.subarray(at + 8, at + 8 + length).map((byte, place) => byte ^ mask[place]!);
    const address =
      length === 4 ? plain.join(".") : [...Buffer.from(plain).toString("hex").matchAll(/.{4}/g)].join(":");
    return { address, port: bytes.readUInt16BE(at + 6) ^ COOKIE.readUInt16BE(0) };
  }
  return null;
}
