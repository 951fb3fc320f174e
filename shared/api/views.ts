/**
 * Views of a lobby for its readers: a non-member, a member, the host. Responses contain lobbies only as these views, so no
 * address, password digest, ticket or wire memory can leak.
 */
import type { LobbyView, MemberView } from "./lobbies.ts";
import { toSummary, valuesOf } from "../listing/summary.ts";
import type { DataVisibility, LobbyData } from "../lobby/data.ts";
import type { Applicant, Lobby, Member } from "../lobby/lobby.ts";
import { toRelayPolicy } from "../lobby/relay-policy.ts";

/** The lobby as `reader` (a peer id, or null) may see it; null if the reader may not know that it exists. */
export function lobbyView(lobby: Lobby, reader: string | null): LobbyView | null {
  const inside = isMember(lobby, reader);
  if (!inside && lobby.visibility === "private") return null;
  const hosting = inside && lobby.host === reader;
  const readable: readonly DataVisibility[] = hosting ? ["public", "member", "private"] : ["public", "member"];
  const summary = toSummary(lobby);
  const host = lobby.members.find((m) => m.peer === lobby.host);
  return {
    ...summary,
    ...(inside && lobby.code !== null && { join: { ...summary.join, code: lobby.code } }),
    visibility: lobby.policy.listed ? lobby.visibility : "unlisted",
    host_policy: lobby.host_policy,
    host_grace_s: lobby.host_grace_s,
    member_grace_s: lobby.member_grace_s,
    ...(inside && { successors: lobby.successors }),
    consent: lobby.consent,
    relay: toRelayPolicy(lobby.addresses),
    host: host?.source === null ? host.peer : null,
    term: lobby.term,
    members: lobby.members.map((m) => memberView(lobby, m, inside)),
    ...(inside && { data: valuesOf(lobby, readable) }),
    ...(inside && { data_rules: rulesOf(lobby.data, readable) }),
    ...(hosting && { applicants: lobby.applicants.filter((a) => !a.denied).map(applicantView) }),
  };
}

/** Only HTTP members count: a name on another wire is not verified. */
export const isMember = (lobby: Lobby, reader: string | null): boolean =>
  lobby.members.some((m) => m.source === null && m.peer === reader);

export const memberView = (lobby: Lobby, member: Member, inside: boolean): MemberView => ({
  peer_id: member.source === null ? member.peer : null,
  name: member.display_name ?? member.peer,
  host: member.peer === lobby.host,
  state: member.held_until !== undefined ? "held" : member.away_since === null ? "present" : "away",
  joined_at: new Date(member.joined_at).toISOString(),
  ...(member.paths !== undefined && { paths: member.paths }),
  ...(inside && { data: member.data ?? {} }),
  ...(inside && member.consent !== undefined && { consent: member.consent }),
  ...(inside && member.addresses !== undefined && { relay: toRelayPolicy(member.addresses) }),
});

const applicantView = ({ peer, display_name: title, data = {}, asked_at, near_ban }: Applicant) => ({
  peer_id: peer,
  name: title ?? peer,
  data,
  applied_at: new Date(asked_at).toISOString(),
  ...(near_ban === true && { near_ban }),
});

const rulesOf = (data: LobbyData, readable: readonly DataVisibility[]) =>
  Object.fromEntries(
    Object.entries(data)
      .filter(([, { visibility }]) => readable.includes(visibility))
      .map(([key, { visibility, index }]) => [key, { visibility, index }]),
  );
