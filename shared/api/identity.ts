/**
 * API schemas of a peer's own identity, and of the keys with which hosts verify members:
 *
 *     GET  /v1/games/{game}/peers/me           -> me
 *     POST /v1/games/{game}/peers/me/tokens    -> 201 tokens    new tokens of the same peer
 *     GET  /.well-known/jwks.json              -> jwks          RFC 7517
 */
import { constant, flag, list, nullable, object, oneOf, optional, type Shape, text } from "../schema/decode.ts";
import {
  NAME_LENGTH_MAX,
  PROOF_LENGTH_MAX,
  REASON_LENGTH_MAX,
  SEATS_PER_PEER_MAX,
  SHARDS_MAX,
  TICKET_LENGTH_MAX,
  TOKEN_KEYS_MAX,
} from "../limits.ts";
import { count, lobbyId, peerId, time } from "../lobby/fields.ts";

const token = text(TICKET_LENGTH_MAX, /^[A-Za-z0-9._-]+$/);

/** The body of `POST /peers`. Without a proof the peer is anonymous. */
export const newPeer = object({
  proof: optional(object({ provider: text(32), token: text(PROOF_LENGTH_MAX) })),
});
export type IdentityProof = NonNullable<Shape<typeof newPeer>["proof"]>;

export const ownSeat = object({
  lobby_id: lobbyId,
  name: text(NAME_LENGTH_MAX),
  host: flag,
  state: oneOf("present", "held", "away"),
  /** When the seat is lost without a sign of life; absent while the peer's WebSocket is open. */
  seat_expires_at: optional(time),
});
export type OwnSeat = Shape<typeof ownSeat>;

export const ownBan = object({ message: optional(text(REASON_LENGTH_MAX)), expires_at: nullable(time) });
export type OwnBan = Shape<typeof ownBan>;

export const me = object({
  peer_id: peerId,
  /** When the peer token expires; renew it before. */
  expires_at: time,
  seats: list(ownSeat, SEATS_PER_PEER_MAX * SHARDS_MAX),
  /** The operators' ban of this peer or its address, or null. */
  ban: nullable(ownBan),
  /** For one hub of the game. */
  limits: object({ lobbies_hosted_max: count, seats_max: count }),
});

export const tokens = object({ peer_id: peerId, peer_token: token, udp_token: token, expires_at: time });

export const jwk = object({
  kty: constant("OKP"),
  crv: constant("Ed25519"),
  x: text(64),
  kid: text(64),
  alg: constant("EdDSA"),
  use: constant("sig"),
});
export type Jwk = Shape<typeof jwk>;
export const jwks = object({ keys: list(jwk, TOKEN_KEYS_MAX) });
