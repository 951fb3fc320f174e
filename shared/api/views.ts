/**
 * What each reader may see of a lobby: a stranger, a member, the host. The only way from a lobby to an answer: no
 * address, password, digest, ticket or wire memory ever passes through here.
 */
import type { LobbyView, MemberView } from "./lobbies.ts";
import { toSummary, valuesOf } from "../listing/summary.ts";
import type { DataVisibility } from "../lobby/data.ts";
import type { Applicant, Lobby, Member } from "../lobby/lobby.ts";

/** The lobby as `reader` (a peer id, or null for a stranger) may see it, or null where he may not know of it. */
export function lobbyView(lobby: Lobby, reader: string | null): LobbyView | null {
  const inside = isMember(lobby, reader);
  if (!inside && lobby.visibility === "private") return null;
  const hosting = inside && lobby.host === reader;
  const readable: readonly DataVisibility[] = hosting ? ["public", "member", "private"] : ["public", "member"];
  const host = lobby.members.find((m) => m.peer === lobby.host);
  return {
    ...toSummary(lobby),
    visibility: lobby.policy.listed ? lobby.visibility : "unlisted",
    host_policy: lobby.host_policy,
    consent: lobby.consent,
    addresses: lobby.addresses,
    host: host?.source === null ? host.peer : null,
    term: lobby.term,
    join: { wire: lobby.wire, ...(lobby.policy.admits_http !== true && { session: lobby.name }) },
    roster: lobby.members.map((m) => memberView(lobby, m, inside)),
    ...(inside && { data: valuesOf(lobby, readable) }),
    ...(inside && { entries: pick(lobby.data, ({ visibility }) => readable.includes(visibility)) }),
    ...(inside && lobby.code !== null && { join_code: lobby.code }),
    ...(hosting && { applicants: lobby.applicants.filter((a) => !a.denied).map(applicantView) }),
  };
}

/** Only who speaks over HTTP has shown who he is; elsewhere a name is anybody's. */
export const isMember = (lobby: Lobby, reader: string | null): boolean =>
  lobby.members.some((m) => m.source === null && m.peer === reader);

export const memberView = (lobby: Lobby, member: Member, inside: boolean): MemberView => ({
  peer_id: member.source === null ? member.peer : null,
  name: member.display_name ?? member.peer,
  host: member.peer === lobby.host,
  state: member.held_until !== undefined ? "held" : member.away_since === null ? "present" : "away",
  joined_at: new Date(member.joined_at).toISOString(),
  ...(inside && { data: member.data ?? {} }),
  ...(inside && member.consent !== undefined && { consent: member.consent }),
  ...(inside && member.addresses !== undefined && { addresses: member.addresses }),
});

const applicantView = ({ peer, display_name: title, data = {}, asked_at }: Applicant) => ({
  peer_id: peer,
  name: title ?? peer,
  data,
  asked_at: new Date(asked_at).toISOString(),
});

const pick = <T>(items: Readonly<Record<string, T>>, wanted: (item: T) => boolean): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(items).filter(([, item]) => wanted(item)));
