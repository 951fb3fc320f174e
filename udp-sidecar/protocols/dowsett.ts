/**
 * Dowsett's Godot P2P handshake wire: one JSON object a datagram, signed with a hash over keys, texts and a password.
 * Games with that script use it.
 *
 *     host                              sidecar                               guest
 *      | -- registering-server -----------> |                                    |   5 sends, a second apart
 *      | <-- confirming-registration ------ |                                    |
 *      | -- refreshing-server-registration> |                                    |   every 15 s
 *      | <-- confirming-registration-refresh|                                    |
 *      |                                    | <-- requesting-server-list ------- |
 *      |                                    | -- providing-server-list --------> |
 *      |                                    | <-- requesting-to-join-server ---- |
 *      | <-- providing-peer-handshake-info  | -- providing-peer-handshake-info > |   each gets the other's endpoint, 3 copies
 *      | -- drop-me ----------------------> |                                    |   never answered
 *
 * `__hash-string` is the hex SHA-256 of two sorted lists, joined: all keys except itself and with `password`, then all
 * text values, both by code point. The client makes the handshake password for this server and sends it in clear text
 * in register, list and join. Refresh and drop-me carry none, so the contact's memory stores it. The session password
 * never reaches the sidecar. Invalid packets get no reply, because any error ends the client's session; the two errors
 * that exist are final. See docs/reference/wires/dowsett.md.
 */
