/** What operators see of a hub: every lobby, numbers, and how somebody is banned whose address they are not told. */
import type { AdminLobby, Stats } from "#shared/api/service.ts";
import { canonicalPrefix } from "#shared/auth/bans.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import { type Lobby, WIRES } from "#shared/lobby/lobby.ts";

/** A place in the order of the list: the newest first, then by id. */
export type Place = { readonly created_at: number; readonly id: string };
export type OfficePage = { readonly lobbies: readonly AdminLobby[]; readonly more: boolean };
export type Target = { readonly ip_prefix: string | null; readonly peer_id: string | null };

export const newestFirst = (a: Place, b: Place): number => b.created_at - a.created_at || (a.id < b.id ? -1 : 1);

export function page(lobbies: readonly Lobby[], limit: number, after: Place | null): OfficePage {
  const rest = lobbies.filter((lobby) => after === null || newestFirst(after, lobby) < 0).toSorted(newestFirst);
  return { lobbies: rest.slice(0, limit).map(adminLobby), more: rest.length > limit };
}

export function stats(lobbies: readonly Lobby[], rest: Pick<Stats, "sidecars" | "connections">): Stats {
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
  return { lobbies: counted.filter(({ count }) => count > 0), members, peers: peers.size, ...rest };
}

/** The numbers of several hubs together. */
export function sum(all: readonly Stats[]): Stats {
  const counts = new Map<string, Stats["lobbies"][number]>();
  for (const line of all.flatMap(({ lobbies }) => lobbies)) {
    const key = `${line.wire} ${line.state}`;
    counts.set(key, { ...line, count: line.count + (counts.get(key)?.count ?? 0) });
  }
  const pairs = new Map<string, Stats["connections"][number]>();
  for (const { nat_pair, tries, direct } of all.flatMap(({ connections }) => connections)) {
    const known = pairs.get(nat_pair) ?? { tries: 0, direct: 0 };
    pairs.set(nat_pair, { nat_pair, tries: known.tries + tries, direct: known.direct + direct });
  }
  const total = (read: (one: Stats) => number): number => all.reduce((so, one) => so + read(one), 0);
  return {
    lobbies: [...counts.values()],
    members: total(({ members }) => members),
    peers: total(({ peers }) => peers),
    // Every sidecar has a link to each hub.
    sidecars: Math.max(0, ...all.map(({ sidecars }) => sidecars)),
    connections: [...pairs.values()].toSorted((a, b) => (a.nat_pair < b.nat_pair ? -1 : 1)),
  };
}

export function targetOf(lobby: Lobby | undefined, name: string): Target | null {
  const member = lobby?.members.find(({ peer, title }) => (title ?? peer) === name || peer === name);
  if (member === undefined) return null;
  if (member.source === null) return { ip_prefix: null, peer_id: member.peer };
  const { address } = member.source.endpoint;
  return { ip_prefix: canonicalPrefix(isIPv4(address) ? address : `${address}/64`), peer_id: null };
}

const stateOf = (lobby: Lobby): "open" | "in_game" => (lobby.in_game || lobby.state === "started" ? "in_game" : "open");

function adminLobby(lobby: Lobby): AdminLobby {
  const { id, wire, seats, visibility, members, title, name, host, created_at } = lobby;
  return {
    id,
    name: title ?? name,
    wire,
    visibility,
    state: stateOf(lobby),
    seats,
    roster: members.map((m) => ({
      peer_id: m.source === null ? m.peer : null,
      name: m.title ?? m.peer,
      host: m.peer === host,
    })),
    created_at: new Date(created_at).toISOString(),
  };
}
