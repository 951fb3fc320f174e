/**
 * Wire scripts for Dowsett's wire, one line a packet. Each request is built and signed as the original script does it.
 * The form, the receiver and the hash of each reply are checked before it is written as a line.
 *
 *     A> register Nice locked for 30s    __sender-name Nice, password-required, seconds-before-expiry 30
 *     A< confirmed Nice
 *     A> refresh Nice
 *     A< refreshed Nice
 *     B> join Nice as Bob
 *     A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
 *     B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
 *     C< error: server already exists
 *     A> drop Nice
 *
 * A's handshake password is AAAAAAAAAA and its local address 10.0.0.1:5001, unless the line has `password other` or
 * `local 10.0.0.9:9`. A' is the same program behind a NAT that changed its port. A reply signed with another password
 * than its receiver's states that.
 */
import { letterOf, Rig, type Sent } from "../../support/exchange.ts";
import {
  dropping,
  joining,
  type Packet,
  pair,
  read,
  refreshing,
  registering,
  sign,
  signedWith,
} from "../../support/dowsett.ts";
import { runScript, type LineCodec } from "./wire-script.ts";

export const dowsettRig = (limits: ConstructorParameters<typeof Rig>[0] = {}): Rig =>
  new Rig({ wire: "dowsett", ...limits });

export const runDowsettScript = (text: string, rig = dowsettRig()): Rig => runScript(text, rig, DOWSETT);
export const on =
  (rig: Rig) =>
  (text: string): Rig =>
    runDowsettScript(text, rig);

/** A server named Nice, hosted by A. */
export const hostedServer = (): Rig =>
  runDowsettScript(`
    A> register Nice
    A< confirmed Nice
  `);

/** The handshake password of a player's program. */
export const passwordOf = (player: string): string => player[0]!.repeat(10);

const localOf = (player: string): [string, number] => {
  const number = player.charCodeAt(0) - 64;
  return [`10.0.0.${number}`, 5_000 + number];
};

const DOWSETT: LineCodec = { encode: encodeLine, decode: formatSent };

/** One line of a player as a datagram. */
export function encodeLine(words: string, player: string): Uint8Array {
  const [verb, name, ...rest] = words.split(" ");
  const said = (word: string): string | undefined => (rest.includes(word) ? rest[rest.indexOf(word) + 1] : undefined);
  const [address, port] = said("local")?.split(":") ?? localOf(player);
  const local = { "local-address": [address, Number(port)] };
  const lease = { "seconds-before-expiry": Number.parseInt(said("for") ?? "60", 10) };
  const packet: Packet | undefined = {
    register: registering(name, { ...local, ...lease, "password-required": rest.includes("locked") }),
    refresh: refreshing(name, lease),
    join: joining(name, said("as"), local),
    drop: dropping(name),
  }[verb!];
  if (packet === undefined) throw new Error(`nothing that the script says: ${words}`);
  return sign(packet, said("password") ?? passwordOf(player));
}

function formatSent(sent: Sent): string {
  const packet = read(sent.bytes);
  const player = letterOf(sent.to);
  const faults = faultsOf(packet, sent);
  if (!signedWith(sent.bytes, passwordOf(player))) {
    const used = OTHERS.find((password) => signedWith(sent.bytes, password));
    faults.push(used === undefined ? "WRONG HASH" : `password ${used}`);
  }
  return [wordsOf(packet), ...faults].join(" ");
}

/** Every password that a script may sign with beside the players' own. */
const OTHERS = ["other", ..."ABCDEFGHIJKLMNOPQRSTUVWXYZ".split("").map(passwordOf)];

function faultsOf(packet: Packet, { to }: Sent): string[] {
  const faults: string[] = [];
  if (packet["__sender-name"] !== null) faults.push("WRONG SENDER");
  if (JSON.stringify(packet["__destination-address"]) !== JSON.stringify(pair(to))) faults.push("WRONG ADDRESS");
  const keys = new Set(Object.keys(packet));
  const wanted = [...HEAD, ...(EXTRA[String(packet["__type"])] ?? [])];
  if (keys.size !== wanted.length || wanted.some((key) => !keys.has(key))) faults.push(`KEYS ${[...keys].join()}`);
  return faults;
}

const HEAD = ["__type", "__destination-name", "__destination-address", "__sender-name", "__hash-string"];
const EXTRA: Readonly<Record<string, readonly string[]>> = {
  "providing-server-list": ["servers"],
  "providing-peer-handshake-info": ["peer-name", "global-address", "local-address"],
  "server-error": ["message"],
};

function wordsOf(packet: Packet): string {
  const at = (key: string): string => (packet[key] as [string, number]).join(":");
  switch (packet["__type"]) {
    case "confirming-registration":
      return `confirmed ${packet["__destination-name"]}`;
    case "confirming-registration-refresh":
      return `refreshed ${packet["__destination-name"]}`;
    case "providing-peer-handshake-info":
      return `meet ${packet["peer-name"]} at ${at("global-address")} or ${at("local-address")}`;
    case "server-error":
      return `error: ${packet["message"]}`;
    default:
      return JSON.stringify(packet);
  }
}
