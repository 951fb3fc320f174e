/**
 * Tickets and peer tokens: signed texts that a peer presents. Hub and sidecars verify them offline.
 *
 *     purpose . key . game . lobby . peer . expiry . signature
 *     session.dGVzdC1r.arena.0-7f3k....kf93....t6v1c0.mEXq...
 *
 * Every part is ASCII without a dot. `key` is the id of the signing key; `lobby` is the id of a lobby or connection, or
 * empty; `expiry` is seconds since the epoch in base 36; the signature is HMAC-SHA256 over the text before its dot, in
 * base64url. A ticket has exactly one valid text. The platforms sign and verify.
 */
import { GAME_PATTERN, TICKET_LENGTH_MAX } from "../limits.ts";
import { isLobbyId, isPeerId } from "../lobby/ids.ts";

/**
 * What a ticket authorizes. `peer` authenticates its bearer to the hub and is never sent to a sidecar. `udp` authenticates
 * a peer to the sidecars of its game. `session` proves membership of one lobby, `relay` one end of a connection's relay.
 * `invite` lets its bearer connect to that peer in one lobby; only the hub verifies it.
 */
export const PURPOSES = ["peer", "udp", "session", "relay", "invite"] as const;
export type Purpose = (typeof PURPOSES)[number];
/** The purposes that sidecars verify. Peer tokens and invitations are signed with keys that only the hub has. */
export type TicketPurpose = Exclude<Purpose, "peer" | "invite">;

export type Ticket = {
  readonly purpose: Purpose;
  readonly game: string;
  readonly lobby: string | null;
  readonly peer: string;
  /** Seconds since the epoch; invalid from then on. */
  readonly expires_at_s: number;
};

/** A ticket key as the hub sends it to sidecars: id and secret, both base64url. */
export type TicketKey = { readonly id: string; readonly secret: string };

/** A parsed ticket whose signature has not been verified. */
export type UnverifiedTicket = {
  readonly ticket: Ticket;
  readonly key: string;
  /** The signed text. */
  readonly claims: string;
  readonly signature: string;
};

export const KEY_ID_PATTERN = /^[A-Za-z0-9_-]{8}$/;
/** 256 bits, unpadded. */
export const HASH_PATTERN = /^[A-Za-z0-9_-]{43}$/;

/** The text that the signature covers. */
export const claimsOf = ({ purpose, game, lobby, peer, expires_at_s }: Ticket, key: string): string =>
  [purpose, key, game, lobby ?? "", peer, expires_at_s.toString(36)].join(".");

export const ticketText = (claims: string, signature: string): string => `${claims}.${signature}`;

/** Parses a ticket, or returns null. Verifies neither the signature nor the expiry. */
export function decodeTicket(text: string): UnverifiedTicket | null {
  if (text.length > TICKET_LENGTH_MAX) return null;
  const [word, key, game, lobby, peer, expiry, signature, ...more] = text.split(".");
  const purpose = PURPOSES.find((known) => known === word);
  if (purpose === undefined || signature === undefined || more.length > 0) return null;
  if (!KEY_ID_PATTERN.test(key!) || !GAME_PATTERN.test(game!) || !isPeerId(peer!)) return null;
  if (lobby !== "" && !isLobbyId(lobby!)) return null;
  if (!/^[1-9a-z][0-9a-z]{0,9}$/.test(expiry!) || !HASH_PATTERN.test(signature)) return null;
  const expires_at_s = Number.parseInt(expiry!, 36);
  if (!Number.isSafeInteger(expires_at_s)) return null;
  const ticket = { purpose, game: game!, lobby: lobby === "" ? null : lobby!, peer: peer!, expires_at_s };
  return { ticket, key: key!, claims: claimsOf(ticket, key!), signature };
}
