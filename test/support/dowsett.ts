/**
 * Dowsett's packets as the original script sends them, with a second implementation of the hash, written from the
 * protocol's description, not from the tested code.
 *
 *     sign(registering("Nice"), "qUks5KzRDY")     the datagram
 *     read(bytes)                                  the object in a datagram
 *     signedWith(bytes, "qUks5KzRDY")              whether its hash is correct
 */
import { createHash } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";

export const SERVER = "_HANDSHAKE_SERVER";
/** The destination that the script writes; no receiver reads it. */
const SERVER_ADDRESS = ["198.51.100.7", 5_160];

/** A packet before it is signed. A key whose value is undefined is left out. */
export type Packet = Readonly<Record<string, unknown>>;

/** The five packets of a client, as the script sends them; `parts` replaces or removes fields. */
export const registering = (name: unknown, parts: Packet = {}): Packet => ({
  "local-address": ["10.0.0.1", 5_001],
  "seconds-before-expiry": 60,
  "password-required": false,
  ...head("registering-server", name),
  ...parts,
});
export const refreshing = (name: unknown, parts: Packet = {}): Packet => ({
  "seconds-before-expiry": 60,
  ...head("refreshing-server-registration", name),
  ...parts,
});
export const joining = (server: unknown, name: unknown, parts: Packet = {}): Packet => ({
  "local-address": ["10.0.0.2", 5_002],
  "server-name": server,
  ...head("requesting-to-join-server", name),
  ...parts,
});
export const listing = (name: unknown = null, parts: Packet = {}): Packet => ({
  ...head("requesting-server-list", name),
  ...parts,
});
export const dropping = (name: unknown, parts: Packet = {}): Packet => ({ name, ...head("drop-me", name), ...parts });

const head = (type: string, sender: unknown): Packet => ({
  __type: type,
  "__sender-name": sender,
  "__destination-name": SERVER,
  "__destination-address": SERVER_ADDRESS,
});

/** The first packets to a handshake server contain the password; the others are only signed with it. */
const SAY_THE_PASSWORD = new Set(["registering-server", "requesting-server-list", "requesting-to-join-server"]);

export function sign(packet: Packet, password: string): Buffer {
  const says = SAY_THE_PASSWORD.has(String(packet["__type"])) ? { password, ...packet } : packet;
  return Buffer.from(JSON.stringify({ ...says, "__hash-string": hashOf(says, password) }));
}

export const read = (bytes: Uint8Array): Packet => JSON.parse(Buffer.from(bytes).toString("utf8")) as Packet;

export function signedWith(bytes: Uint8Array, password: string): boolean {
  const packet = read(bytes);
  return packet["__hash-string"] === hashOf(packet, password);
}

/** SHA-256 of the sorted keys, then the sorted texts, both with `password` even if the packet lacks it. */
export function hashOf(packet: Packet, password: string): string {
  const whole = new Map(Object.entries(packet).filter(([, value]) => value !== undefined));
  whole.delete("__hash-string");
  whole.set("password", password);
  const texts = [...whole.values()].filter((value): value is string => typeof value === "string");
  const text = [...whole.keys()].toSorted(byCharacter).concat(texts.toSorted(byCharacter)).join("");
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** Compares by code points, not by UTF-16 units. */
function byCharacter(a: string, b: string): number {
  const [as, bs] = [Array.from(a), Array.from(b)];
  for (let at = 0; at < Math.min(as.length, bs.length); at++) {
    const difference = as[at]!.codePointAt(0)! - bs[at]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return as.length - bs.length;
}

export const pair = ({ address, port }: Endpoint): [string, number] => [address, port];
