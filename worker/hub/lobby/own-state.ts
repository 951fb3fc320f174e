/** What a peer sees of itself at one hub: its seats, and the operators' ban of it or of its address. */
import type { OwnBan, OwnSeat } from "#shared/api/identity.ts";
import { memberView } from "#shared/api/views.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { findMember } from "#shared/lobby/transitions.ts";
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import type { OwnState } from "../../rpc.ts";
import type { HubState } from "../state.ts";

export const ownState = (state: HubState, { peer, source }: RateLimitSubject, now: number): OwnState => ({
  seats: state.lobbies.lobbiesOf(peer!).map((lobby) => seatOf(lobby, peer!, state.seatExpiresAt(lobby, peer!))),
  ban: banOf(state, { peer, source }, now),
});

function seatOf(lobby: Lobby, peer: string, expires_at: number | null): OwnSeat {
  const { host, state } = memberView(lobby, findMember(lobby, peer)!, true);
  return {
    lobby_id: lobby.id,
    name: lobby.display_name ?? lobby.name,
    host,
    state,
    ...(expires_at !== null && { seat_expires_at: new Date(expires_at).toISOString() }),
  };
}

function banOf({ guard }: HubState, { peer, source }: RateLimitSubject, now: number): OwnBan | null {
  const ban = guard.bans.find({ peer, address: source }, now);
  if (ban === null) return null;
  return {
    ...(!ban.reason_hidden && ban.reason !== "" && { message: ban.reason }),
    expires_at: ban.expires_at === null ? null : new Date(ban.expires_at).toISOString(),
  };
}
