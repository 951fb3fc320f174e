/**
 * Digests of lobby passwords. Only digests are stored and compared. The Worker computes them, because PBKDF2 is slow by
 * design and a hub has one thread. The salt is the lobby's id, which is random.
 */
import { PASSWORD_ROUNDS } from "#shared/limits.ts";

export async function passwordDigest(password: string, lobby_id: string): Promise<string> {
  // Two keyboards can encode the same character differently (Unicode UAX 15).
  const key = await crypto.subtle.importKey("raw", bytes(password.normalize("NFC")), "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(`parley lobby ${lobby_id}`), iterations: PASSWORD_ROUNDS };
  const digest = new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
  return `pbkdf2-${PASSWORD_ROUNDS}-${btoa(String.fromCharCode(...digest))}`;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
