/**
 * Dialogues: what players and sidecars say to each other, written down and played against the real thing.
 *
 *     # anything                     for the reader
 *     A> h:Nice:Alice:4              A says this; the lines below it are all that leaves because of it, in order
 *     A< i:Alice
 *     @+500ms                        time passes (ms, s or min); the lines below are all that leaves meanwhile
 *     A< error:player_timeout (x2)   while time passes, what is said several times stands once, where it came first
 *     @+12s, every 500ms: A> p:Nice:Alice, B> p:Nice:Bob
 *     A/3478> p:Nice:Alice           through another of our ports; its answer must leave from there
 *     A/south< i:Alice               through another sidecar
 *
 * What is said to somebody several times in a row stands once, too, with (x3) behind it.
 * A' is A behind another port of the same address, A6 is A on IPv6 (support/exchange.ts). A line without an answer
 * below it was met with silence.
 */
import { expect } from "vitest";
import { at, HOME, type Place, playerAt, Rig, type Sent, textOf } from "../../support/exchange.ts";

/** How the lines of a dialogue become datagrams, and datagrams lines. */
export type Tongue = { say(words: string, player: string): string | Uint8Array; read(sent: Sent): string };

const PLAIN: Tongue = { say: (words) => words, read: textOf };

/** Plays a dialogue on a rig of its own, or on one where something has happened already; gives the rig. */
export function dialogue(text: string, rig = new Rig(), tongue = PLAIN): Rig {
  const script = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const played = script.flatMap((line) => (SAID_TO.test(line) ? [] : [line, ...play(rig, line, tongue)]));
  expect(played.join("\n")).toBe(script.join("\n"));
  return rig;
}

export const continued =
  (rig: Rig) =>
  (text: string): Rig =>
    dialogue(text, rig);

/** An open session Nice, its players in order of arrival. Those who `pinged` have, half a second after they joined. */
export function session(
  players: string,
  { seats = 4, pinged = players }: { seats?: number; pinged?: string } = {},
): Rig {
  const rig = new Rig();
  for (const player of players) {
    const first = player === players[0];
    rig.say(player, first ? `h:Nice:${nameOf(player)}:${seats}` : `c:Nice:${nameOf(player)}`);
  }
  rig.pass(500);
  for (const player of pinged) rig.say(player, `p:Nice:${nameOf(player)}`);
  return rig;
}

export const nameOf = (player: string): string => NAMES[player.charCodeAt(0) - 65]!;
const NAMES = ["Alice", "Bob", "Carol", "Dave", "Eve", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Kim", "Leo"];

/** Every start line that ever left for a player. */
export const startLinesFor = (rig: Rig, player: string): Sent[] =>
  rig.sent.filter((sent) => playerAt(sent.to) === player && textOf(sent).startsWith("s:"));

const WHO = "([A-Z]['6]?)((?:/[a-z0-9]+)*)";
const SAID_TO = new RegExp(`^${WHO}<`);
const SAID_BY = new RegExp(`^${WHO}> ?(.*)$`);
const TIME = /^@\+(\d+)(ms|s|min)(?:, every (\d+)(ms|s): (.+))?$/;

/** What leaves because of one line. */
function play(rig: Rig, line: string, tongue: Tongue): string[] {
  const write = (sent: Sent): string => written(sent, tongue);
  const time = TIME.exec(line);
  if (time !== null) {
    const [, amount, unit, again, unitOfAgain, talk = ""] = time;
    const every_ms = again === undefined ? Infinity : durationOf(again, unitOfAgain!);
    return counted(elapse(rig, durationOf(amount!, unit!), every_ms, talk.split(", "), tongue).map(write));
  }
  return inRow(speak(rig, line, tongue).map(write));
}

function elapse(rig: Rig, duration_ms: number, every_ms: number, talk: readonly string[], tongue: Tongue): Sent[] {
  const sent: Sent[] = [];
  const until = rig.now + duration_ms;
  while (rig.now + every_ms <= until) {
    sent.push(...rig.pass(every_ms));
    for (const line of talk) sent.push(...speak(rig, line, tongue));
  }
  sent.push(...rig.pass(until - rig.now));
  return sent;
}

function speak(rig: Rig, line: string, tongue: Tongue): Sent[] {
  const said = SAID_BY.exec(line);
  if (said === null) throw new Error(`no line of a dialogue: ${line}`);
  const [, player, path, words] = said;
  return rig.say(at(player!), tongue.say(words!, player!), placeOf(path!));
}

function placeOf(path: string): Place {
  let place: Place = HOME;
  for (const part of path.split("/").slice(1)) {
    place = /^\d+$/.test(part) ? { ...place, via: Number(part) } : { ...place, sidecar: part };
  }
  return place;
}

function written(sent: Sent, tongue: Tongue): string {
  const sidecar = sent.sidecar === HOME.sidecar ? "" : `/${sent.sidecar}`;
  const via = sent.via === HOME.via ? "" : `/${sent.via}`;
  return `${playerAt(sent.to)}${sidecar}${via}< ${tongue.read(sent)}`;
}

/** The same line said several times stands once, where it was said first. */
function counted(lines: readonly string[]): string[] {
  const times = new Map<string, number>();
  for (const line of lines) times.set(line, (times.get(line) ?? 0) + 1);
  return [...times].map(([line, count]) => (count === 1 ? line : `${line} (x${count})`));
}

/** The same line said several times in a row stands once. */
function inRow(lines: readonly string[]): string[] {
  const starts = lines.flatMap((line, at) => (line === lines[at - 1] ? [] : [at]));
  return starts.map((at, index) => {
    const count = (starts[index + 1] ?? lines.length) - at;
    return count === 1 ? lines[at]! : `${lines[at]} (x${count})`;
  });
}

const durationOf = (amount: string, unit: string): number => Number(amount) * { ms: 1, s: 1_000, min: 60_000 }[unit]!;
