/**
 * Claims: how a session speaks for the game's own socket. DTLS owns the socket it runs on, so a game may keep it for
 * talking to us and play through another; the others must then be told of that one.
 *
 *     control --sealed--> parley-endpoint?
 *     control <-sealed--- parley-endpoint TOKEN
 *     game ---in clear--> parley-endpoint TOKEN              as it came, again and again until the next line
 *     control <-sealed--- parley-endpoint TOKEN 203.0.113.9:40000
 *
 * From then on whatever the session says counts as said from there. A token is good once, for a while, and for sockets
 * at the address of its session: a source address can be forged, but not one's own to be somebody else's.
 */
import { randomBytes } from "node:crypto";
import { type Endpoint, formatEndpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { DTLS_CLAIM_BYTES, DTLS_CLAIM_MS } from "#shared/limits.ts";

const QUESTION = "parley-endpoint?";
const CLAIM = /^parley-endpoint ([A-Za-z0-9_-]{22})$/;
const CLAIM_BYTES = 38;

type Claim<S> = { readonly session: S; readonly token: string; readonly expires_at: number; endpoint: Endpoint | null };

export class EndpointClaims<S extends object> {
  readonly #claims = new Map<string, Claim<S>>();
  /** The one claim of each session. */
  readonly #bySession = new WeakMap<S, Claim<S>>();

  get size(): number {
    return this.#claims.size;
  }

  /** What a session is given that asks, or null where its message is no question. */
  issueToken(message: Uint8Array, session: S, now: number): string | null {
    if (message.length !== QUESTION.length || textOf(message) !== QUESTION) return null;
    this.forget(session);
    const token = randomBytes(DTLS_CLAIM_BYTES).toString("base64url");
    const claim: Claim<S> = { session, token, expires_at: now + DTLS_CLAIM_MS, endpoint: null };
    this.#claims.set(token, claim);
    this.#bySession.set(session, claim);
    return `parley-endpoint ${token}`;
  }

  /** Whose claim came in clear from an endpoint, and the words that confirm it; or null where it is none of ours. */
  verify(datagram: Uint8Array, from: Endpoint, now: number): { readonly session: S; readonly confirmed: string } | null {
    if (datagram.length !== CLAIM_BYTES) return null;
    const token = CLAIM.exec(textOf(datagram))?.[1];
    const claim = token === undefined ? undefined : this.#claims.get(token);
    if (claim === undefined) return null;
    if (claim.endpoint === null ? now >= claim.expires_at : !sameEndpoint(claim.endpoint, from)) return null;
    return { session: claim.session, confirmed: `parley-endpoint ${claim.token} ${formatEndpoint(from)}` };
  }

  /** The session's claim is good for this endpoint from now on, and for no other. */
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
