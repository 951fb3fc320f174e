/**
 * The native wire: text over UDP between Parley's own clients and a sidecar. One message a datagram, words separated by
 * single spaces.
 *
 *     peer                                        sidecar
 *      | -- see TICKET [WORD] -------------------> |     `udp` ticket: which endpoint do you observe?
 *      |                                           |     `session` ticket: the same, and a keepalive (-> hub, the first time)
 *      | <- seen ENDPOINT RECEIPT [WORD] --------- |
 *      |                                           |
 *      | -- knock TICKET RECEIPT [WORD] ---------> |     from a second socket: does my NAT let you in where the first was observed?
 *      | <- knocked [WORD] ----------------------- |     to the endpoint in the receipt
 *      |                                           |
 *      | -- enter TICKET RECEIPT [WORD] ---------> |     `relay` ticket, to a relay port: bind my endpoint to it
 *      | <- entered [WORD] ----------------------- |     or, if the receipt is for another endpoint or missing (`-`),
 *      | <- seen ENDPOINT RECEIPT [WORD] --------- |     a receipt to enter with
 *
 * - TICKET is issued by the hub and names the peer (shared/auth/tickets.ts).
 * - RECEIPT is issued by the sidecar and states where it observed the peer; the hub accepts it
 *   (shared/auth/receipts.ts).
 * - WORD is chosen by the peer and returned: it matches replies to requests and measures the round trip.
 *
 * The sidecar answers without the hub and keeps no state. Requests are padded with spaces, so that no reply is longer
 * than its request. A datagram goes to another endpoint than the sender only if a recent receipt proves that the same
 * peer receives there; the same holds for relayed datagrams. Invalid requests get no reply. See docs/reference/wires/native.md.
 */
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { NATIVE_REQUEST_BYTES_MAX, NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import type { Ticket, TicketPurpose } from "#shared/auth/tickets.ts";
import type { Action, Wire } from "./wire.ts";

/** Verifies tickets and issues receipts with the hub's keys. */
export type TicketVerifier = {
  verify(text: string, purpose: TicketPurpose, now: number): Ticket | null;
  issueReceipt(peer: string, endpoint: Endpoint, now: number): string | null;
  /** The endpoint that a recent receipt of this peer states, or null. */
  endpointFrom(peer: string, receipt: string, now: number): Endpoint | null;
};

export const native = (verifier: TicketVerifier): Wire => ({
  name: "native",
  claims: (bytes) => startsWith(bytes, SEE) || startsWith(bytes, KNOCK),
  handleDatagram: ({ bytes, endpoint }, _, now) => {
    const words = splitWords(bytes);
    if (words === null) return drop("unpadded");
    return words[0] === "see" ? handleSee(words, verifier, endpoint, now) : handleKnock(words, verifier, now);
  },
  // Notices go over HTTP and WebSocket.
  encodeNotice: () => ({ datagrams: [] }),
  encodeAnswer: () => [],
});

function handleSee(
  [, text = "", word, ...more]: readonly string[],
  verifier: TicketVerifier,
  from: Endpoint,
  now: number,
): Action {
  const purpose = text.startsWith("session.") ? "session" : "udp";
  const ticket = verifier.verify(text, purpose, now);
  const bytes = ticket === null || more.length > 0 ? null : encodeSeen(ticket.peer, verifier, from, word, now);
  if (ticket === null || bytes === null) return drop("no_ticket");
  const { lobby: name, peer, expires_at_s } = ticket;
  return { do: "answer", bytes, why: "seen", ...(name !== null && { liveness: { name, peer, expires_at_s } }) };
}

/** A `seen` reply; null if the word is invalid or no hub has been reached yet. */
export function encodeSeen(
  peer: string,
  verifier: TicketVerifier,
  from: Endpoint,
  word: string | undefined,
  now: number,
): Uint8Array | null {
  const receipt = verifier.issueReceipt(peer, from, now);
  if (receipt === null || !isWord(word)) return null;
  return encode("seen", formatEndpoint(from), receipt, word);
}

function handleKnock(
  [, text = "", receipt = "", word, ...more]: readonly string[],
  verifier: TicketVerifier,
  now: number,
): Action {
  const ticket = verifier.verify(text, "udp", now);
  if (ticket === null || more.length > 0 || !isWord(word)) return drop("no_ticket");
  const to = verifier.endpointFrom(ticket.peer, receipt, now);
  return to === null ? drop("no_receipt") : { do: "answer", bytes: encode("knocked", word), why: "knocked", to };
}

// --- relays ----------------------------------------------------------------------------------------------------

/** A request to a relay port. */
export type EnterRequest = {
  readonly ticket: string;
  readonly receipt: string | null;
  readonly word: string | undefined;
};

/** Whether a datagram to a relay port is addressed to the sidecar, and not to the other peer. */
export const isEnterRequest = (bytes: Uint8Array): boolean =>
  bytes.length >= NATIVE_REQUEST_BYTES_MIN && startsWith(bytes, ENTER);

/** Parses `enter`. Over a stream no padding is needed, so `bytes_min` is 0. */
export function parseEnter(bytes: Uint8Array, bytes_min = NATIVE_REQUEST_BYTES_MIN): EnterRequest | null {
  const [verb, ticket = "", receipt = "", word, ...more] = splitWords(bytes, bytes_min) ?? [];
  if (verb !== "enter") return null;
  return ticket === "" || more.length > 0 || !isWord(word)
    ? null
    : { ticket, receipt: receipt === "-" ? null : receipt, word };
}

export const encodeEntered = (word: string | undefined): Uint8Array => encode("entered", word);

// --- words -----------------------------------------------------------------------------------------------------

/** The words of a request without its padding; null if its length is out of range. */
function splitWords(bytes: Uint8Array, bytes_min = NATIVE_REQUEST_BYTES_MIN): string[] | null {
  if (bytes.length < bytes_min || bytes.length > NATIVE_REQUEST_BYTES_MAX) return null;
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === SPACE) end--;
  return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1").split(" ");
}

const SPACE = 0x20;

const SEE = Buffer.from("see ");
const KNOCK = Buffer.from("knock ");
const ENTER = Buffer.from("enter relay.");

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean => {
  for (let at = 0; at < prefix.length; at++) if (bytes[at] !== prefix[at]) return false;
  return true;
};
const isWord = (word: string | undefined): boolean => word === undefined || /^[!-~]{1,16}$/.test(word);
const encode = (...words: (string | undefined)[]): Uint8Array =>
  Buffer.from(words.filter((word) => word !== undefined).join(" "), "latin1");
const drop = (why: string): Action => ({ do: "drop", why });
