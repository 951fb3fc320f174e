/** The bans of one lobby, as its host reads them. */
import type { LobbyBanView } from "#shared/api/bans.ts";
import { isMember } from "#shared/api/views.ts";
import { BAN_NETWORK_MS } from "#shared/limits.ts";
import { isPeerId } from "#shared/lobby/ids.ts";
import type { Lobby, LobbyBan } from "#shared/lobby/lobby.ts";
import { isHost } from "#shared/lobby/transitions.ts";
import type { Outcome } from "../../rpc.ts";

export function listLobbyBans(lobby: Lobby | undefined, peer: string): Outcome<LobbyBanView[]> {
  if (lobby === undefined) return { refused: "lobby_not_found" };
  if (isHost(lobby, null, peer)) return { value: lobby.banned.map((ban) => viewOf(lobby, ban)).toReversed() };
  if (!isMember(lobby, peer) && lobby.visibility === "private") return { refused: "lobby_not_found" };
  return { refused: lobby.former_hosts.includes(peer) ? "stale_term" : "not_host" };
}

function viewOf(lobby: Lobby, ban: LobbyBan): LobbyBanView {
  const { peer, name, network, detail, banned_at = lobby.created_at } = ban;
  return {
    peer_id: isPeerId(peer) ? peer : null,
    name: name ?? peer,
    ...(detail !== undefined && { message: detail }),
    banned_at: new Date(banned_at).toISOString(),
    network_until: network === undefined ? null : new Date(banned_at + BAN_NETWORK_MS).toISOString(),
  };
}
