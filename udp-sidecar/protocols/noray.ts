/**
 * noray: commands over TCP, a line each, and a registrar over UDP that sees where a host is.
 *
 *     host                                sidecar                               client
 *      | == register-host ==================> |                                    |
 *      | <= set-oid OID, set-pid PID ======== |     in this order, in one segment  |
 *      | -- PID ----------------------------> |                                    |   10 times a second until OK
 *      | <- OK ------------------------------ |                                    |
 *      |                                      | <== register-host ... OK ========= |   the same
 *      |                                      | <== connect OID ================== |
 *      |                                      | === connect IP:PORT =============> |   where the host is,
 *      | <= connect IP:PORT ================= |                                    |   where the client is: both punch
 *      |                                      | <== connect-relay OID ============ |
 *      |                                      | === connect-relay PORT ==========> |   a port of this server's address,
 *      | <= connect-relay PORT ============== |                                    |   and another one (or, where the host
 *      |                                      |                                    |   has another server, connect IP:PORT)
 *      | <= relay-limited REASON ============ |                                    |   once; never sent by noray
 *      |                                      | === error WORD ==================> |   never sent by noray
 *
 * `=` is TCP, `-` UDP. A line is `COMMAND[ DATA]` and ends with LF; CR before it is borne. The OID is public and names
 * the host; the PID is secret, and whoever sends it in a datagram of its own is the host, wherever he sends it from. A
 * host lives as long as his connection. Clients take any answer of the registrar but `OK` for the end, and any line
 * `connect` for an address: so there is `OK` or silence, and what went wrong is said under a name of its own. IPv4 only
 * from end to end, because clients split `IP:PORT` at every colon. See docs/reference/wires/noray.md.
 */
import { createHash } from "node:crypto";
import { type Endpoint, formatEndpoint, isIPv4, sameEndpoint } from "#shared/net/endpoint.ts";
import { NORAY_LINE_BYTES_MAX, NORAY_OID_LENGTH_MAX } from "#shared/limits.ts";
import type { Notice, Policy } from "#shared/lobby/lobby.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { ContactLookup, Datagram, Action, ConnectionSide, ReportBody, Reply, Wire } from "./wire.ts";

/** What an id is made of. */
export type IdFormat = { readonly length: number; readonly alphabet: string };

/** Hosts registered over connections. A pid is looked up by its digest: neither memory nor time tells of the pid. */
export type NorayHosts = ConnectionSide & { findOid(digest: string): string | undefined };

export const POLICY: Policy = {
  // The connection is the lease.
  lease_ms: null,
  lifetime_ms: null,
  // Nothing ever starts on this wire; the numbers only have to be there.
  started_keep_ms: 1,
  confirmed_keep_ms: 1,
  listed: true,
  introduces_on_join: true,
  roams: true,
  tethered: true,
};

// --- the registrar ---------------------------------------------------------------------------------------------

export function noray(pid: IdFormat, hosts: NorayHosts): Wire {
  const letters = new Uint8Array(256);
  for (const byte of Buffer.from(pid.alphabet, "latin1")) letters[byte] = 1;
  const claims = (bytes: Uint8Array): boolean =>
    bytes.length === pid.length && bytes.every((byte) => letters[byte] === 1);
  return {
    name: "noray",
    claims,
    handleDatagram: (datagram, contacts) => (claims(datagram.bytes) ? handleDatagram(datagram, contacts, hosts) : drop("no_pid")),
    encodeNotice: encodeNotice,
    // Who asks has a connection, and is answered over it.
    encodeAnswer: () => [],
    connections: hosts,
  };
}

function handleDatagram({ bytes, endpoint }: Datagram, contacts: ContactLookup, hosts: NorayHosts): Action {
  if (!isIPv4(endpoint.address)) return drop("not_ipv4");
  const digest = pidDigest(bytes);
  const oid = hosts.findOid(digest);
  if (oid === undefined) return drop("unknown_pid");
  const contact = contacts.find("noray", oid, oid);
  if (contact === undefined) return { do: "report", report: hostReport(oid, digest) };
  if (sameEndpoint(contact.endpoint, endpoint)) return { do: "renew", contact };
  return { do: "report", report: { kind: "moved", name: oid, peer: oid } };
}

