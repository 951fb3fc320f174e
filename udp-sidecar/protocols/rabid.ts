/**
 * The Rabid Hole Punch wire: text over UDP, one message a datagram. Games with the Godot plugin of that name use it.
 *
 *     host                          sidecar                        guest
 *      | -- h:Nice:Alice:4[:pw] -----> |                              |    host a session
 *      | <-- i:Alice ----------------- |                              |
 *      |                               | <-- c:Nice:Bob[:pw] -------- |    connect to it
 *      | <-- i:Alice:Bob ------------- | -- i:Alice:Bob ------------> |
 *      | -- p:Nice:Alice ------------> | <-- p:Nice:Bob ------------- |    every 0.5 to 1 s: keepalive
 *      | <-- i:Alice:Bob ------------- | -- i:Alice:Bob ------------> |
 *      | -- k:Nice:Bob --------------> |    (host) kick Bob         |
 *      |                               | <-- x:Nice:Bob ------------- |    leave
 *      | -- s:Nice:Alice ------------> |                              |    (host) start
 *      | <-- s:5001:Bob:192.0.2.7:5002 | -- s:5002:Alice:192.0.2.1:5001 -> |   own port : name:ip:port;name:ip:port
 *      | -- y:Nice:Alice ------------> | <-- y:Nice:Bob ------------- |    received, stop repeating
 *
 * Types are single small letters. Unknown types get no reply, so that two servers cannot answer each other endlessly.
 * Names are ASCII letters and digits. The host is identified by its endpoint, not by the name in the message. A message
 * that begins with "error" ends the plugin's session, so only final errors are sent; temporary failures get no reply.
 * The grammar `name:ip:port` cannot carry IPv6; such datagrams are dropped. See docs/reference/wires/rabid.md.
 */
import { createHash } from "node:crypto";
import { isIPv4, sameEndpoint } from "#shared/net/endpoint.ts";
import type { Policy } from "#shared/lobby/lobby.ts";
import type { Notice } from "#shared/lobby/notices.ts";
import type { RefusalCode, Removal } from "#shared/refusals.ts";
import type { Contact, ContactLookup, Datagram, Action, ReportBody, Reply, Wire } from "./wire.ts";

export const POLICY: Policy = {
  // The original drops a member after 5 to 13 s of silence (5 s, checked every 8 s). 9 s is the middle: a game that loads
  // for 6 s is kept, and a player that left is noticed no later than there on average.
  lease_ms: 9_000,
  lifetime_ms: 15 * 60_000,
  // The original forgets a session after 0.8 s, and a guest that missed the start fails.
  started_keep_ms: 10_000,
  // Every member has the start: the name is free at once, as in the original.
  confirmed_keep_ms: 1,
  listed: true,
};

/** A member whose NAT changed its port may rejoin under its name after this silence: two pings at the slow rate. */
const RECLAIM_AFTER_MS = 2_000;
/** When the start line is repeated, after the first time. After 2 s the plugin would misread it. */
const START_REPEAT_MS = [15, 30, 45, 100, 200, 300, 400, 500, 600, 700];
/** A start line is about three times as long as the roster of the same members. */
const START_PER_ROSTER = 3;
/** The two timeout errors are sent three times. */
const TIMEOUT_REPEAT_MS = [50, 100];
/** The longest valid message, `h:` with every field at its maximum, has 41 bytes. */
const LENGTH_MAX = 64;

const SESSION = "([A-Za-z0-9]{1,10})";
const PLAYER = "([A-Za-z0-9]{1,12})";
const HOST = new RegExp(`^${SESSION}:${PLAYER}:([2-9]|1[0-2])(?::${PLAYER})?$`);
const CONNECT = new RegExp(`^${SESSION}:${PLAYER}(?::${PLAYER})?$`);
const NAMED = new RegExp(`^${SESSION}:${PLAYER}$`);

const LETTERS = "hcpsykx";
const COLON = 0x3a;

export const rabid: Wire = {
  name: "rabid",
  claims: (bytes) => bytes.length >= 2 && bytes[1] === COLON && LETTERS.includes(String.fromCharCode(bytes[0]!)),
  handleDatagram: handleDatagram,
  encodeNotice: encodeNotice,
  encodeAnswer: (answer) => (answer.kind === "refused" ? encodeRefusal(answer.code) : []),
  // The plugin's messages begin with "i", "s" and "error"; all others are ignored.
  encodeAnnouncement: (text) => Buffer.from(`parley-announcement ${text}`),
};

const ERRORS: Readonly<Partial<Record<RefusalCode, string>>> = {
  invalid_request: "invalid_request",
  lobby_exists: "session_exists",
  lobby_not_found: "session_non_existent",
  password_mismatch: "password_mismatch",
  too_few_players: "only_one_player_in_session",
  lobby_full: "session_full",
  name_in_use: "player_name_in_use",
  member_not_found: "non_existent_player",
  not_host: "non_host_player",
  kicked: "kicked_by_host",
  not_started: "session_not_started",
};

/** After its start a lobby ends without a message, and a member that moved has not left. */
const REMOVED: Readonly<Record<Removal, string | null>> = {
  left: "player_exited_session",
  kicked: "kicked_by_host",
  member_timeout: "player_timeout",
  lobby_timeout: "session_timeout",
  over: null,
  moved: null,
  // Clients of this wire cannot cause these; the closest errors that the plugin knows.
  closed: "session_timeout",
  replaced: "session_timeout",
  banned: "kicked_by_host",
};

