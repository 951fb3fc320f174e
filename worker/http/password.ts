/**
 * Passwords of lobbies made over HTTP. Only a digest is kept or compared; it is made here, in the Worker, because it
 * is slow on purpose and the hub has one thread. The lobby's id is the salt: random, and of this lobby alone.
 */
import { PASSWORD_ROUNDS } from "#shared/limits.ts";

export async function passwordDigest(password: string, lobby_id: string): Promise<string> {
  // Two keyboards may spell the same letter in two ways (Unicode UAX 15).
  const key = await crypto.subtle.importKey("raw", bytes(password.normalize("NFC")), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(`parley lobby ${lobby_id}`), iterations: PASSWORD_ROUNDS };
  const digest = new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
  return `pbkdf2-${PASSWORD_ROUNDS}-${btoa(String.fromCharCode(...digest))}`;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
