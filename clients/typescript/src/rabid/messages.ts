/**
 * The messages of the Rabid wire, as a player sends and receives them: UDP, text, one message per datagram.
 *
 * With the server:
 *
 *     player                                server
 *      | -- h:SESSION:ME:SEATS[:PASSWORD] --> |    host, every 0.5 s until an answer
 *      | -- c:SESSION:ME[:PASSWORD] --------> |    or connect
 *      | <-- i:HOST:NAME:NAME... ------------ |    all players, host first
 *      | -- p:SESSION:ME -------------------> |    every 0.5 s, answered with i: (after the start with s:)
 *      | -- k:SESSION:NAME -----------------> |    (host) kick
 *      | -- x:SESSION:ME -------------------> |    leave, answered with error:player_exited_session
 *      | -- s:SESSION:ME -------------------> |    (host) start
 *      | <-- s:MYPORT:NAME:IP:PORT;... ------ |    to all players, repeated until
 *      | -- y:SESSION:ME -------------------> |
 *      | <-- error:WHAT --------------------- |    at any time; ends the session, except three that refuse a command
 *
 * With the other players, from the same socket (it is not closed or bound again between the two):
 *
 *     g:ME:MYPORT:PORTTRIED     greeting, to the listed port and its eight neighbours on either side
 *     c:ME:MYPORT               confirmation; MYPORT is the port by which the receiver reached the sender
 *     s:SECONDS                 (host) start after so many seconds
 *     y:ME:MYPORT               (guest) received the start
 *     r:ME:STEP                 Parley only, below
 *
 * The original plugin closes its socket at the first start line, listens again after 2.0 s, greets for 5.1 s (each port
 * five times, 50 ms apart, the listed port first), listens for 5.25 s more, and fails unless it was greeted. Then it
 * confirms. A guest fails unless its host's confirmation comes within 2 s, and the host sends `s:3` after 2 s. Both are
 * done about 15 s after the start. It reads one message per frame, and ignores messages with other letters.
 *
 * Two Parley peers recognise each other by `r:`, which a plugin ignores and never sends. A peer answers each player at
 * once, to the source of its datagram, with what it knows:
 *
 *     r:ME:1   I received a datagram of yours
 *     r:ME:2   I received your r: the path is open in both directions (answers r:1)
 *     r:ME:3   I know that you know (answers r:2; is not answered)
 *
 * So a Parley host has all Parley guests after a round trip, sends `s:0` to them, and is done at their `y:`. To a
 * player that does not send `r:`, a Parley peer behaves like a plugin: greetings while the plugin listens for them,
 * then confirmations, then `s:3` or `y:`. `s:` is never sent to a plugin that has not confirmed, because a plugin that
 * still talks to the server would take it for a start line.
 */
import { isIPv4 } from "node:net";
import type { Endpoint } from "../util/addresses.ts";
import { SERVER_ERRORS, type ServerError } from "./events.ts";
import { PEER_MESSAGE_BYTES_MAX, PLAYER_NAME, SEATS_MAX, SERVER_LINE_BYTES_MAX } from "./limits.ts";

/** A message of the server. */
export type ServerLine =
  | { readonly kind: "roster"; readonly players: readonly string[] }
  | { readonly kind: "start"; readonly ownPort: number; readonly others: readonly ListedPlayer[] }
  | { readonly kind: "error"; readonly code: ServerError | "unknown_error"; readonly serverText: string };

/** A player, and its endpoint as the server saw it. */
export type ListedPlayer = { readonly name: string; readonly endpoint: Endpoint };

/** What a Parley peer knows of the path between the two. */
export type Step = 1 | 2 | 3;

/** A message of another player. */
export type PeerMessage =
  | { readonly kind: "greeting"; readonly name: string; readonly tried: number }
  | { readonly kind: "confirmation"; readonly name: string }
  | { readonly kind: "start"; readonly seconds: number }
  | { readonly kind: "heard_start"; readonly name: string }
  | { readonly kind: "step"; readonly name: string; readonly step: Step };

/** Returns null if it is no message. Never throws. */
export function readServerLine(bytes: Uint8Array): ServerLine | null {
  if (bytes.length > SERVER_LINE_BYTES_MAX) return null;
  const text = decode(bytes);
  if (text.startsWith("error")) return readError(text);
  if (text.startsWith("i:")) {
    const players = text.slice(2).split(":");
    return players.length <= SEATS_MAX && areNames(players) ? { kind: "roster", players } : null;
  }
  const start = /^s:([0-9]{1,5}):(.*)$/.exec(text);
  if (start === null) return null;
  const [, port, list = ""] = start;
  const ownPort = Number(port);
  // The original server's list is empty if all other players have confirmed.
  const others = list === "" ? [] : list.split(";").map(readListedPlayer);
  if (!isPort(ownPort) || others.length >= SEATS_MAX || others.includes(null)) return null;
  const listed = others as ListedPlayer[];
  return areNames(listed.map(({ name }) => name)) ? { kind: "start", ownPort, others: listed } : null;
}

/** Returns null if it is no message. Extra fields are allowed, as in the plugin. */
export function readPeerMessage(bytes: Uint8Array): PeerMessage | null {
  if (bytes.length > PEER_MESSAGE_BYTES_MAX) return null;
  const [letter, first = "", second = "", third = ""] = decode(bytes).split(":");
  if (letter === "s") return /^[0-9]{1,4}$/.test(first) ? { kind: "start", seconds: Number(first) } : null;
  if (!PLAYER_NAME.test(first)) return null;
  switch (letter) {
    case "g":
      return isPortText(second) && isPortText(third) ? { kind: "greeting", name: first, tried: Number(third) } : null;
    case "c":
      return isPortText(second) ? { kind: "confirmation", name: first } : null;
    case "y":
      return isPortText(second) ? { kind: "heard_start", name: first } : null;
    case "r":
      return /^[123]$/.test(second) ? { kind: "step", name: first, step: Number(second) as Step } : null;
    default:
      return null;
  }
}

/** Whether a datagram belongs to this wire. A game may still receive some after the handshake. */
export const isRabidMessage = (bytes: Uint8Array): boolean =>
  readPeerMessage(bytes) !== null || readServerLine(bytes) !== null;

/** Encodes a message. An undefined last field is left out. */
export const encodeMessage = (...fields: readonly (string | number | undefined)[]): Uint8Array =>
  Buffer.from(fields.filter((field) => field !== undefined).join(":"), "latin1");

// --- internals -------------------------------------------------------------------------------------------------

const decode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

/** Any text that begins with "error", as in the plugin. */
function readError(text: string): ServerLine {
  const name = /^error:([a-z_]{1,40})$/.exec(text)?.[1] ?? "";
  const code = SERVER_ERRORS.find((known) => known === name);
  // Only printable ASCII may reach a log or a screen.
  const serverText = text.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, "?");
  return { kind: "error", code: code ?? "unknown_error", serverText };
}

function readListedPlayer(entry: string): ListedPlayer | null {
  const [name = "", address = "", port = "", ...rest] = entry.split(":");
  if (rest.length > 0 || !isIPv4(address) || !isPortText(port)) return null;
  return { name, endpoint: { address, port: Number(port) } };
}

const areNames = (names: readonly string[]): boolean =>
  names.every((name) => PLAYER_NAME.test(name)) && new Set(names).size === names.length;

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;
const isPortText = (text: string): boolean => /^[0-9]{1,5}$/.test(text) && isPort(Number(text));
