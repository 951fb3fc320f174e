/**
 * Proves tickets (shared/auth/tickets.ts) of one game and signs receipts (shared/auth/receipts.ts), with the keys that the hub's greeting brought. Where none has come
 * yet nothing is proved, and nobody is believed.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { RECEIPT_FRESH_MS, RECEIPT_SKEW_MS } from "#shared/limits.ts";
import { decodeReceipt, RECEIPT_SIGNATURE_LENGTH, receiptClaims, receiptText } from "#shared/auth/receipts.ts";
import { decodeTicket, type Ticket, type TicketKey, type TicketPurpose } from "#shared/auth/tickets.ts";
import { Secret } from "../config/secret.ts";

export class GameTicketVerifier {
  readonly #game: string;
  /** The newest first. */
  #keys: ReadonlyMap<string, Secret> = new Map();

  constructor(game: string) {
    this.#game = game;
  }

  /** The keys of a greeting take the place of those before. */
  setKeys(keys: readonly TicketKey[]): void {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, new Secret(secret)]));
  }

  /** What the text proves, or null: signed by the hub, for this game and purpose, and not over at `now`. */
  verify(text: string, purpose: TicketPurpose, now: number): Ticket | null {
    const unproved = decodeTicket(text);
    if (unproved === null) return null;
    const { ticket, claims, signature } = unproved;
    if (ticket.game !== this.#game || ticket.purpose !== purpose || ticket.expires_at_s * 1_000 <= now) return null;
    const key = this.#keys.get(unproved.key);
    if (key === undefined) return null;
    return isSame(hmac(key, claims), signature) ? ticket : null;
  }

  /** What a peer shows the hub of where he was seen (shared/auth/receipts.ts); null where no greeting has come yet. */
  issueReceipt(peer: string, endpoint: Endpoint, now: number): string | null {
    const [newest] = this.#keys;
    if (newest === undefined) return null;
    const [key, secret] = newest;
    const seen = { game: this.#game, peer, endpoint, at_ms: now };
    return receiptText(seen, key, hmac(secret, receiptClaims(seen, key)));
  }

  /** Where a sidecar has just seen this peer, or null where the text is no good receipt of his, or too old. */
  endpointFrom(peer: string, text: string, now: number): Endpoint | null {
    const unproved = decodeReceipt(text, this.#game, peer);
    const key = unproved === null ? undefined : this.#keys.get(unproved.key);
    if (unproved === null || key === undefined) return null;
    const { seen, claims, signature } = unproved;
    const age_ms = now - seen.at_ms;
    if (age_ms > RECEIPT_FRESH_MS || age_ms < -RECEIPT_SKEW_MS) return null;
    return isSame(hmac(key, claims).slice(0, RECEIPT_SIGNATURE_LENGTH), signature) ? seen.endpoint : null;
  }
}

const hmac = (key: Secret, text: string): string => createHmac("sha256", key.reveal()).update(text).digest("base64url");
const isSame = (wanted: string, shown: string): boolean => timingSafeEqual(Buffer.from(wanted), Buffer.from(shown));
