/**
 * The hash of a packet: lower-case hex SHA-256 of all its keys (without `__hash-string`, with `password`) sorted and
 * joined, followed by all its top-level texts (with the password) sorted and joined. Numbers, booleans, null, arrays
 * and objects do not enter it: whoever knows one good packet can change those.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { JsonObject } from "../../util/bounded-json.ts";

export const HASH_KEY = "__hash-string";

export function hashOf(says: JsonObject, password: string): string {
  const keys = ["password"];
  const texts = [password];
  for (const [key, value] of Object.entries(says)) {
    if (key === HASH_KEY || key === "password") continue;
    keys.push(key);
    if (typeof value === "string") texts.push(value);
  }
  const digest = createHash("sha256");
  for (const part of inCodePointOrder(keys)) digest.update(part);
  for (const part of inCodePointOrder(texts)) digest.update(part);
  return digest.digest("hex");
}

/** Takes the same time whatever differs. */
export function isHash(given: string, says: JsonObject, password: string): boolean {
  const wanted = Buffer.from(hashOf(says, password));
  const bytes = Buffer.from(given);
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
}

/** UTF-8 bytes sort as code points do; JavaScript's own order of strings differs beyond U+FFFF. */
const inCodePointOrder = (texts: readonly string[]): Buffer[] =>
  texts.map((text) => Buffer.from(text)).toSorted((a, b) => Buffer.compare(a, b));
