/** What is to be told of what a commit made of a lobby: to those who watch the list, and to those who watch the lobby. */
import type { Summary } from "../api/lobbies.ts";
import type { Change } from "./coalescer.ts";
import { summaryOf } from "../listing/listing.ts";
import type { Lobby, Member, SocketMessage, Notice } from "../lobby/lobby.ts";
import type { Removal } from "../refusals.ts";
import { memberView } from "../api/views.ts";
import type { LobbyRemovedReason, HostCause, LeftState, LobbyEvent } from "../api/events.ts";

export type RemovedNotice = Notice & { readonly kind: "removed" };

/** Why members were removed, as far as they were told: by their name in the lobby. */
export type RemovedNotices = ReadonlyMap<string, RemovedNotice>;

/** What a change of a line is to a list with this filter, or null where it is nothing. */
export function listEvent(
  { id, old, next, reason }: Change<Summary>,
  isPicked: (line: Summary) => boolean,
): LobbyEvent | null {
  const was = old !== null && isPicked(old);
  const is = next !== null && isPicked(next);
  if (is) return { type: was ? "lobby.updated" : "lobby.added", data: { lobby: next } };
  if (!was) return null;
  const why = next === null ? reason : next.state === "in_game" ? "started" : "filtered";
  return { type: "lobby.removed", data: { id, reason: why } };
}

/** The change of a lobby's line, or null where it has none. */
export function summaryChange(
  old: Lobby | null,
  next: Lobby | null,
  removals: RemovedNotices,
  now: number,
): Change<Summary> | null {
  const [before, after] = [summaryOf(old), summaryOf(next)];
  if (before === null && after === null) return null;
  return {
    id: (next ?? old)!.id,
    old: before,
    next: after,
    reason: old === null ? "closed" : listRemovedReason(old, next, removals, now),
  };
}

/** Why a lobby is out of the lists. */
export function listRemovedReason(
  old: Lobby,
  next: Lobby | null,
  removals: RemovedNotices,
  now: number,
): LobbyRemovedReason {
  if (next !== null)
    return next.members.some((m) => m.peer === next.host && m.away_since !== null) ? "timed_out" : "filtered";
  const reasons = new Set([...removals.values()].map(({ reason }) => reason));
  if (reasons.has("banned")) return "banned";
  if (old.state === "started" || reasons.has("over")) return "started";
  const late = old.policy.lifetime_ms !== null && old.created_at + old.policy.lifetime_ms <= now;
  const silent = old.members.every((m) => m.away_since !== null || m.held_until !== undefined);
  return late || silent || reasons.has("lobby_timeout") || reasons.has("member_timeout") ? "timed_out" : "closed";
}

/** Who came, went, changed and hosts; `inside`: for a reader who is a member. */
export function memberEvents(old: Lobby, next: Lobby, removals: RemovedNotices, inside: boolean): LobbyEvent[] {
  const { id } = next;
  const [before, after] = [byName(old), byName(next)];
  const news: LobbyEvent[] = [];
  for (const member of old.members) {
    if (!after.has(member.peer)) news.push(memberLeftEvent(old, next, member, removals.get(member.peer), inside));
  }
  for (const member of next.members) {
    const was = before.get(member.peer);
    const view = memberView(next, member, inside);
    if (was === undefined) news.push({ type: "member.joined", data: { id, member: view } });
    else if (JSON.stringify(view) !== JSON.stringify(memberView(old, was, inside))) {
      news.push({ type: "member.updated", data: { id, member: view } });
    }
  }
  if (next.term !== old.term) {
    const host = idOf(next.members.find(({ peer }) => peer === next.host));
    news.push({ type: "lobby.host_changed", data: { id, host, term: next.term, cause: hostCause(old, next) } });
  }
  return news;
}

function memberLeftEvent(
  old: Lobby,
  next: Lobby,
  member: Member,
  removed: RemovedNotice | undefined,
  inside: boolean,
): LobbyEvent {
  const removal = removed?.reason;
  const isBarred = next.banned.some(({ peer }) => peer === member.peer) && next.banned !== old.banned;
  const kicked = removal === "kicked" || (removal === undefined && isBarred);
  const lost = removal === "member_timeout" || (removal === undefined && member.away_since !== null);
  const state: LeftState = kicked ? (isBarred ? "banned" : "kicked") : lost ? "disconnected" : "left";
  const host = idOf(old.members.find(({ peer }) => peer === old.host));
  const by = kicked ? host : lost ? null : idOf(member);
  const detail = inside && removed?.detail !== undefined ? { detail: removed.detail } : {};
  return {
    type: "member.left",
    data: { id: old.id, peer_id: idOf(member), name: member.display_name ?? member.peer, state, by, ...detail },
  };
}

function hostCause(old: Lobby, next: Lobby): HostCause {
  if (next.host === null) return "vacant";
  const before = old.members.find(({ peer }) => peer === old.host);
  if (before === undefined || (before.away_since !== null && byName(next).has(before.peer))) return "claimed";
  return byName(next).has(before.peer) ? "handed" : "left";
}

/** What one peer hears who is told in person; null where what he sees of the lobby says it. */
export function personalEvent(id: string, notice: Notice | SocketMessage): LobbyEvent | null {
  switch (notice.kind) {
    case "chat":
      return { type: "chat", data: { id, from: notice.from, text: notice.text } };
    case "signal":
      return { type: "signal", data: { id, from: notice.from, body: notice.body } };
    case "applied":
      return { type: "member.applied", data: { id, peer_id: notice.peer } };
    case "admitted":
      return { type: "member.admitted", data: { id } };
    case "denied":
      return { type: "member.denied", data: { id } };
    default:
      return null;
  }
}

/** What a member hears who was removed from a lobby. */
export const removedEvent = (
  id: string,
  { reason, detail }: RemovedNotice,
): LobbyEvent & { readonly type: "lobby.removed" } => ({
  type: "lobby.removed",
  data: { id, reason: memberRemovedReason(reason), ...(detail !== undefined && { detail }) },
});

/** Why a lobby is over for a member who was removed from it. */
export function memberRemovedReason(reason: Removal): LobbyRemovedReason {
  switch (reason) {
    case "left":
    case "moved":
      return "left";
    case "kicked":
    case "banned":
      return reason;
    case "member_timeout":
    case "lobby_timeout":
      return "timed_out";
    case "over":
      return "started";
    case "closed":
    case "replaced":
      return "closed";
  }
}

const byName = ({ members }: Lobby): Map<string, Member> => new Map(members.map((member) => [member.peer, member]));

/** Over HTTP a name is a public id that was shown by a token; on other wires it is anybody's. */
const idOf = (member: Member | undefined): string | null => (member?.source === null ? member.peer : null);
