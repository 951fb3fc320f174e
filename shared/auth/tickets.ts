/**
 * Tickets and peer tokens: signed text that a peer carries, so that whoever is shown it need ask nobody.
 *
 *     purpose . key . game . lobby . peer . expiry . signature
 *     session.dGVzdC1r.arena.0-7f3k....kf93....t6v1c0.mEXq...
 *
 * Every part is plain ASCII without a dot. `key` names the key that signed; `lobby` is what it opens, a lobby or a
 * connection, whose ids look alike, and is empty where none is meant; `expiry` is seconds since the epoch in base 36; the signature is HMAC-SHA256 over everything before its dot, in
 * base64url. A ticket has exactly one text: what decodes, encodes to the same again. Signing is the platforms' work.
 */
import { GAME_PATTERN, TICKET_LENGTH_MAX } from "../limits.ts";
import { isLobbyId, isPeerId } from "../lobby/ids.ts";

/**
 * What it is good for. A `peer` token names its bearer to the hub and never goes to a sidecar; `udp` names a peer to
 * the sidecars of his game; `session` is a member's place in one lobby; `relay` is a peer's end of one connection's relay;
 * `invite` lets whoever has it connect to that peer in one lobby, and only the hub can tell.
 */
export const PURPOSES = ["peer", "udp", "session", "relay", "invite"] as const;
export type Purpose = (typeof PURPOSES)[number];
/** Those of sidecars: peer tokens and invitations are for the hub alone, and no sidecar could prove one. */
export type TicketPurpose = Exclude<Purpose, "peer" | "invite">;

export type Ticket = {
  readonly purpose: Purpose;
  readonly game: string;
  readonly lobby: string | null;
  readonly peer: string;
  /** Seconds since the epoch; worth nothing from then on. */
  readonly expires_at_s: number;
};

/** A key as sidecars are given it: by its name, and the secret itself, both base64url. */
export type TicketKey = { readonly id: string; readonly secret: string };

/** A ticket taken apart. Its signature has not been looked at. */
export type UnverifiedTicket = {
  readonly ticket: Ticket;
  readonly key: string;
  /** What was signed. */
  readonly claims: string;
  readonly signature: string;
};

export const KEY_ID_PATTERN = /^[A-Za-z0-9_-]{8}$/;
/** 256 bits, unpadded. */
export const HASH_PATTERN = /^[A-Za-z0-9_-]{43}$/;

/** What a signature covers. */
export const claimsOf = ({ purpose, game, lobby, peer, expires_at_s }: Ticket, key: string): string =>
  [purpose, key, game, lobby ?? "", peer, expires_at_s.toString(36)].join(".");

export const ticketText = (claims: string, signature: string): string => `${claims}.${signature}`;

/** Takes the text apart, or null where it is no ticket's. Says nothing about who signed it, nor about its age. */
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