import { type Endpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { LIST_REPLY_BYTES_MAX } from "#shared/limits.ts";
import type { Report } from "#shared/link/messages.ts";
import type { DirectoryEntry } from "#shared/listing/directory.ts";
import { PASSWORD_CHECKED_BY_PEERS, type Policy } from "#shared/lobby/lobby.ts";
import type { RequesterNotice, IntroducedPeer, Notice } from "#shared/lobby/notices.ts";
import {
  encodePacket,
  isName,
  isSigned,
  type Packet,
  pair,
  parsePacket,
  readLease,
  readLocal,
  readPassword,
} from "./dowsett-packet.ts";
import type { Contact, ContactLookup, Datagram, Action, ListReply, ReportBody, Reply, Wire } from "./wire.ts";

/** Sent back to back: a late copy would make the host restart the handshake with a connected peer. */
const INTRODUCTION_COPIES = 3;
/** A host that was silent for longer missed a refresh: a restarted game may register again with a new password. */
const REFRESHED_MS = 20_000;
/** The lease until the first refresh, which sets the requested one. The script refreshes every 15 s. */
const FIRST_LEASE_MS = 60_000;

export type DowsettOptions = {
  /** Send each peer the other's local address although their public addresses differ. */
  readonly sharesLocal: boolean;
};

export function dowsett({ sharesLocal }: DowsettOptions): Wire {
  return {
    name: "dowsett",
    claims: (bytes) => bytes[0] === 0x7b,
    handleDatagram,
    encodeNotice: (notice, contact) => encodeNotice(notice, contact, sharesLocal),
    encodeAnswer: (answer, report) => encodeAnswer(answer, report, sharesLocal),
  };
}

// --- requests --------------------------------------------------------------------------------------------------

function handleDatagram({ bytes, endpoint: from }: Datagram, contacts: ContactLookup, now: number): Action {
  const packet = parsePacket(bytes);
  if (packet === null) return drop("no_packet");
  switch (packet.type) {
    case "registering-server":
      return handleRegister(packet, from, contacts, now);
    case "requesting-server-list":
      return handleList(packet, from);
    case "requesting-to-join-server":
      return handleJoin(packet, from);
    case "refreshing-server-registration":
      return handleRefresh(packet, from, contacts);
    case "drop-me":
      return handleDropMe(packet, from, contacts);
    default:
      return drop("unknown_type");
  }
}

/** While the host refreshes, only the password of its registration changes it: the source could be forged. */
function handleRegister(packet: Packet, from: Endpoint, contacts: ContactLookup, now: number): Action {
  const { sender } = packet;
  const password = readPassword(packet);
  const local = readLocal(packet, from);
  const lease_ms = readLease(packet);
  const locked = packet.fields["password-required"];
  const complete = isName(sender) && local !== null && lease_ms !== null && typeof locked === "boolean";
  if (!complete || password === null) return drop("incomplete");
  if (!isSigned(packet, password)) return drop("bad_hash");
  const contact = contacts.find("dowsett", sender, sender);
  const isSame = contact !== undefined && sameEndpoint(contact.endpoint, from) && contact.memory !== null;
  if (isSame && contact.memory !== password && now - contact.last_seen_at < REFRESHED_MS) return drop("other_password");
  const policy: Policy = { ...POLICY, lease_ms: Math.min(lease_ms, FIRST_LEASE_MS) };
  const lock = locked ? PASSWORD_CHECKED_BY_PEERS : null;
  return report({ kind: "host", name: sender, peer: sender, seats: null, lock, memory: password, local, policy });
}

function handleJoin(packet: Packet, from: Endpoint): Action {
  const { sender } = packet;
  const name = packet.fields["server-name"];
  const password = readPassword(packet);
  const local = readLocal(packet, from);
  if (!isName(sender) || !isName(name) || local === null || password === null) return drop("incomplete");
  if (!isSigned(packet, password)) return drop("bad_hash");
  return report({ kind: "join", name, peer: sender, lock: null, memory: password, local, reclaims: false });
}

function handleList(packet: Packet, from: Endpoint): Action {
  const password = readPassword(packet);
  if (password === null || (packet.sender !== null && !isName(packet.sender))) return drop("incomplete");
  if (!isSigned(packet, password)) return drop("bad_hash");
  return { do: "list", encode: (lobbies) => encodeList(lobbies, packet.sender, from, password) };
}

/** Signed with the password of the registration; a password in the packet proves nothing. */
function handleRefresh(packet: Packet, from: Endpoint, contacts: ContactLookup): Action {
  const { sender } = packet;
  const lease_ms = readLease(packet);
  if (!isName(sender) || lease_ms === null) return drop("incomplete");
  const contact = contacts.find("dowsett", sender, sender);
  // This sidecar cannot distinguish a contact of another sidecar from a forgery; a client sends to one address.
  if (contact === undefined || contact.memory === null) return drop("not_registered");
  if (!isSigned(packet, contact.memory)) return drop("bad_hash");
  if (sameEndpoint(contact.endpoint, from)) return { do: "renew", contact, lease_ms };
  if (contact.endpoint.address !== from.address) return drop("foreign_source");
  return { do: "report", report: { kind: "moved", name: sender, peer: sender }, lease_ms };
}

function handleDropMe(packet: Packet, from: Endpoint, contacts: ContactLookup): Action {
  const { sender } = packet;
  if (!isName(sender) || packet.fields["name"] !== sender) return drop("incomplete");
  const contact = contacts.find("dowsett", sender, sender);
  if (contact === undefined || contact.memory === null) return drop("not_registered");
  if (!isSigned(packet, contact.memory)) return drop("bad_hash");
  if (!sameEndpoint(contact.endpoint, from)) return drop("foreign_source");
  return report({ kind: "leave", name: sender, peer: sender });
}

const POLICY: Policy = {
  lease_ms: 60_000,
  lifetime_ms: null,
  // No lobby starts on this wire, so these two are never used.
  started_keep_ms: 1,
  confirmed_keep_ms: 1,
  listed: true,
  introduces_on_join: true,
  rehosts: true,
};

// --- replies ---------------------------------------------------------------------------------------------------

function encodeNotice(notice: Notice, { peer, endpoint: to, memory }: Contact, sharesLocal: boolean): Reply {
  const password = memory ?? "";
  const refreshed = encodePacket("confirming-registration-refresh", peer, to, password);
  switch (notice.kind) {
    case "hosted":
      return {
        datagrams: [encodePacket("confirming-registration", peer, to, password)],
        renewal_reply: [refreshed],
        renews_lease: true,
      };
    case "roster":
      // The member refreshed from another endpoint.
      return { datagrams: [refreshed], renewal_reply: [refreshed], renews_lease: true };
    case "introduced":
      return {
        datagrams: notice.peers.flatMap((other) => encodeIntroduction(other, peer, to, password, sharesLocal)),
        ...(notice.peers[0] && { caused_by: notice.peers[0].endpoint }),
      };
    case "removed":
    case "refused":
      return { datagrams: [] };
  }
}

function encodeAnswer(answer: RequesterNotice, report: Report, sharesLocal: boolean): Uint8Array[] {
  const { endpoint: to, name } = report;
  if (report.kind !== "host" && report.kind !== "join") return [];
  const password = report.memory ?? "";
  if (answer.kind === "introduced") {
    return answer.peers.flatMap((other) => encodeIntroduction(other, report.peer, to, password, sharesLocal));
  }
  const message = errorText(answer.code, name);
  return message === null ? [] : [encodePacket("server-error", report.peer, to, password, { message })];
}

/** The two final errors; the texts are the original's. */
function errorText(code: string, name: string): string | null {
  if (code === "lobby_exists") return "server already exists";
  return code === "lobby_not_found" ? `${name} not found` : null;
}

function encodeIntroduction(
  other: IntroducedPeer,
  name: string,
  to: Endpoint,
  password: string,
  sharesLocal: boolean,
): Uint8Array[] {
  const near = other.endpoint.address === to.address;
  const local = other.local !== undefined && (sharesLocal || near) ? other.local : other.endpoint;
  const bytes = encodePacket("providing-peer-handshake-info", name, to, password, {
    "peer-name": other.peer,
    "global-address": pair(other.endpoint),
    "local-address": pair(local),
  });
  return Array<Uint8Array>(INTRODUCTION_COPIES).fill(bytes);
}

/** As many lobbies as one datagram carries on every path; a client that asks again soon gets the others. */
function encodeList(
  lobbies: readonly DirectoryEntry[],
  name: string | null,
  to: Endpoint,
  password: string,
): ListReply {
  const empty = encodePacket("providing-server-list", name, to, password, { servers: [] });
  const servers: object[] = [];
  let length = empty.length;
  for (const { name: server, locked } of lobbies) {
    const entry = { name: server, "password-required": locked };
    length += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (length > LIST_REPLY_BYTES_MAX) break;
    servers.push(entry);
  }
  const bytes = encodePacket("providing-server-list", name, to, password, { servers });
  return { bytes, listed: servers.length };
}

const drop = (why: string): Action => ({ do: "drop", why });
const report = (body: ReportBody): Action => ({ do: "report", report: body });
