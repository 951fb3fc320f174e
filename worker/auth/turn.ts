/**
 * Short-lived credentials for a TURN server (the TURN REST scheme, coturn's `use-auth-secret`): the username is the
 * expiry and the peer's id, the password is the HMAC-SHA1 of the username under the shared secret.
 */
export type TurnCredential = { readonly username: string; readonly credential: string };

export async function turnCredential(secret: string, peer: string, expires_at_s: number): Promise<TurnCredential> {
  const username = `${expires_at_s}:${peer}`;
  const key = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const hmac = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(username)));
  return { username, credential: btoa(String.fromCharCode(...hmac)) };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
