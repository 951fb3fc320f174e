/** Tickets signed as by the hub and a sidecar that verifies them, with the keys of all tests. */
import { createHmac } from "node:crypto";
import { claimsOf, type Ticket, type TicketKey, ticketText } from "#shared/auth/tickets.ts";
import { GameTicketVerifier } from "../../udp-sidecar/link/ticket-verifier.ts";
import { GOLDEN } from "./golden-tickets.ts";

/** The golden ticket with other values in these fields. */
export function signTicket(parts: Partial<Ticket>, { id, secret }: TicketKey = GOLDEN.keys[0]): string {
  const claims = claimsOf({ ...GOLDEN.ticket, ...parts }, id);
  return ticketText(claims, createHmac("sha256", secret).update(claims).digest("base64url"));
}

/** A verifier of this game that has received the hub's keys. */
export function createVerifier(game = "arena"): GameTicketVerifier {
  const greeted = new GameTicketVerifier(game);
  greeted.setKeys(GOLDEN.keys);
  return greeted;
}
