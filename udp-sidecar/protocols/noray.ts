/**
 * The noray wire: commands over TCP, one per line, and a registrar over UDP that observes where a host is. Games with
 * the netfox.noray plugin use it.
 *
 *     host                                sidecar                               client
 *      | <= hi "parley vVERSION" ============ |     only with PARLEY_NORAY_GREETING=on
 *      | == register-host ==================> |                                    |
 *      | <= set-oid OID, set-pid PID ======== |     in this order, in one segment  |
 *      | -- PID ----------------------------> |                                    |   10 times a second until OK
 *      | <- OK ------------------------------ |                                    |
 *      |                                      | <== register-host ... OK ========= |   the same
 *      |                                      | <== connect OID ================== |
 *      |                                      | === connect IP:PORT =============> |   the host's endpoint,
 *      | <= connect IP:PORT ================= |                                    |   the client's endpoint: both punch
 *      |                                      | <== connect-relay OID ============ |
 *      |                                      | === connect-relay PORT ==========> |   a port of this server,
 *      | <= connect-relay PORT ============== |                                    |   and a second port (or, if the host
 *      |                                      |                                    |   uses another server, connect IP:PORT)
 *      | <= relay-limited REASON ============ |                                    |   once; not sent by noray itself
 *      |                                      | === error WORD ==================> |   not sent by noray itself
 *
 * `=` is TCP, `-` UDP. A line is `COMMAND[ DATA]`, ends with LF, and may have a CR before it. The OID is public and
 * names the host. The PID is secret: a datagram that holds nothing else proves that its sender is the host, from any
 * endpoint. A host is registered as long as its connection is open.
 *
 * Clients treat every registrar reply except `OK` as final, so the registrar answers `OK` or nothing. Clients treat
 * every `connect` line as an address, so errors have a command name that clients do not know. IPv4 only, because
 * clients split `IP:PORT` at every colon. See docs/reference/wires/noray.md.
 */
import { hash } from "node:crypto";
import { type Endpoint, formatEndpoint, isIPv4, sameEndpoint } from "#shared/net/endpoint.ts";
import { NORAY_LINE_BYTES_MAX, NORAY_OID_LENGTH_MAX, REGISTRARS_WITHIN_MS } from "#shared/limits.ts";
import type { Policy } from "#shared/lobby/lobby.ts";
import type { Notice } from "#shared/lobby/notices.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { VERSION } from "#shared/version.ts";
import { joinBytes } from "#shared/net/own-bytes.ts";
import type { ContactLookup, Datagram, Action, ConnectionSide, ReportBody, Reply, Wire } from "./wire.ts";

/** The length and letters of an id. `words`: pronounceable words of two syllables; the length counts syllables. */
export type IdFormat = { readonly length: number; readonly alphabet: string; readonly words?: boolean };

/** Hosts registered over connections. A PID is found by its digest, so neither memory nor timing reveals it. */
export type NorayHosts = ConnectionSide & {
  findOid(digest: string): string | undefined;
  /** A host's pid arrived at two ports from this address, from one endpoint or from two. */
  observeMapping(oid: string, address: string, isPerDestination: boolean, now: number): void;
};

/** The hosts of a game without a noray TCP port: none is registered, and a restored member has left. */
export const NO_HOSTS: NorayHosts = {
  findOid: () => undefined,
  observeMapping: () => {},
  isConnected: () => false,
  notify: () => {},
  handleAnswer: () => {},
};

export const POLICY: Policy = {
  // The connection is the lease.
  lease_ms: null,
  lifetime_ms: null,
  // No lobby starts on this wire, so these two are never used.
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
  // Every datagram of the port is tested, so this is a loop.
  const claims = (bytes: Uint8Array): boolean => {
    if (bytes.length !== pid.length) return false;
    for (const byte of bytes) if (letters[byte] !== 1) return false;
    return true;
  };
  return {
    name: "noray",
    claims,
    handleDatagram: (datagram, contacts, now) =>
      claims(datagram.bytes) ? handleDatagram(datagram, contacts, hosts, now) : drop("no_pid"),
    encodeNotice: encodeNotice,
    // The sender of a report has a connection, and gets the answer over it.
    encodeAnswer: () => [],
    connections: hosts,
  };
}

function handleDatagram(datagram: Datagram, contacts: ContactLookup, hosts: NorayHosts, now: number): Action {
  const { bytes, endpoint, via } = datagram;
  if (!isIPv4(endpoint.address)) return drop("not_ipv4");
  const digest = pidDigest(bytes);
  const oid = hosts.findOid(digest);
  if (oid === undefined) return drop("unknown_pid");
  const contact = contacts.find("noray", oid, oid);
  if (contact === undefined) return { do: "report", report: hostReport(oid, digest) };
  const isSame = sameEndpoint(contact.endpoint, endpoint);
  const isRecent = now - contact.last_seen_at < REGISTRARS_WITHIN_MS;
  if (via !== contact.via && isRecent && contact.endpoint.address === endpoint.address)
    hosts.observeMapping(oid, endpoint.address, !isSame, now);
  if (isSame) return { do: "renew", contact };
  return { do: "report", report: { kind: "moved", name: oid, peer: oid } };
}

