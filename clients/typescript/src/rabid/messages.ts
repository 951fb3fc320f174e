/**
 * The words of the Rabid wire, as a player speaks and reads them. UDP, text, one word a datagram.
 *
 * With the server:
 *
 *     player                                server
 *      | -- h:SESSION:ME:SEATS[:PASSWORD] --> |    host, every 0.5 s until an answer
 *      | -- c:SESSION:ME[:PASSWORD] --------> |    or connect
 *      | <-- i:HOST:NAME:NAME... ------------ |    everybody, host first
 *      | -- p:SESSION:ME -------------------> |    every 0.5 s, answered with i: (after the start with s:)
 *      | -- k:SESSION:NAME -----------------> |    (host) kick
 *      | -- x:SESSION:ME -------------------> |    leave, answered with error:player_exited_session
 *      | -- s:SESSION:ME -------------------> |    (host) start
 *      | <-- s:MYPORT:NAME:IP:PORT;... ------ |    to everybody, repeated until
 *      | -- y:SESSION:ME -------------------> |
 *      | <-- error:WHAT --------------------- |    at any time; ends the session, but for three that refuse a command
 *
 * With the other players, from the same socket (it is never closed or bound again between the two):
 *
 *     g:ME:MYPORT:PORTTRIED     greeting, to the told port and its eight neighbours on either side
 *     c:ME:MYPORT               confirmation; MYPORT is the port by which the reader reached me
 *     s:SECONDS                 (host) start in so many seconds
 *     y:ME:MYPORT               (guest) heard the start
 *     r:ME:STEP                 ours only, below
 *
 * The original plugin closes its socket at the first start line, listens again 2.0 s later, greets for 5.1 s (each port
 * five times, 50 ms apart, the told port first), listens 5.25 s more, and fails unless it was greeted. Then it confirms;
 * a guest fails unless its host's confirmation comes within 2 s, and the host says `s:3` after 2 s. Both are done about
 * 15 s after the start. It reads one word a frame, and ignores every word that begins with another letter than those.
 *
 * That is how two of ours recognise each other: by `r:`, which means nothing to a plugin and which a plugin never says.
 * Whoever hears a player answers at once, to the source he saw, with how much he knows:
 *
 *     r:ME:1   I have heard you
 *     r:ME:2   I have heard that you heard me: the way is open both ways (answers r:1)
 *     r:ME:3   I know that you know (answers r:2; is not answered)
 *
 * So a host of ours has all guests of ours after a round trip, says `s:0` to them, and is done at their `y:`. To a
 * player who does not say `r:` each of ours behaves like a plugin: greetings while that listens for them, then
 * confirmations, then `s:3` or `y:`. `s:` is never said to a plugin that has not confirmed, because one that still
 * talks with the server would take it for a start line.
 */
import { isIPv4 } from "node:net";
import { type Endpoint, SERVER_ERRORS, type ServerError } from "./events.ts";
import { PEER_MESSAGE_BYTES_MAX, PLAYER_NAME, SEATS_MAX, SERVER_LINE_BYTES_MAX } from "./limits.ts";

/** A line of the server. */
export type ServerLine =
  | { readonly kind: "roster"; readonly players: readonly string[] }
  | { readonly kind: "start"; readonly ownPort: number; readonly others: readonly ListedPlayer[] }
  | { readonly kind: "error"; readonly code: ServerError | "unknown_error"; readonly serverText: string };

/** A player, and where the server saw him. */
export type ListedPlayer = { readonly name: string; readonly endpoint: Endpoint };

/** How much a player of ours knows of the way between us. */
export type Step = 1 | 2 | 3;

/** A word of another player. */
export type PeerMessage =
  | { readonly kind: "greeting"; readonly name: string; readonly tried: number }
  | { readonly kind: "confirmation"; readonly name: string }
  | { readonly kind: "start"; readonly seconds: number }
  | { readonly kind: "heard_start"; readonly name: string }
  | { readonly kind: "step"; readonly name: string; readonly step: Step };

/** Null where it is none: what a server says is never an exception. */
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
  // The original server's list may be empty, when all others have confirmed already.
  const others = list === "" ? [] : list.split(";").map(readListedPlayer);
  if (!isPort(ownPort) || others.length >= SEATS_MAX || others.includes(null)) return null;
  const told = others as ListedPlayer[];
  return areNames(told.map(({ name }) => name)) ? { kind: "start", ownPort, others: told } : null;
}

/** Null where it is none. Fields beyond the known ones are allowed, as the plugin allows them. */
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

/** Whether a datagram is a word of this wire, which a game may still find in its socket after the meeting. */
export const isRabidMessage = (bytes: Uint8Array): boolean =>
  readPeerMessage(bytes) !== null || readServerLine(bytes) !== null;

/** A word as bytes; a missing last field is left out. */
export const encodeMessage = (...fields: readonly (string | number | undefined)[]): Uint8Array =>
  Buffer.from(fields.filter((field) => field !== undefined).join(":"), "latin1");

// --- parts -----------------------------------------------------------------------------------------------------

const decode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

/** Begins with "error": the plugin looks no further either. */
function readError(text: string): ServerLine {
  const name = /^error:([a-z_]{1,40})$/.exec(text)?.[1] ?? "";
  const code = SERVER_ERRORS.find((known) => known === name);
  // Only printable ASCII may reach a log or a screen.
  const said = text.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, "?");
  return { kind: "error", code: code ?? "unknown_error", serverText: said };
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
