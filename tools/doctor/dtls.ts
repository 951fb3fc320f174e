/** Checks DTLS: the port must answer a ClientHello with a cookie, and the pinned certificate must be valid. */
import { randomBytes, X509Certificate } from "node:crypto";
import type { Dtls } from "#shared/link/messages.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, ok } from "./finding.ts";
import { noResponse, wrongSource, UdpProbe } from "./udp-probe.ts";

const HANDSHAKE = 22;
const HELLO_VERIFY_REQUEST = 3;

export async function checkDtls(to: Endpoint, { pem, name }: Dtls): Promise<Finding[]> {
  const subject = `DTLS at UDP ${to.port}`;
  const probe = await UdpProbe.open(to.address);
  try {
    const isResponse = ({ bytes }: { readonly bytes: Buffer }): boolean =>
      bytes[0] === HANDSHAKE && bytes[13] === HELLO_VERIFY_REQUEST;
    const response = await probe.request(clientHello(), to, isResponse);
    const reached =
      response === null
        ? noResponse(subject, to.port)
        : (wrongSource(subject, to, response) ?? ok(subject, "it sends a cookie"));
    return [reached, checkCertificate(pem, name)];
  } finally {
    probe.close();
  }
}

function checkCertificate(pem: string, name: string): Finding {
  const subject = "DTLS certificate";
  const until = new X509Certificate(pem).validTo;
  return Date.parse(until) > Date.now()
    ? ok(subject, `valid for the name ${name} until ${until}`)
    : fault(subject, `it expired on ${until}`, "replace the files and send the sidecar SIGHUP (docs/guides/dtls.md)");
}

/** A DTLS 1.2 ClientHello with two ciphers and without a cookie (RFC 6347 section 4.2.1). */
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
