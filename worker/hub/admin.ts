/** What operators read of a hub: lobbies, statistics, and the address or peer id to ban for a member. */
import type { AdminLobby } from "#shared/api/service.ts";
import { canonicalPrefix } from "#shared/auth/bans.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import { type Lobby, WIRES } from "#shared/lobby/lobby.ts";
import { type AdminPage, type BanTarget, type Cursor, type HubStats, newestFirst } from "../rpc.ts";

export function lobbyPage(lobbies: readonly Lobby[], limit: number, after: Cursor | null): AdminPage {
  const rest = lobbies.filter((lobby) => after === null || newestFirst(after, lobby) < 0).toSorted(newestFirst);
  return { lobbies: rest.slice(0, limit).map(adminLobby), more: rest.length > limit };
}

export function hubStats(lobbies: readonly Lobby[], rest: Pick<HubStats, "sidecar_count" | "connections">): HubStats {
  const counts = new Map<string, number>();
  const peers = new Set<string>();
  let members = 0;
  for (const lobby of lobbies) {
    const kind = `${lobby.wire} ${stateOf(lobby)}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    members += lobby.members.length;
    for (const { peer, source } of lobby.members) {
      peers.add(source === null ? peer : `${source.endpoint.address} ${source.endpoint.port}`);
    }
  }
  const kinds = WIRES.flatMap((wire) => (["open", "in_game"] as const).map((state) => ({ wire, state })));
  const counted = kinds.map(({ wire, state }) => ({ wire, state, count: counts.get(`${wire} ${state}`) ?? 0 }));
  return { lobbies: counted.filter(({ count }) => count > 0), member_count: members, peer_count: peers.size, ...rest };
}

export function banTargetOf(lobby: Lobby | undefined, name: string): BanTarget | null {
  const member = lobby?.members.find(({ peer, display_name: title }) => (title ?? peer) === name || peer === name);
  if (member === undefined) return null;
  const { network } = member;
  if (member.source === null)
    return { ip_prefix: null, peer_id: member.peer, ...(network !== undefined && { network }) };
  const { address } = member.source.endpoint;
  return { ip_prefix: canonicalPrefix(isIPv4(address) ? address : `${address}/64`), peer_id: null };
}

const stateOf = (lobby: Lobby): "open" | "in_game" => (lobby.in_game || lobby.state === "started" ? "in_game" : "open");

function adminLobby(lobby: Lobby): AdminLobby {
  const { id, wire, seats, visibility, members, display_name: title, name, host, created_at } = lobby;
  return {
    id,
    name: title ?? name,
    wire,
    visibility,
    state: stateOf(lobby),
    seats,
    members: members.map((m) => ({
      peer_id: m.source === null ? m.peer : null,
      name: m.display_name ?? m.peer,
      host: m.peer === host,
    })),
    created_at: new Date(created_at).toISOString(),
  };
}
