/** Whether one member may be connected to another, how the other is asked, and whether addresses may be revealed. */
import type { AddressPolicy, Consent, Lobby } from "#shared/lobby/lobby.ts";
import type { Connection } from "#shared/connect/connection.ts";
import { isMember } from "#shared/api/views.ts";
import type { Refused } from "../../rpc.ts";

/** How the other peer is asked, or why the request is refused. */
export function resolveConsent(
  lobby: Lobby | undefined,
  requester: string,
  { peer, invited }: { readonly peer: string; readonly invited: boolean },
): { readonly consent: Consent } | Refused {
  if (lobby !== undefined && lobby.policy.admits_http !== true) return { refused: "foreign_wire" };
  const refused = refusalForNonMember(lobby, requester);
  if (lobby === undefined || refused !== null) return { refused: refused ?? "lobby_not_found" };
  if (requester === peer) return { refused: "invalid_request", detail: "peer_id: another peer expected" };
  const member = lobby.members.find((m) => m.source === null && m.peer === peer);
  if (member === undefined) return { refused: "member_not_found" };
  if (member.away_since !== null) return { refused: "member_timeout" };
  const consent = member.consent ?? lobby.consent;
  if (invited) return { consent: "ticket" };
  return consent === "ticket" ? { refused: "ticket_invalid" } : { consent };
}

/** The refusal for a peer that is not a member, or null. It must not reveal a private lobby. */
export function refusalForNonMember(lobby: Lobby | undefined, peer: string): "lobby_not_found" | "not_member" | null {
  if (lobby === undefined) return "lobby_not_found";
  if (isMember(lobby, peer)) return null;
  return lobby.visibility === "private" ? "lobby_not_found" : "not_member";
}

/** Whether one of the members, or the lobby, forbids revealing addresses. */
export const hidesAddresses = (lobby: Lobby, peers: readonly string[]): boolean => requires(lobby, peers, "relay_only");
/** Whether one of the two, or the lobby, allows no relay. */
export const forbidsRelay = (lobby: Lobby | undefined, { parties }: Connection): boolean => {
  const peers = parties.map(({ peer }) => peer);
  return lobby !== undefined && requires(lobby, peers, "direct_only");
};

const requires = ({ addresses, members }: Lobby, peers: readonly string[], policy: AddressPolicy): boolean =>
  addresses === policy || members.some((m) => m.source === null && m.addresses === policy && peers.includes(m.peer));
