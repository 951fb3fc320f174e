/**
 * Wire scripts: datagrams of players and sidecars as text, replayed against the real code.
 *
 *     # anything                     comment
 *     A> h:Nice:Alice:4              A sends this; the lines below are all replies to it, in order
 *     A< i:Alice
 *     @+500ms                        time passes (ms, s or min); the lines below are all datagrams sent meanwhile
 *     A< error:player_timeout (x2)   while time passes, repeated lines are written once, at the first place
 *     @+12s, every 500ms: A> p:Nice:Alice, B> p:Nice:Bob
 *     A/3478> p:Nice:Alice           at another port of the sidecar; its reply must leave from there
 *     A/south< i:Alice               from another sidecar
 *
 * Consecutive equal lines to one player are written once, with (x3) after them. A' is A behind another port of the same
 * address, A6 is A over IPv6 (support/exchange.ts). A line without a reply below it got none.
 */
import { expect } from "vitest";
import { endpointOf, HOME, type Destination, letterOf, Rig, type Sent, textOf } from "../../support/exchange.ts";

/** Converts lines of a script into datagrams, and datagrams into lines. */
export type LineCodec = { encode(words: string, player: string): string | Uint8Array; decode(sent: Sent): string };

const PLAIN: LineCodec = { encode: (words) => words, decode: textOf };

/** Runs a script on a new rig or on a given one; returns the rig. */
export function runScript(text: string, rig = new Rig(), tongue = PLAIN): Rig {
  const script = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const played = script.flatMap((line) => (RECEIVED_LINE.test(line) ? [] : [line, ...runLine(rig, line, tongue)]));
  expect(played.join("\n")).toBe(script.join("\n"));
  return rig;
}

export const continueScript =
  (rig: Rig) =>
  (text: string): Rig =>
    runScript(text, rig);

/**
 * An open session named Nice, with players in order of arrival. The `pinged` players ping half a second after they
 * joined.
 */
export function openSession(
  players: string,
  { seats = 4, pinged = players }: { seats?: number; pinged?: string } = {},
): Rig {
  const rig = new Rig();
  for (const player of players) {
    const first = player === players[0];
    rig.send(player, first ? `h:Nice:${nameOf(player)}:${seats}` : `c:Nice:${nameOf(player)}`);
  }
  rig.advance(500);
  for (const player of pinged) rig.send(player, `p:Nice:${nameOf(player)}`);
  return rig;
}

export const nameOf = (player: string): string => NAMES[player.charCodeAt(0) - 65]!;
const NAMES = ["Alice", "Bob", "Carol", "Dave", "Eve", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Kim", "Leo"];

/** All start lines sent to a player. */
export const startLinesFor = (rig: Rig, player: string): Sent[] =>
  rig.sent.filter((sent) => letterOf(sent.to) === player && textOf(sent).startsWith("s:"));

const PLAYER = "([A-Z]['6]?)((?:/[a-z0-9]+)*)";
const RECEIVED_LINE = new RegExp(`^${PLAYER}<`);
const SENT_LINE = new RegExp(`^${PLAYER}> ?(.*)$`);
const TIME = /^@\+(\d+)(ms|s|min)(?:, every (\d+)(ms|s): (.+))?$/;

/** The datagrams sent because of one line. */
function runLine(rig: Rig, line: string, tongue: LineCodec): string[] {
  const write = (sent: Sent): string => formatSent(sent, tongue);
  const time = TIME.exec(line);
  if (time !== null) {
    const [, amount, unit, again, unitOfAgain, talk = ""] = time;
    const every_ms = again === undefined ? Infinity : durationOf(again, unitOfAgain!);
    return countRepeats(advance(rig, durationOf(amount!, unit!), every_ms, talk.split(", "), tongue).map(write));
  }
  return countConsecutive(sendLine(rig, line, tongue).map(write));
}

function advance(rig: Rig, duration_ms: number, every_ms: number, talk: readonly string[], tongue: LineCodec): Sent[] {
  const sent: Sent[] = [];
  const until = rig.now + duration_ms;
  while (rig.now + every_ms <= until) {
    sent.push(...rig.advance(every_ms));
    for (const line of talk) sent.push(...sendLine(rig, line, tongue));
  }
  sent.push(...rig.advance(until - rig.now));
  return sent;
}

function sendLine(rig: Rig, line: string, tongue: LineCodec): Sent[] {
  const said = SENT_LINE.exec(line);
  if (said === null) throw new Error(`no line of a dialogue: ${line}`);
  const [, player, path, words] = said;
  return rig.send(endpointOf(player!), tongue.encode(words!, player!), placeOf(path!));
}

function placeOf(path: string): Destination {
  let place: Destination = HOME;
  for (const part of path.split("/").slice(1)) {
    place = /^\d+$/.test(part) ? { ...place, via: Number(part) } : { ...place, sidecar: part };
  }
  return place;
}

function formatSent(sent: Sent, tongue: LineCodec): string {
  const sidecar = sent.sidecar === HOME.sidecar ? "" : `/${sent.sidecar}`;
  const via = sent.via === HOME.via ? "" : `/${sent.via}`;
  return `${letterOf(sent.to)}${sidecar}${via}< ${tongue.decode(sent)}`;
}

/** Equal lines are written once, at the first place. */
function countRepeats(lines: readonly string[]): string[] {
  const times = new Map<string, number>();
  for (const line of lines) times.set(line, (times.get(line) ?? 0) + 1);
  return [...times].map(([line, count]) => (count === 1 ? line : `${line} (x${count})`));
}

/** Consecutive equal lines are written once. */
function countConsecutive(lines: readonly string[]): string[] {
  const starts = lines.flatMap((line, at) => (line === lines[at - 1] ? [] : [at]));
  return starts.map((at, index) => {
    const count = (starts[index + 1] ?? lines.length) - at;
    return count === 1 ? lines[at]! : `${lines[at]} (x${count})`;
  });
}

const durationOf = (amount: string, unit: string): number => Number(amount) * { ms: 1, s: 1_000, min: 60_000 }[unit]!;
