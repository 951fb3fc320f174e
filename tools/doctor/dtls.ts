/** Checks DTLS: ports answer a ClientHello with a cookie, the pinned certificate is valid, and a session carries a request. */
import { spawn } from "node:child_process";
import { randomBytes, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dtls } from "#shared/link/messages.ts";
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { type Finding, fault, note, ok } from "./finding.ts";
import type { HubTarget } from "./hub.ts";
import { issueTicket, seeRequest } from "./wires/native.ts";
import { noResponse, wrongSource, UdpProbe } from "./udp-probe.ts";

const HANDSHAKE = 22;
const HELLO_VERIFY_REQUEST = 3;
const SESSION_MS = 8_000;

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

/** A whole handshake by openssl, which trusts only the pinned certificate, and a native request in the session. */
export async function checkDtlsSession(hub: HubTarget, to: Endpoint, { pem, name }: Dtls): Promise<Finding> {
  const subject = `DTLS session at UDP ${to.port}`;
  const ticket = await issueTicket(hub);
  if (ticket === null) return fault(subject, "the hub issues no identity", "see the hub's log");
  const folder = await mkdtemp(join(tmpdir(), "parley-doctor-"));
  try {
    const pinned = join(folder, "pinned.crt");
    await writeFile(pinned, pem);
    const args = ["s_client", "-dtls1_2", "-quiet", "-connect", formatEndpoint(to), "-CAfile", pinned];
    const verify = ["-verify_return_error", "-verify_hostname", name, "-servername", name];
    const output = await converse("openssl", [...args, ...verify], seeRequest(ticket), "seen ");
    if (output === null) return note(subject, "not checked", "install openssl, which makes the handshake");
    if (output.includes("seen ")) return ok(subject, "the pinned certificate was verified, and a ticket");
    const cause = /error:[^\n]*|verify error[^\n]*/.exec(output)?.[0] ?? "no reply in the session";
    return fault(
      subject,
      `the handshake fails: ${cause}`,
      "give games the certificate that /sidecars returns, and see the sidecar's log",
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The output of a program until it contains `expected`, ends, or is silent for too long. Null if it is not installed. */
function converse(program: string, args: readonly string[], input: string, expected: string): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, args);
    let output = "";
    const finish = (result: string | null): void => {
      clearTimeout(timer);
      child.kill();
      resolve(result);
    };
    const timer = setTimeout(() => finish(output), SESSION_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes: Buffer) => {
        output += bytes.toString("latin1");
        if (output.includes(expected)) finish(output);
      });
    }
    child.once("error", () => finish(null));
    child.once("close", () => finish(output));
    // A program that has ended does not read.
    child.stdin.on("error", () => {});
    child.stdin.write(input);
  });
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
