/**
 * Proves tickets (shared/tickets.ts) of one game and signs receipts (shared/receipts.ts), with the keys that the hub's greeting brought. Where none has come
 * yet nothing is proved, and nobody is believed.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Endpoint } from "#shared/endpoint.ts";
import { receiptClaims, receiptText } from "#shared/receipts.ts";
import { decodeTicket, type Purpose, type Ticket, type TicketKey } from "#shared/tickets.ts";
import { Secret } from "./secret.ts";

/** A peer token is for the hub alone: no sidecar could prove one. */
export type TicketPurpose = Exclude<Purpose, "peer">;

export class Tickets {
  readonly #game: string;
  /** The newest first. */
  #keys: ReadonlyMap<string, Secret> = new Map();

  constructor(game: string) {
    this.#game = game;
  }

  /** The keys of a greeting take the place of those before. */
  learn(keys: readonly TicketKey[]): void {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, new Secret(secret)]));
  }

  /** What the text proves, or null: signed by the hub, for this game and purpose, and not over at `now`. */
  prove(text: string, purpose: TicketPurpose, now: number): Ticket | null {
    const unproved = decodeTicket(text);
    if (unproved === null) return null;
    const { ticket, claims, signature } = unproved;
    if (ticket.game !== this.#game || ticket.purpose !== purpose || ticket.expires_at_s * 1_000 <= now) return null;
    const key = this.#keys.get(unproved.key);
    if (key === undefined) return null;
    const wanted = createHmac("sha256", key.reveal()).update(claims).digest("base64url");
    return timingSafeEqual(Buffer.from(wanted), Buffer.from(signature)) ? ticket : null;
  }

  /** What a peer shows the hub of where he was seen (shared/receipts.ts); null where no greeting has come yet. */
  receipt(peer: string, endpoint: Endpoint, now: number): string | null {
    const [newest] = this.#keys;
    if (newest === undefined) return null;
    const [key, secret] = newest;
    const seen = { game: this.#game, peer, endpoint, at_ms: now };
    const hmac = createHmac("sha256", secret.reveal()).update(receiptClaims(seen, key)).digest("base64url");
    return receiptText(seen, key, hmac);
  }
}