/** The hub keeps the digest of the pid, so that its owner can prove himself there, too. */
export const hostReport = (oid: string, digest: string): ReportBody => ({
  kind: "host",
  name: oid,
  peer: oid,
  seats: null,
  lock: null,
  memory: digest,
  policy: POLICY,
});

/** `OK` says that the hub knows where he is: whoever asks for him from now on is told so. */
function encodeNotice({ kind }: Notice): Reply {
  return kind === "hosted" || kind === "roster" ? { datagrams: [OK], renewal_reply: [OK] } : { datagrams: [] };
}

export const pidDigest = (pid: Uint8Array | string): string => createHash("sha256").update(pid).digest("base64url");

const OK = Buffer.from("OK");
const drop = (why: string): Action => ({ do: "drop", why });

// --- commands --------------------------------------------------------------------------------------------------

export type Command =
  | { readonly do: "register-host" }
  | { readonly do: "connect" | "connect-relay"; readonly oid: string };

/** Everything behind the first space is data. Null where it is no command of ours. */
export function parseCommand(line: string): Command | null {
  const space = line.indexOf(" ");
  const word = space === -1 ? line : line.slice(0, space);
  if (word === "register-host") return { do: word };
  return word === "connect" || word === "connect-relay" ? { do: word, oid: line.slice(space + 1) } : null;
}

/** What may be asked for: another sidecar may make its ids otherwise. */
export const isOid = (text: string): boolean => /^[!-~]+$/.test(text) && text.length <= NORAY_OID_LENGTH_MAX;

/** The order is what clients wait for. */
export const formatIds = (oid: string, pid: string): string => `set-oid ${oid}\nset-pid ${pid}\n`;
export const formatConnect = (at: Endpoint): string => `connect ${formatEndpoint(at)}\n`;
export const formatConnectRelay = (port: number): string => `connect-relay ${port}\n`;
export const formatRelayLimited = (reason: string): string => `relay-limited ${reason.replaceAll("_", "-")}\n`;

/** One word, because clients read no further. */
const ERRORS = {
  banned: "banned",
  host_unreachable: "host-unreachable",
  hub_unavailable: "hub-unavailable",
  lobby_exists: "oid-taken",
  lobby_not_found: "unknown-oid",
  no_relay: "no-relay",
  rate_limited: "busy",
  unauthorized: "not-registered",
} as const satisfies Partial<Record<RefusalCode, string>>;

/** Whoever asks waits for an answer, so that there is one to everything. */
export const formatError = (code: RefusalCode): string =>
  `error ${code in ERRORS ? ERRORS[code as keyof typeof ERRORS] : ERRORS.hub_unavailable}\n`;

/** An id of random letters, each as likely as the others. `random` gives so many random bytes. */
export function generateId({ length, alphabet }: IdFormat, random: (bytes: number) => Uint8Array): string {
  const fair = 256 - (256 % alphabet.length);
  let id = "";
  while (id.length < length) {
    for (const byte of random(length)) {
      if (byte < fair && id.length < length) id += alphabet[byte % alphabet.length];
    }
  }
  return id;
}

/** Cuts a stream of bytes into lines. What is longer than a line may be is left out, up to its end. */
export class LineReader {
  #partial: Uint8Array = NOTHING;
  #tooLong = false;

  /** The lines that end within these bytes; null stands for one that was too long. */
  *read(bytes: Uint8Array): Generator<string | null> {
    let from = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, from)) {
      this.#append(bytes.subarray(from, end));
      yield this.#finishLine();
      from = end + 1;
    }
    this.#append(bytes.subarray(from));
  }

  /** The line that the end of the stream ends, or null where none had begun. */
  end(): string | null {
    return this.#partial.length === 0 ? null : this.#finishLine();
  }

  #append(part: Uint8Array): void {
    if (part.length === 0 || this.#tooLong) return;
    this.#tooLong = this.#partial.length + part.length > NORAY_LINE_BYTES_MAX;
    // A copy: the bytes are the socket's, who may use them again.
    this.#partial = this.#tooLong ? NOTHING : Buffer.concat([this.#partial, part]);
  }

  #finishLine(): string | null {
    const line = this.#tooLong ? null : Buffer.from(this.#partial).toString("latin1").replace(/\r$/, "");
    this.#partial = NOTHING;
    this.#tooLong = false;
    return line;
  }
}

const LF = 0x0a;
const NOTHING = new Uint8Array(0);
