/**
 * Proofs of membership that a host verifies offline, without a shared secret: a JWT (RFC 7519) signed with Ed25519
 * (RFC 8037), whose public keys are at /.well-known/jwks.json. The private keys are derived from TOKEN_KEYS, so they
 * rotate with them: the first signs, all are published. Sidecars verify the shorter session tickets instead (tokens.ts).
 */
import type { Jwk } from "#shared/api/identity.ts";
import { TOKEN_KEYS_MAX } from "#shared/limits.ts";
import { type Env, keysOf } from "../env.ts";
import { base64url } from "./base64url.ts";

export type Proof = {
  readonly game: string;
  readonly lobby: string;
  readonly peer: string;
  readonly issued_at_s: number;
  readonly expires_at_s: number;
};

type SigningKey = { readonly id: string; readonly key: CryptoKey; readonly x: string };

/** The keys of the current setting. A Worker's settings do not change while it runs. */
let cached: { readonly setting: string; readonly keys: SigningKey[] } | null = null;

/** The signed proof, or null if the hub has no key. */
export async function signProof(
  env: Env,
  { game, lobby, peer, issued_at_s, expires_at_s }: Proof,
): Promise<string | null> {
  const [signer] = await signingKeys(env);
  if (signer === undefined) return null;
  const header = { alg: "EdDSA", typ: "JWT", kid: signer.id };
  const claims = { aud: `parley:${game}`, sub: peer, lobby_id: lobby, iat: issued_at_s, exp: expires_at_s };
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${base64url(await crypto.subtle.sign("Ed25519", signer.key, bytesOf(text)))}`;
}

/** The public keys, the signing one first. */
export const publicKeys = async (env: Env): Promise<Jwk[]> =>
  (await signingKeys(env)).map(({ id, x }) => ({ kty: "OKP", crv: "Ed25519", x, kid: id, alg: "EdDSA", use: "sig" }));

/** Keeps the keys and not their promise: a request that awaits another's promise gets no response if that one ends first. */
async function signingKeys(env: Env): Promise<SigningKey[]> {
  const setting = env.TOKEN_KEYS ?? "";
  if (cached?.setting === setting) return cached.keys;
  const keys = await Promise.all(keysOf("TOKEN_KEYS", env).slice(0, TOKEN_KEYS_MAX).map(deriveKey));
  cached = { setting, keys };
  return keys;
}

/** A key pair whose seed is an HMAC of the setting's key with the purpose as its label (NIST SP 800-108). */
async function deriveKey(master: string): Promise<SigningKey> {
  const hmac = await crypto.subtle.importKey("raw", bytesOf(master), HMAC, false, ["sign"]);
  const seed = new Uint8Array(await crypto.subtle.sign("HMAC", hmac, bytesOf("parley proof key 1")));
  const id = base64url(await crypto.subtle.sign("HMAC", hmac, bytesOf("parley proof key 1 id"))).slice(0, 8);
  const key = await crypto.subtle.importKey("pkcs8", new Uint8Array([...PKCS8, ...seed]), "Ed25519", true, ["sign"]);
  const { x } = (await crypto.subtle.exportKey("jwk", key)) as { x?: string };
  return { id, key, x: x! };
}

const HMAC = { name: "HMAC", hash: "SHA-256" };
/** What precedes the 32 bytes of the seed (RFC 8410 section 7). */
const PKCS8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const encode = (value: object): string => base64url(bytesOf(JSON.stringify(value)).buffer as ArrayBuffer);
