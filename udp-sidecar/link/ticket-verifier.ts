/**
 * Verifies the tickets of one game (shared/auth/tickets.ts) and issues receipts (shared/auth/receipts.ts), with the
 * keys from the hub's welcome. Before the first welcome nothing can be verified.
 */
import { timingSafeEqual } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { RECEIPT_FRESH_MS, RECEIPT_SKEW_MS, TICKETS_REMEMBERED_MAX } from "#shared/limits.ts";
import { decodeReceipt, RECEIPT_SIGNATURE_LENGTH, signReceipt } from "#shared/auth/receipts.ts";
import { decodeTicket, type Ticket, type TicketKey, type TicketPurpose } from "#shared/auth/tickets.ts";
import { RecentMap } from "../core/recent-map.ts";
import { HmacKey } from "./hmac-key.ts";

export class GameTicketVerifier {
  readonly #game: string;
  readonly #toHubTime: (now: number) => number;
  /** Newest first. */
  #keys: ReadonlyMap<string, HmacKey> = new Map();
  /** Tickets of these keys whose signature was valid, by their text: a peer shows the same one for hours. */
  #verified = new RecentMap<string, Ticket>(TICKETS_REMEMBERED_MAX);

  /** `toHubTime` converts the caller's time into the hub's (ms since the epoch). */
  constructor(game: string, toHubTime: (now: number) => number = (now) => now) {
    this.#game = game;
    this.#toHubTime = toHubTime;
  }

  /** Replaces all keys by those of a welcome. */
  setKeys(keys: readonly TicketKey[]): void {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, new HmacKey(secret)]));
    this.#verified = new RecentMap(TICKETS_REMEMBERED_MAX);
  }

  /** The ticket in the text, or null unless the hub signed it, for this game and purpose, and it has not expired. */
  verify(text: string, purpose: TicketPurpose, now: number): Ticket | null {
    const ticket = this.#verified.get(text) ?? this.#verifySignature(text);
    const isValid = ticket !== null && ticket.purpose === purpose && !isExpired(ticket, this.#toHubTime(now));
    return isValid ? ticket : null;
  }

  #verifySignature(text: string): Ticket | null {
    const decoded = decodeTicket(text);
    const key = decoded === null ? undefined : this.#keys.get(decoded.key);
    if (decoded === null || key === undefined || decoded.ticket.game !== this.#game) return null;
    const { ticket, claims, signature } = decoded;
    if (!isSame(key.sign(claims), signature)) return null;
    this.#verified.set(text, ticket);
    return ticket;
  }

  /** A receipt that states where this peer was observed (shared/auth/receipts.ts), or null before the first welcome. */
  issueReceipt(peer: string, endpoint: Endpoint, now: number): string | null {
    const [newest] = this.#keys;
    if (newest === undefined) return null;
    const [key, secret] = newest;
    const statement = { game: this.#game, peer, endpoint, at_ms: Math.round(this.#toHubTime(now)) };
    return signReceipt(statement, key, (claims) => secret.sign(claims));
  }

  /** The endpoint where a sidecar observed this peer, or null if the receipt is invalid or too old. */
  endpointFrom(peer: string, text: string, now: number): Endpoint | null {
    const decoded = decodeReceipt(text, this.#game, peer);
    const key = decoded === null ? undefined : this.#keys.get(decoded.key);
    if (decoded === null || key === undefined) return null;
    const { observed, claims, signature } = decoded;
    const age_ms = this.#toHubTime(now) - observed.at_ms;
    if (age_ms > RECEIPT_FRESH_MS || age_ms < -RECEIPT_SKEW_MS) return null;
    return isSame(key.sign(claims).slice(0, RECEIPT_SIGNATURE_LENGTH), signature) ? observed.endpoint : null;
  }
}

const isExpired = ({ expires_at_s }: Ticket, now: number): boolean => expires_at_s * 1_000 <= now;
const isSame = (expected: string, received: string): boolean =>
  timingSafeEqual(Buffer.from(expected), Buffer.from(received));
