/**
 * Verifies offline that a peer is a member of a lobby: the peer sends its `membership_proof`, a JWT that the hub signed
 * with Ed25519 (RFC 8037), and the host checks it with the hub's public keys. The keys are fetched once, and again if a
 * proof names a new one.
 */
import { fromBase64url } from "../util/base64url.ts";
import * as limits from "./limits.ts";
import type { Keys } from "../api/types.ts";

export type VerifiedMember = { readonly peer_id: string; readonly lobby_id: string; readonly expires_at: Date };

type PublicKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;
type Claims = {
  readonly aud?: unknown;
  readonly sub?: unknown;
  readonly lobby_id?: unknown;
  readonly exp?: unknown;
};

export class ProofVerifier {
  readonly #url: string;
  readonly #game: string;
  #keys = new Map<string, PublicKey>();
  #fetched_at = -Infinity;

  /** `url` of the hub, such as https://lobby.example.com. */
  constructor(url: string, game = "default") {
    this.#url = `${url.replace(/\/+$/, "")}/.well-known/jwks.json`;
    this.#game = game;
  }

  /** Fetches the hub's keys, so that `verify` needs no network later. */
  async loadKeys(): Promise<void> {
    const response = await fetch(this.#url);
    if (!response.ok) throw new Error(`the hub's keys cannot be read: ${response.status}`);
    const { keys } = (await response.json()) as Keys;
    this.#keys = new Map(await Promise.all(keys.map(readKey)));
    this.#fetched_at = performance.now();
  }

  /** The member that a valid, unexpired proof of this game names, and of this lobby if one is given; null otherwise. */
  async verify(proof: string, { lobby_id, now = Date.now() }: VerifyOptions = {}): Promise<VerifiedMember | null> {
    const [header = "", claims = "", signature = "", ...more] = proof.split(".");
    if (more.length > 0 || proof.length > limits.PROOF_LENGTH_MAX) return null;
    const { alg, kid } = (parse(header) ?? {}) as { alg?: unknown; kid?: unknown };
    if (alg !== "EdDSA" || typeof kid !== "string") return null;
    const key = await this.#keyOf(kid);
    const signed = new TextEncoder().encode(`${header}.${claims}`);
    const bytes = fromBase64url(signature);
    const is_genuine = key !== null && bytes !== null && (await crypto.subtle.verify(ALGORITHM, key, bytes, signed));
    const { aud, sub, lobby_id: lobby, exp } = (is_genuine ? (parse(claims) ?? {}) : {}) as Claims;
    if (aud !== `parley:${this.#game}` || typeof sub !== "string" || typeof lobby !== "string") return null;
    if (typeof exp !== "number" || exp * 1_000 <= now || (lobby_id !== undefined && lobby !== lobby_id)) return null;
    return { peer_id: sub, lobby_id: lobby, expires_at: new Date(exp * 1_000) };
  }

  /** An unknown key may be new. A peer that sends invalid proofs causes at most one request a minute. */
  async #keyOf(id: string): Promise<PublicKey | null> {
    if (!this.#keys.has(id) && performance.now() - this.#fetched_at > limits.KEYS_REFETCH_MS) {
      await this.loadKeys().catch(() => (this.#fetched_at = performance.now()));
    }
    return this.#keys.get(id) ?? null;
  }
}

export type VerifyOptions = { readonly lobby_id?: string; readonly now?: number };

const ALGORITHM = "Ed25519";

const readKey = async ({ kid, kty, crv, x }: Keys["keys"][number]): Promise<[string, PublicKey]> => [
  kid,
  await crypto.subtle.importKey("jwk", { kty, crv, x }, ALGORITHM, false, ["verify"]),
];

function parse(part: string): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(fromBase64url(part) ?? undefined));
    return typeof value === "object" ? value : null;
  } catch {
    // Not JSON: the proof is not from a hub.
    return null;
  }
}
