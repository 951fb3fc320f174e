/**
 * The hash of a packet: lower-case hex SHA-256 over the sorted keys (without `__hash-string`, with `password`), then
 * over the sorted top-level strings (with the password). It does not cover numbers, booleans, null, arrays and objects,
 * so an attacker with one valid packet can change those.
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

/** In constant time. */
export function isHash(received: string, says: JsonObject, password: string): boolean {
  const wanted = Buffer.from(hashOf(says, password));
  const bytes = Buffer.from(received);
  return bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
}

/** UTF-8 bytes sort like code points. JavaScript's string order differs beyond U+FFFF. */
const inCodePointOrder = (texts: readonly string[]): Buffer[] =>
  texts.map((text) => Buffer.from(text)).toSorted((a, b) => Buffer.compare(a, b));
