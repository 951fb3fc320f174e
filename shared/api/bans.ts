/**
 * Bans of one lobby, for its host:
 *
 *     POST   /lobbies/{id}/bans           removal -> 204            remove the peer and ban it
 *     GET    /lobbies/{id}/bans                   -> lobbyBanList
 *     DELETE /lobbies/{id}/bans/{peer}            -> 204            lift the ban
 */
import { list, nullable, object, optional, type Shape, text } from "../schema/decode.ts";
import { BANNED_PER_LOBBY_MAX, REMOVAL_MESSAGE_LENGTH_MAX, NAME_LENGTH_MAX } from "../limits.ts";
import { peerId, time } from "../lobby/fields.ts";

export const lobbyBan = object({
  /** Null on wires without peer ids. */
  peer_id: nullable(peerId),
  name: text(NAME_LENGTH_MAX),
  /** What the host wrote to the peer. */
  message: optional(text(REMOVAL_MESSAGE_LENGTH_MAX)),
  banned_at: time,
  /** Until when other peers of its network need the host's approval; null if the network is unknown. */
  network_until: nullable(time),
});
export type LobbyBanView = Shape<typeof lobbyBan>;

/** The newest first. */
export const lobbyBanList = object({ bans: list(lobbyBan, BANNED_PER_LOBBY_MAX) });
