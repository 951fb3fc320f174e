/** Verifies ID tokens of OpenID Connect providers (OpenID Connect Core 1.0, section 3.1.3.7) with their published keys. */
import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { PROVIDER_CACHE_MS, PROVIDER_TIMEOUT_MS } from "#shared/limits.ts";
import type { OidcProvider } from "#shared/settings/identity.ts";
import type { Verified } from "./verified.ts";

/** Signatures with a public key only: the client secret of a symmetric one is not here. */
const ALGORITHMS = [
  "RS256",
  "PS256",
  "ES256",
  "RS384",
  "PS384",
  "ES384",
  "RS512",
  "PS512",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** The keys of each issuer. jose fetches and caches them. */
const keySets = new Map<string, { readonly keys: JWTVerifyGetKey; readonly until: number }>();

export async function verifyIdToken({ issuer, audience }: OidcProvider, token: string, now: number): Promise<Verified> {
  try {
    const keys = await keysOf(issuer, now);
    const how = {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      requiredClaims: ["sub", "exp"],
      currentDate: new Date(now),
    };
    const { payload } = await jwtVerify(token, keys, how);
    return payload.sub === undefined || payload.sub === "" ? { refused: "identity_invalid" } : { subject: payload.sub };
  } catch (error) {
    // Everything except a token that is wrong is a provider that cannot be reached, or does not follow the standard.
    const isWrong = error instanceof errors.JOSEError && !UNAVAILABLE.has(error.code);
    if (isWrong) return { refused: "identity_invalid" };
    console.error({ message: "an OpenID Connect provider is unavailable", issuer, error: String(error).slice(0, 200) });
    return { refused: "identity_unavailable" };
  }
}

const UNAVAILABLE = new Set([errors.JWKSTimeout.code, errors.JWKSInvalid.code, errors.JOSEError.code]);

async function keysOf(issuer: string, now: number): Promise<JWTVerifyGetKey> {
  const known = keySets.get(issuer);
  if (known !== undefined && known.until > now) return known.keys;
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS), redirect: "manual" });
  if (!response.ok) throw new Error(`its configuration answers ${response.status}`);
  const { issuer: named, jwks_uri } = await response.json<{ issuer?: unknown; jwks_uri?: unknown }>();
  if (named !== issuer || typeof jwks_uri !== "string") throw new Error("its configuration names another issuer");
  const keys = createRemoteJWKSet(new URL(jwks_uri), { timeoutDuration: PROVIDER_TIMEOUT_MS });
  keySets.set(issuer, { keys, until: now + PROVIDER_CACHE_MS });
  return keys;
}
