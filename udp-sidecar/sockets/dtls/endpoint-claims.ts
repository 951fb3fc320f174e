/**
 * Endpoint claims: a DTLS session vouches for another socket of the game. DTLS owns the socket that it runs on, so a
 * game may use it for control messages only and play through a second socket; other peers must then get the endpoint of
 * the second one.
 *
 *     control --DTLS----> parley-endpoint?
 *     control <-DTLS----- parley-endpoint TOKEN
 *     game ----clear----> parley-endpoint TOKEN              unchanged, repeated until the next line
 *     control <-DTLS----- parley-endpoint TOKEN 203.0.113.9:40000
 *
 * From then on the session's messages count as sent from that endpoint. A token is valid once, for a limited time, and
 * for sockets at the session's address: a source address can be forged, but the forger cannot use the address of a
 * session that it does not own.
 */
import { randomBytes } from "node:crypto";
import { type Endpoint, formatEndpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { DTLS_CLAIM_BYTES, DTLS_CLAIM_MS } from "#shared/limits.ts";

const REQUEST = "parley-endpoint?";
const CLAIM = /^parley-endpoint ([A-Za-z0-9_-]{22})$/;
const CLAIM_BYTES = 38;

/** Whether a datagram in clear text has the length of a claim; few others have it. */
export const mayBeClaim = (datagram: Uint8Array): boolean => datagram.length === CLAIM_BYTES;

type Claim<S> = { readonly session: S; readonly token: string; readonly expires_at: number; endpoint: Endpoint | null };

export class EndpointClaims<S extends object> {
  readonly #claims = new Map<string, Claim<S>>();
  /** Each session has at most one claim. */
  readonly #bySession = new WeakMap<S, Claim<S>>();

  get size(): number {
    return this.#claims.size;
  }

  /** The reply with a new token, or null if the message is no request for one. */
  issueToken(message: Uint8Array, session: S, now: number): string | null {
    if (message.length !== REQUEST.length || textOf(message) !== REQUEST) return null;
    this.forget(session);
    const token = randomBytes(DTLS_CLAIM_BYTES).toString("base64url");
    const claim: Claim<S> = { session, token, expires_at: now + DTLS_CLAIM_MS, endpoint: null };
    this.#claims.set(token, claim);
    this.#bySession.set(session, claim);
    return `parley-endpoint ${token}`;
  }

  /**
   * The session that a claim in clear text belongs to, and the reply that confirms it; null if the token is unknown.
   */
  verify(
    datagram: Uint8Array,
    from: Endpoint,
    now: number,
  ): { readonly session: S; readonly confirmation: string } | null {
    if (!mayBeClaim(datagram)) return null;
    const token = CLAIM.exec(textOf(datagram))?.[1];
    const claim = token === undefined ? undefined : this.#claims.get(token);
    if (claim === undefined) return null;
    if (claim.endpoint === null ? now >= claim.expires_at : !sameEndpoint(claim.endpoint, from)) return null;
    return { session: claim.session, confirmation: `parley-endpoint ${claim.token} ${formatEndpoint(from)}` };
  }

  /** From now on the session's claim is valid for this endpoint only. */
  bind(session: S, endpoint: Endpoint): void {
    const claim = this.#bySession.get(session);
    if (claim !== undefined) claim.endpoint = endpoint;
  }

  forget(session: S): void {
    const claim = this.#bySession.get(session);
    if (claim !== undefined) this.#claims.delete(claim.token);
    this.#bySession.delete(session);
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
