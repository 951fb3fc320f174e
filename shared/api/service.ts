/**
 * API schemas besides lobbies: identities, sidecars, statistics, and administration under /v1/admin/games/{game} with one
 * of ADMIN_KEYS:
 *
 *     GET    /lobbies?limit=&cursor=     -> adminPage    all lobbies of any visibility, the newest first
 *     DELETE /lobbies/{id}               -> 204          ends it; its members receive `closed_by_operator`
 *     GET    /bans                       -> banList
 *     POST   /bans            newBan     -> 201 ban      by address, by peer id, or by a member of a lobby
 *     DELETE /bans/{id}                  -> 204
 *     GET    /drain                      -> drain
 *     PUT    /drain           drain      -> drain        refuse or accept new lobbies
 *     POST   /announcements   newAnnouncement -> announced    a text for all clients that can show it
 */
import { BAN_ID_PATTERN } from "../auth/bans.ts";
import { flag, integer, list, nullable, object, oneOf, optional, type Shape, text } from "../schema/decode.ts";
import {
  BANS_MAX,
  CERTIFICATE_LENGTH_MAX,
  CLOCK_SKEW_S_MAX,
  GAME_PATTERN,
  GAMES_MAX,
  IDENTITY_PROVIDERS_MAX,
  NAME_LENGTH_MAX,
  PAGE_MAX,
  PREFIX_LENGTH_MAX,
  REASON_LENGTH_MAX,
  SEATS_MAX,
  SIDECARS_PER_HUB_MAX,
  TICKET_LENGTH_MAX,
  URL_LENGTH_MAX,
} from "../limits.ts";
import { VISIBILITIES, WIRES } from "../lobby/lobby.ts";
import { count, peerId as peer, time } from "../lobby/fields.ts";

const address = text(64);
const token = text(TICKET_LENGTH_MAX, /^[A-Za-z0-9._-]+$/);

/** How players reach a sidecar and verify it. */
export const sidecar = object({
  id: text(64),
  region: text(16),
  v4: list(address, 16),
  v6: list(address, 16),
  ports: list(object({ port: integer(1, 65_535), wires: list(oneOf(...WIRES), WIRES.length) }), 64),
  /** The version of its program. */
  software: optional(text(32)),
  /** How many seconds its clock is ahead of the hub's; absent while they differ by less than 30 s. */
  clock_skew_s: optional(integer(-CLOCK_SKEW_S_MAX, CLOCK_SKEW_S_MAX)),
  /** TCP port of noray's commands. */
  noray: optional(integer(1, 65_535)),
  relay: optional(object({ addresses: list(address, 16), pairs: count })),
  /** URL of the WebSocket tunnel to relays, for networks that block UDP. */
  tunnel: optional(text(URL_LENGTH_MAX)),
  dtls: optional(
    object({ name: text(255), fingerprint: text(128), pem: text(CERTIFICATE_LENGTH_MAX), required: flag }),
  ),
});
export type SidecarView = Shape<typeof sidecar>;
export const sidecarList = object({ sidecars: list(sidecar, SIDECARS_PER_HUB_MAX) });

/** A new peer. The tokens are secret. */
export const identity = object({
  peer_id: peer,
  peer_token: token,
  udp_token: token,
  expires_at: time,
  sidecars: list(sidecar, SIDECARS_PER_HUB_MAX),
});

/** How many durations there were, their median, and what 95 % do not exceed; null without any. */
const durations = object({ count, p50_ms: nullable(count), p95_ms: nullable(count) });

/** What a deployment serves. */
export const gameList = object({
  /** Any game is served, so no list is returned. */
  any: flag,
  games: list(
    object({
      name: text(32, GAME_PATTERN),
      /** Providers whose proofs of identity are accepted. */
      identity_providers: list(text(32), IDENTITY_PROVIDERS_MAX),
      /** Peers without a proof are refused. */
      identity_required: flag,
    }),
    GAMES_MAX,
  ),
});

/** Statistics of a game, without personal data. */
export const stats = object({
  lobbies: list(object({ wire: oneOf(...WIRES), state: oneOf("open", "in_game"), count }), 2 * WIRES.length),
  member_count: count,
  /** Distinct members per hub. */
  peer_count: count,
  /** Sidecars that are linked. */
  sidecar_count: count,
  /** Outcomes of introductions by pair of NATs, in steps of 20. Times are from the introduction. */
  connections: list(
    object({
      nat_pair: text(64),
      introductions: count,
      /** Introductions that tried a direct path, and those that opened one. */
      tries: count,
      direct: count,
      first_path: durations,
      direct_path: durations,
    }),
    64,
  ),
});
export type Stats = Shape<typeof stats>;

// --- operators -------------------------------------------------------------------------------------------------

/** A lobby as operators see it: names of all members, but no addresses and no member data. */
export const adminLobby = object({
  id: text(64),
  name: text(NAME_LENGTH_MAX),
  wire: oneOf(...WIRES),
  visibility: oneOf(...VISIBILITIES),
  state: oneOf("open", "in_game"),
  seats: nullable(integer(1, SEATS_MAX)),
  members: list(object({ peer_id: nullable(peer), name: text(NAME_LENGTH_MAX), host: flag }), SEATS_MAX),
  created_at: time,
});
export type AdminLobby = Shape<typeof adminLobby>;
export const adminPage = object({ lobbies: list(adminLobby, PAGE_MAX), next_cursor: nullable(text(96)) });

const decision = {
  /** Why, in a sentence. */
  message: text(REASON_LENGTH_MAX),
  /** Refusals of the banned peer do not contain the message. */
  message_hidden: flag,
  /** The moderator's name. */
  moderator: text(NAME_LENGTH_MAX),
  /** Null: until it is removed. */
  expires_at: nullable(time),
};

export const ban = object({
  id: text(40, BAN_ID_PATTERN),
  ip_prefix: nullable(text(PREFIX_LENGTH_MAX)),
  peer_id: nullable(peer),
  created_at: time,
  ...decision,
});
export type BanView = Shape<typeof ban>;
export const banList = object({ bans: list(ban, BANS_MAX) });

/** Exactly one of the first three is set. A member on a wire without peer ids is banned by its address (IPv6: its /64). */
export const newBan = object({
  ip_prefix: optional(text(PREFIX_LENGTH_MAX)),
  peer_id: optional(peer),
  member: optional(object({ lobby_id: text(64), name: text(NAME_LENGTH_MAX) })),
  message: decision.message,
  moderator: decision.moderator,
  message_hidden: optional(flag),
  expires_at: optional(decision.expires_at),
});
export type NewBan = Shape<typeof newBan>;

export const drain = object({ draining: flag });