function handleDatagram(datagram: Datagram, contacts: ContactLookup, now: number): Action {
  const { bytes, endpoint, exclusive } = datagram;
  if (!isIPv4(endpoint.address)) return { do: "drop", why: "ipv6" };
  if (!rabid.claims(bytes)) {
    const isOtherMessage = bytes.includes(COLON) || !isUtf8(bytes);
    return exclusive && !isOtherMessage
      ? invalidRequest()
      : { do: "drop", why: isOtherMessage ? "unknown_type" : "unclaimed" };
  }
  if (bytes.length > LENGTH_MAX) return isUtf8(bytes) ? invalidRequest() : { do: "drop", why: "not_utf8" };
  const text = ascii(bytes);
  const fields = text.slice(2);
  const letter = text[0]!;
  if (letter === "p") {
    // The hot path: every member sends this twice a second.
    const match = NAMED.exec(fields);
    if (match === null) return rejectGrammar(bytes);
    const contact = contacts.find("rabid", match[1]!, match[2]!);
    if (contact === undefined) return report({ kind: "ask", name: match[1]!, peer: match[2]! });
    if (sameEndpoint(contact.endpoint, endpoint)) return { do: "renew", contact };
    return { do: "drop", why: "foreign_source" };
  }
  if (letter === "h") {
    const match = HOST.exec(fields);
    if (match === null) return rejectGrammar(bytes);
    const [, name = "", peer = "", seats = "", password] = match;
    const lock = passwordDigest(name, password);
    return report({ kind: "host", name, peer, seats: Number(seats), lock, memory: null, policy: POLICY });
  }
  if (letter === "c") {
    const match = CONNECT.exec(fields);
    if (match === null) return rejectGrammar(bytes);
    const [, name = "", peer = "", password] = match;
    const contact = contacts.find("rabid", name, peer);
    const reclaims = contact !== undefined && now - contact.last_seen_at > RECLAIM_AFTER_MS;
    return report({ kind: "join", name, peer, lock: passwordDigest(name, password), memory: null, reclaims });
  }
  const match = NAMED.exec(fields);
  if (match === null) return rejectGrammar(bytes);
  const [, name = "", peer = ""] = match;
  switch (letter) {
    case "s":
      return report({ kind: "start", name });
    case "k":
      return report({ kind: "kick", name, peer });
    case "x":
      return report({ kind: "leave", name, peer });
    default:
      return report({ kind: "confirm", name, peer });
  }
}

function encodeNotice(notice: Notice, contact: Contact): Reply {
  switch (notice.kind) {
    case "hosted":
    case "roster": {
      const line = encode(`i:${notice.peers.join(":")}`);
      const credit_terms = { reserve: START_PER_ROSTER * line.length };
      return { datagrams: [line], renewal_reply: [line], credit_terms };
    }
    case "introduced": {
      const others = notice.peers.filter((p) => p.peer !== contact.peer);
      const list = others.map((p) => `${p.peer}:${p.endpoint.address}:${p.endpoint.port}`).join(";");
      const start = encode(`s:${contact.endpoint.port}:${list}`);
      const roster = encode(`i:${notice.peers.map((p) => p.peer).join(":")}`);
      // A guest that has not received a roster ignores start lines; for all others the roster is harmless.
      const datagrams = contact.renewed ? [start] : [roster, start];
      const repeat = contact.introduced ? {} : { repeat: { datagrams, after_ms: START_REPEAT_MS } };
      return { datagrams, ...repeat, renewal_reply: [start], credit_terms: { start: true, share: 1 } };
    }
    case "removed": {
      const name = REMOVED[notice.reason];
      if (name === null) return { datagrams: [] };
      const line = encodeError(name);
      const timeout = notice.reason === "member_timeout" || notice.reason === "lobby_timeout";
      return { datagrams: [line], ...(timeout ? { repeat: { datagrams: [line], after_ms: TIMEOUT_REPEAT_MS } } : {}) };
    }
    case "refused":
      return { datagrams: encodeRefusal(notice.code) };
  }
}

// --- bytes -----------------------------------------------------------------------------------------------------

const report = (body: ReportBody): Action => ({ do: "report", report: body });
const encodeRefusal = (code: RefusalCode): Uint8Array[] =>
  ERRORS[code] === undefined ? [] : [encodeError(ERRORS[code])];
const encodeError = (name: string): Uint8Array => encode(`error:${name}`);
const INVALID = Buffer.from("error:invalid_request");
const invalidRequest = (): Action => ({ do: "answer", bytes: INVALID, why: "invalid_request" });

/** Bad grammar gets an error, unless the bytes are not text. */
const rejectGrammar = (bytes: Uint8Array): Action =>
  isUtf8(bytes) ? invalidRequest() : { do: "drop", why: "not_utf8" };

const ascii = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
const encode = (text: string): Uint8Array => Buffer.from(text, "latin1");

const UTF8 = new TextDecoder("utf-8", { fatal: true });
function isUtf8(bytes: Uint8Array): boolean {
  try {
    UTF8.decode(bytes);
    return true;
  } catch {
    // A fatal decoder reports invalid bytes only by throwing.
    return false;
  }
}

/**
 * What the hub stores and compares instead of the password. Every sidecar must compute the same digest, so it has no
 * random part; the session's name makes equal passwords of two sessions differ.
 */
const passwordDigest = (name: string, password: string | undefined): string | null =>
  password === undefined ? null : createHash("sha256").update(`rabid\n${name}\n${password}`).digest("base64url");
