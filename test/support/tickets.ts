/** Tickets as the hub would sign them, and a sidecar that believes them, with the keys that all tests have. */
import { createHmac } from "node:crypto";
import { claimsOf, type Ticket, type TicketKey, ticketText } from "#shared/auth/tickets.ts";
import { GameTicketVerifier } from "../../udp-sidecar/link/ticket-verifier.ts";
import { GOLDEN } from "./golden-tickets.ts";

/** Of the golden one all but these parts. */
export function signed(parts: Partial<Ticket>, { id, secret }: TicketKey = GOLDEN.keys[0]): string {
  const claims = claimsOf({ ...GOLDEN.ticket, ...parts }, id);
  return ticketText(claims, createHmac("sha256", secret).update(claims).digest("base64url"));
}

/** Of this game, greeted. */
export function tickets(game = "arena"): GameTicketVerifier {
  const greeted = new GameTicketVerifier(game);
  greeted.setKeys(GOLDEN.keys);
  return greeted;
}
