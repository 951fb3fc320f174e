/** Whether one member may be connected to another: who is asked, how, and whether addresses may be shown. */
import type { Consent, Lobby } from "#shared/lobby/lobby.ts";
import { isMember } from "#shared/api/views.ts";
import type { Refused } from "../../rpc.ts";

/** How the peer is asked, or why he cannot be. */
export function resolveConsent(
  lobby: Lobby | undefined,
  asker: string,
  { peer, invited }: { readonly peer: string; readonly invited: boolean },
): { readonly consent: Consent } | Refused {
  if (lobby !== undefined && lobby.policy.admits_http !== true) return { refused: "foreign_wire" };
  const refused = refusalForNonMember(lobby, asker);
  if (lobby === undefined || refused !== null) return { refused: refused ?? "lobby_not_found" };
  if (asker === peer) return { refused: "invalid_request", detail: "peer_id: somebody else expected" };
  const member = lobby.members.find((m) => m.source === null && m.peer === peer);
  if (member === undefined) return { refused: "member_not_found" };
  if (member.away_since !== null) return { refused: "member_timeout" };
  const consent = member.consent ?? lobby.consent;
  if (invited) return { consent: "ticket" };
  return consent === "ticket" ? { refused: "ticket_invalid" } : { consent };
}

/** Why this peer is told nothing of what goes on in a lobby, or null. Whoever may not know of it does not learn of it. */
export function refusalForNonMember(lobby: Lobby | undefined, peer: string): "lobby_not_found" | "not_member" | null {
  if (lobby === undefined) return "lobby_not_found";
  if (isMember(lobby, peer)) return null;
  return lobby.visibility === "private" ? "lobby_not_found" : "not_member";
}

/** Whether one of these members, or their lobby, wants no address to be shown. */
export const hidesAddresses = ({ addresses, members }: Lobby, peers: readonly string[]): boolean =>
  addresses === "relay_only" ||
  members.some((m) => m.source === null && m.addresses === "relay_only" && peers.includes(m.peer));