/** The hub stores the digest of the PID, so that the owner can also authenticate there. */
export const hostReport = (oid: string, digest: string): ReportBody => ({
  kind: "host",
  name: oid,
  peer: oid,
  seats: null,
  lock: null,
  memory: digest,
  policy: POLICY,
});

export const joinReport = (peer: string, name: string) =>
  ({ kind: "join", name, peer, lock: null, memory: null, reclaims: false }) as const;

/** `OK` means that the hub knows the host's endpoint and gives it to clients from now on. */
function encodeNotice({ kind }: Notice): Reply {
  return kind === "hosted" || kind === "roster" ? { datagrams: [OK], renewal_reply: [OK] } : { datagrams: [] };
}

export const pidDigest = (pid: Uint8Array | string): string => hash("sha256", pid, "base64url");

const OK = Buffer.from("OK");
const drop = (why: string): Action => ({ do: "drop", why });

// --- commands --------------------------------------------------------------------------------------------------

export type LookupCommand = {
  readonly do: "connect" | "connect-relay";
  readonly oid: string;
  /** The id of the newer form, `connect?ID OID`; null for the stock addon's. */
  readonly request: string | null;
};
export type Command = { readonly do: "register-host" } | LookupCommand;

/** Everything after the first space is data, which newer clients may quote. Null for an unknown command. */
export function parseCommand(line: string): Command | null {
  const space = line.indexOf(" ");
  const head = space === -1 ? line : line.slice(0, space);
  const [word = "", request = null] = /^([^?]*)\?([!-~]{0,64})$/.exec(head)?.slice(1) ?? [head];
  if (word === "register-host") return { do: word };
  if (word !== "connect" && word !== "connect-relay") return null;
  const data = line.slice(space + 1);
  return { do: word, oid: /^"([^"\\]*)"$/.exec(data)?.[1] ?? data, request };
}

/** Whether a client may look this id up. Another sidecar may use another id format. */
export const isOid = (text: string): boolean => /^[!-~]+$/.test(text) && text.length <= NORAY_OID_LENGTH_MAX;

/** The newest noray greets each connection; the stock addon passes the line to `on_command`. */
export const GREETING = `hi "parley v${VERSION}"\n`;
/** Clients expect this order. */
export const formatIds = (oid: string, pid: string): string => `set-oid ${oid}\nset-pid ${pid}\n`;
export const formatConnect = (at: Endpoint): string => `connect ${formatEndpoint(at)}\n`;
export const formatConnectRelay = (port: number): string => `connect-relay ${port}\n`;
export const formatRelayLimited = (reason: string): string => `relay-limited ${reason.replaceAll("_", "-")}\n`;

/** The operators' message, for `on_command`. The addon keeps one word of data, so the spaces are no-break spaces. */
export const formatAnnouncement = (text: string): string => `announcement ${text.replaceAll(" ", "\u00A0")}\n`;

/** One word each, because clients read no further. */
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

/** Clients wait for an answer to every command, so every refusal has a line. A request gets it under its id. */
export const formatError = (code: RefusalCode, request: string | null = null): string =>
  `${request === null ? "error" : `!${request}`} ${code in ERRORS ? ERRORS[code as keyof typeof ERRORS] : ERRORS.hub_unavailable}\n`;

/** A random id with equally likely letters. `random` returns that many random bytes. */
export function generateId({ length, alphabet, words }: IdFormat, random: (bytes: number) => Uint8Array): string {
  const parts = words === true ? SYLLABLES : alphabet;
  const fair = 256 - (256 % parts.length);
  const id: string[] = [];
  while (id.length < length) {
    for (const byte of random(length)) {
      if (byte < fair && id.length < length) id.push(parts[byte % parts.length]!);
    }
  }
  if (words !== true) return id.join("");
  return id.map((part, at) => (at % 2 === 0 ? part[0]!.toUpperCase() + part.slice(1) : part)).join("");
}

/** Each has 6 bits. */
const SYLLABLES: readonly string[] = "bdfghjklmnprstvz"
  .split("")
  .flatMap((consonant) => "aeio".split("").map((vowel) => consonant + vowel));
/** The bits of a word. */
export const WORD_BITS = 2 * Math.log2(SYLLABLES.length);

/** Splits a byte stream into lines. A line that is too long is skipped up to its end. */
export class LineReader {
  #partial: Uint8Array = NOTHING;
  #tooLong = false;

  /** The lines that end within these bytes; null stands for a line that was too long. */
  *read(bytes: Uint8Array): Generator<string | null> {
    let from = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, from)) {
      this.#append(bytes.subarray(from, end));
      yield this.#finishLine();
      from = end + 1;
    }
    this.#append(bytes.subarray(from));
  }

  /** The unterminated last line of a stream, or null if there is none. */
  end(): string | null {
    return this.#partial.length === 0 ? null : this.#finishLine();
  }

  #append(part: Uint8Array): void {
    if (part.length === 0 || this.#tooLong) return;
    this.#tooLong = this.#partial.length + part.length > NORAY_LINE_BYTES_MAX;
    // A copy, because the socket may reuse the bytes.
    this.#partial = this.#tooLong ? NOTHING : joinBytes(this.#partial, part);
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
