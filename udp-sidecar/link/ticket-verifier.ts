/**
 * Verifies the tickets of one game (shared/auth/tickets.ts) and issues receipts (shared/auth/receipts.ts), with the
 * keys from the hub's welcome. Before the first welcome nothing can be verified.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { RECEIPT_FRESH_MS, RECEIPT_SKEW_MS } from "#shared/limits.ts";
import { decodeReceipt, RECEIPT_SIGNATURE_LENGTH, receiptClaims, receiptText } from "#shared/auth/receipts.ts";
import { decodeTicket, type Ticket, type TicketKey, type TicketPurpose } from "#shared/auth/tickets.ts";
import { Secret } from "../config/secret.ts";

export class GameTicketVerifier {
  readonly #game: string;
  readonly #toHubTime: (now: number) => number;
  /** Newest first. */
  #keys: ReadonlyMap<string, Secret> = new Map();

  /** `toHubTime` converts the caller's time into the hub's (ms since the epoch). */
  constructor(game: string, toHubTime: (now: number) => number = (now) => now) {
    this.#game = game;
    this.#toHubTime = toHubTime;
  }

  /** Replaces all keys by those of a welcome. */
  setKeys(keys: readonly TicketKey[]): void {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, new Secret(secret)]));
  }

  /** The ticket in the text, or null unless the hub signed it, for this game and purpose, and it has not expired. */
  verify(text: string, purpose: TicketPurpose, now: number): Ticket | null {
    const decoded = decodeTicket(text);
    if (decoded === null) return null;
    const { ticket, claims, signature } = decoded;
    if (ticket.game !== this.#game || ticket.purpose !== purpose || isExpired(ticket, this.#toHubTime(now)))
      return null;
    const key = this.#keys.get(decoded.key);
    if (key === undefined) return null;
    return isSame(hmac(key, claims), signature) ? ticket : null;
  }

  /** A receipt that states where this peer was observed (shared/auth/receipts.ts), or null before the first welcome. */
  issueReceipt(peer: string, endpoint: Endpoint, now: number): string | null {
    const [newest] = this.#keys;
    if (newest === undefined) return null;
    const [key, secret] = newest;
    const statement = { game: this.#game, peer, endpoint, at_ms: Math.round(this.#toHubTime(now)) };
    return receiptText(statement, key, hmac(secret, receiptClaims(statement, key)));
  }

  /** The endpoint where a sidecar observed this peer, or null if the receipt is invalid or too old. */
  endpointFrom(peer: string, text: string, now: number): Endpoint | null {
    const decoded = decodeReceipt(text, this.#game, peer);
    const key = decoded === null ? undefined : this.#keys.get(decoded.key);
    if (decoded === null || key === undefined) return null;
    const { observed, claims, signature } = decoded;
    const age_ms = this.#toHubTime(now) - observed.at_ms;
    if (age_ms > RECEIPT_FRESH_MS || age_ms < -RECEIPT_SKEW_MS) return null;
    return isSame(hmac(key, claims).slice(0, RECEIPT_SIGNATURE_LENGTH), signature) ? observed.endpoint : null;
  }
}

const isExpired = ({ expires_at_s }: Ticket, now: number): boolean => expires_at_s * 1_000 <= now;
const hmac = (key: Secret, text: string): string => createHmac("sha256", key.reveal()).update(text).digest("base64url");
const isSame = (expected: string, received: string): boolean =>
  timingSafeEqual(Buffer.from(expected), Buffer.from(received));
