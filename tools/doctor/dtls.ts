/** DTLS: a ClientHello that is asked for its cookie, and the certificate that clients are told to pin. */
import { randomBytes, X509Certificate } from "node:crypto";
import type { Dtls } from "#shared/link/messages.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import { silent, strayed, Voice } from "./udp-probe.ts";

const HANDSHAKE = 22;
const HELLO_VERIFY_REQUEST = 3;

export async function examineDtls(to: Endpoint, { pem, name }: Dtls): Promise<Finding[]> {
  const what = `DTLS at UDP ${to.port}`;
  const voice = await Voice.open(to.address);
  try {
    const wanted = ({ bytes }: { readonly bytes: Buffer }): boolean =>
      bytes[0] === HANDSHAKE && bytes[13] === HELLO_VERIFY_REQUEST;
    const answered = await voice.ask(clientHello(), to, wanted);
    const reached =
      answered === null ? silent(what, to.port) : (strayed(what, to, answered) ?? ok(what, "it asks for a cookie"));
    return [reached, judge(pem, name)];
  } finally {
    voice.close();
  }
}

function judge(pem: string, name: string): Finding {
  const what = "DTLS certificate";
  const until = new X509Certificate(pem).validTo;
  return Date.parse(until) > Date.now()
    ? ok(what, `good for the name ${name} until ${until}`)
    : fault(what, `it expired on ${until}`, "replace the files and send the sidecar SIGHUP (docs/guides/dtls.md)");
}

/** DTLS 1.2, two ciphers, no cookie yet (RFC 6347 section 4.2.1). */
function clientHello(): Buffer {
  const suites = Buffer.from([0, 4, 0xc0, 0x2b, 0xc0, 0x2f]);
  const body = Buffer.concat([
    Buffer.from([0xfe, 0xfd]),
    randomBytes(32),
    Buffer.from([0, 0]),
    suites,
    Buffer.from([1, 0]),
  ]);
  const length = Buffer.from([0, 0, body.length]);
  const handshake = Buffer.concat([Buffer.from([1]), length, Buffer.from([0, 0, 0, 0, 0]), length, body]);
  const head = Buffer.from([HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, handshake.length]);
  return Buffer.concat([head, handshake]);
}
