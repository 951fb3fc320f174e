/**
 * Packets of Dowsett's wire: parsing, field checks, signatures and encoding. The protocol that uses them is in
 * dowsett.ts.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { READABLE_PATTERN } from "#shared/text/names.ts";
import { type Endpoint, endpoint, isLoopback } from "#shared/net/endpoint.ts";
import { isLocal } from "#shared/net/special-ranges.ts";

/** The reserved name of the handshake server. */
const SERVER = "_HANDSHAKE_SERVER";
/** The longest request: names of 64 characters in three places, and room for keys that later versions may add. */
const LENGTH_MAX = 2_048;
/** Maximum code points of a name and of the handshake password (the script makes 10). */
const NAME_POINTS_MAX = 64;
const PASSWORD_POINTS_MAX = 64;
/**
 * The script requests 60 s and refreshes every 15 s. The shortest and longest lease that a registration may request.
 */
const LEASE_MIN_S = 5;
const LEASE_MAX_S = 600;

export type Packet = {
  /** All fields, as received. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly type: string;
  readonly sender: string | null;
  readonly signature: string;
};

/** An object with the three keys that every packet has, or null. */
export function parsePacket(bytes: Uint8Array): Packet | null {
  if (bytes.length > LENGTH_MAX) return null;
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch {
    // Neither UTF-8 nor JSON; the decoders report that only by throwing.
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const fields = value as Record<string, unknown>;
  const { __type: type, "__sender-name": sender, "__hash-string": signature } = fields;
  if (typeof type !== "string" || typeof signature !== "string") return null;
  return typeof sender === "string" || sender === null ? { fields, type, sender, signature } : null;
}

export function isSigned({ fields, signature }: Packet, password: string): boolean {
  const expected = Buffer.from(packetHash(fields, password));
  const received = Buffer.from(signature);
  return expected.length === received.length && timingSafeEqual(expected, received);
}

/** The signature of an object: over its keys and its top-level text values, not over numbers, lists or objects. */
export function packetHash(fields: Readonly<Record<string, unknown>>, password: string): string {
  const keys = ["password"];
  const texts = [password];
  for (const [key, value] of Object.entries(fields)) {
    if (key === "__hash-string" || key === "password") continue;
    keys.push(key);
    if (typeof value === "string") texts.push(value);
  }
  return hash("sha256", byCodePoint(keys).concat(byCodePoint(texts)).join(""), "hex");
}

/** UTF-8 bytes sort by code point; JavaScript's string order differs above U+FFFF. */
const byCodePoint = (texts: string[]): string[] =>
  // Without surrogates both orders are the same.
  texts.some((text) => SURROGATE.test(text))
    ? texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    : texts.toSorted();

const SURROGATE = /[\ud800-\udfff]/;

/** 1 to 64 code points that people can read (#shared/text/names.ts), and not the server's reserved name. */
export const isName = (name: unknown): name is string =>
  typeof name === "string" &&
  name.length <= 2 * NAME_POINTS_MAX &&
  READABLE_PATTERN.test(name) &&
  name !== SERVER &&
  Array.from(name).length <= NAME_POINTS_MAX;

export function readPassword({ fields: { password } }: Packet): string | null {
  const good = typeof password === "string" && password !== "" && !/[\p{Cc}\p{Cs}]/u.test(password);
  return good && Array.from(password).length <= PASSWORD_POINTS_MAX ? password : null;
}

/**
 * Peers send handshakes to each other's local addresses, so a public one must be the sender's: any other stands for the
 * endpoint that the packet came from. Null if it is none.
 */
export function readLocal({ fields: { "local-address": local } }: Packet, from: Endpoint): Endpoint | null {
  if (!Array.isArray(local) || local.length !== 2) return null;
  const [address, port] = local as unknown[];
  const named = typeof address === "string" && typeof port === "number" ? endpoint(address, port) : null;
  if (named === null) return null;
  const isOwn = isLocal(named.address) || isLoopback(named.address) || named.address === from.address;
  return isOwn ? named : from;
}

export function readLease({ fields: { "seconds-before-expiry": seconds } }: Packet): number | null {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return null;
  return Math.round(Math.min(Math.max(seconds, LEASE_MIN_S), LEASE_MAX_S) * 1_000);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

export function encodePacket(
  type: string,
  name: string | null,
  to: Endpoint,
  password: string,
  extra: object = {},
): Uint8Array {
  const body = {
    ...extra,
    __type: type,
    "__destination-name": name,
    "__destination-address": pair(to),
    "__sender-name": null,
  };
  return Buffer.from(JSON.stringify({ ...body, "__hash-string": packetHash(body, password) }));
}

export const pair = (at: Endpoint): [string, number] => [at.address, at.port];
