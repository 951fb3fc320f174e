/**
 * Native: what our own peers say to a sidecar. Text, one datagram each, words with a blank between them.
 *
 *     peer                                        sidecar
 *      | -- see TICKET [WORD] -------------------> |     `udp` ticket: where am I seen?
 *      |                                           |     `session` ticket: the same, and I am there (-> hub, the first time)
 *      | <- seen ENDPOINT RECEIPT [WORD] --------- |
 *      |                                           |
 *      | -- knock TICKET RECEIPT [WORD] ---------> |     from another socket: who is let in where that one was seen?
 *      | <- knocked [WORD] ----------------------- |     to where the receipt says, if it gets through
 *      |                                           |
 *      | -- enter TICKET RECEIPT [WORD] ---------> |     `relay` ticket, to a port of the relay: I am its other end
 *      | <- entered [WORD] ----------------------- |     or, where the receipt is of another endpoint or none (`-`),
 *      | <- seen ENDPOINT RECEIPT [WORD] --------- |     one to enter with
 *
 * A ticket is the hub's word for who asks (shared/auth/tickets.ts), a receipt the sidecar's for where he was seen, which the
 * hub believes (shared/auth/receipts.ts). WORD is the peer's own and comes back: it tells his questions apart and measures the
 * way. Everything is answered without the hub and without keeping anything. Requests are filled up with blanks, so no
 * answer is longer than its request; what goes elsewhere than to who asked, and what a relay carries, goes only where a young
 * receipt shows that this very peer receives. Whatever is wrong is met with silence. See docs/reference/wires/native.md.
 */
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { NATIVE_REQUEST_BYTES_MAX, NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import type { Ticket, TicketPurpose } from "#shared/auth/tickets.ts";
import type { Action, Wire } from "./wire.ts";

/** Proves and signs with the hub's keys. */
export type TicketVerifier = {
  verify(text: string, purpose: TicketPurpose, now: number): Ticket | null;
  issueReceipt(peer: string, endpoint: Endpoint, now: number): string | null;
  /** Where this peer was seen, as long as it is likely that he receives there. */
  endpointFrom(peer: string, receipt: string, now: number): Endpoint | null;
};

export const native = (notary: TicketVerifier): Wire => ({
  name: "native",
  claims: (bytes) => startsWith(bytes, SEE) || startsWith(bytes, KNOCK),
  handleDatagram: ({ bytes, endpoint }, _, now) => {
    const words = splitWords(bytes);
    if (words === null) return drop("unpadded");
    return words[0] === "see" ? handleSee(words, notary, endpoint, now) : handleKnock(words, notary, now);
  },
  // News go over HTTP and WebSocket.
  encodeNotice: () => ({ datagrams: [] }),
  encodeAnswer: () => [],
});

function handleSee([, text = "", word, ...more]: readonly string[], notary: TicketVerifier, from: Endpoint, now: number): Action {
  const purpose = text.startsWith("session.") ? "session" : "udp";
  const ticket = notary.verify(text, purpose, now);
  const bytes = ticket === null || more.length > 0 ? null : encodeSeen(ticket.peer, notary, from, word, now);
  if (ticket === null || bytes === null) return drop("no_ticket");
  const { lobby: name, peer, expires_at_s } = ticket;
  return { do: "answer", bytes, why: "seen", ...(name !== null && { liveness: { name, peer, expires_at_s } }) };
}

/** What whoever is seen here is answered; null where the word is none, or no hub has been reached yet. */
export function encodeSeen(
  peer: string,
  notary: TicketVerifier,
  from: Endpoint,
  word: string | undefined,
  now: number,
): Uint8Array | null {
  const receipt = notary.issueReceipt(peer, from, now);
  if (receipt === null || !isWord(word)) return null;
  return encode("seen", formatEndpoint(from), receipt, word);
}

function handleKnock([, text = "", receipt = "", word, ...more]: readonly string[], notary: TicketVerifier, now: number): Action {
  const ticket = notary.verify(text, "udp", now);
  if (ticket === null || more.length > 0 || !isWord(word)) return drop("no_ticket");
  const to = notary.endpointFrom(ticket.peer, receipt, now);
  return to === null ? drop("no_receipt") : { do: "answer", bytes: encode("knocked", word), why: "knocked", to };
}

// --- relays ----------------------------------------------------------------------------------------------------

/** What is said to a relay's port. */
export type EnterRequest = { readonly ticket: string; readonly receipt: string | null; readonly word: string | undefined };

/** Whether a datagram to a relay's port is meant for us, and not for the other side. */
export const isEnterRequest = (bytes: Uint8Array): boolean =>
  bytes.length >= NATIVE_REQUEST_BYTES_MIN && startsWith(bytes, ENTER);

/** Over a stream nothing need be filled up. */
export function parseEnter(bytes: Uint8Array, bytes_min = NATIVE_REQUEST_BYTES_MIN): EnterRequest | null {
  const [verb, ticket = "", receipt = "", word, ...more] = splitWords(bytes, bytes_min) ?? [];
  if (verb !== "enter") return null;
  return ticket === "" || more.length > 0 || !isWord(word)
    ? null
    : { ticket, receipt: receipt === "-" ? null : receipt, word };
}

export const encodeEntered = (word: string | undefined): Uint8Array => encode("entered", word);

// --- words -----------------------------------------------------------------------------------------------------

/** The words of a request, without what fills it up; null where it is shorter or longer than one can be. */
function splitWords(bytes: Uint8Array, bytes_min = NATIVE_REQUEST_BYTES_MIN): string[] | null {
  if (bytes.length < bytes_min || bytes.length > NATIVE_REQUEST_BYTES_MAX) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").replace(/ +$/, "").split(" ");
}

const SEE = Buffer.from("see ");
const KNOCK = Buffer.from("knock ");
const ENTER = Buffer.from("enter relay.");

const startsWith = (bytes: Uint8Array, with_: Uint8Array): boolean => {
  for (let at = 0; at < with_.length; at++) if (bytes[at] !== with_[at]) return false;
  return true;
};
const isWord = (word: string | undefined): boolean => word === undefined || /^[!-~]{1,16}$/.test(word);
const encode = (...words: (string | undefined)[]): Uint8Array =>
  Buffer.from(words.filter((word) => word !== undefined).join(" "), "latin1");
const drop = (why: string): Action => ({ do: "drop", why });
