/** Random ids and keys, from the platform's generator. */
import { base64url } from "./base64url.ts";

/** 130 bits in 26 characters: an id that cannot be guessed. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(26));
  return Array.from(bytes, (byte) => (byte & 31).toString(32)).join("");
}

/** 32 bytes in base64url. */
export const randomKey = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));
