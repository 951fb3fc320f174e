/**
 * The check of secret keys that operators configure. A short key can be guessed, and an example from documentation is
 * known to everybody.
 */
import { KEY_LENGTH_MIN, TOKEN_KEY_LENGTH_MIN } from "../limits.ts";

export const KEY_SETTINGS = ["SIDECAR_KEYS", "TOKEN_KEYS", "ADMIN_KEYS"] as const;
export type KeySetting = (typeof KEY_SETTINGS)[number] | "TURN_SECRET";

/** The minimum of different characters: `openssl rand -hex 32` has 16 to choose from. */
const LETTERS_MIN = 6;
const EXAMPLE = /example|change-?me|placeholder|secret-key|your-key|123456789/i;

/** The keys of a comma-separated setting. */
export const splitKeys = (setting: string): string[] =>
  setting
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");

/** Why this key must not be used, or null. The text names the setting and never the key. */
export function weakness(setting: KeySetting, key: string): string | null {
  const length_min = setting === "TOKEN_KEYS" ? TOKEN_KEY_LENGTH_MIN : KEY_LENGTH_MIN;
  const advice = "`openssl rand -hex 32` makes one";
  if (key.length < length_min) return `${setting}: a key has fewer than ${length_min} characters; ${advice}`;
  if (new Set(key).size < LETTERS_MIN || EXAMPLE.test(key)) return `${setting}: a key is an example; ${advice}`;
  return null;
}
