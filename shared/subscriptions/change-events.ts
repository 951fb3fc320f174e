/** The events that a committed change of a lobby causes, for subscribers of the list and of the lobby. */
import type { Summary } from "../listing/summary.ts";
import type { Change } from "./coalescer.ts";
import { summaryOf } from "../listing/listing.ts";
import type { Lobby, Member } from "../lobby/lobby.ts";
import type { SocketMessage, Notice } from "../lobby/notices.ts";
import type { Removal } from "../refusals.ts";
import { memberView } from "../api/views.ts";
import type { HostCause, LobbyEvent, RemovalCause } from "../api/events.ts";

export type RemovedNotice = Notice & { readonly kind: "removed" };

/** The notices of removed members, by their name in the lobby. */
export type RemovedNotices = ReadonlyMap<string, RemovedNotice>;

/** The event of a changed summary for a list with this filter, or null. */
export function listEvent(
  { id, old, next, cause }: Change<Summary>,
  matches: (line: Summary) => boolean,
): LobbyEvent | null {
  const was = old !== null && matches(old);
  const is = next !== null && matches(next);
  if (is) return { type: was ? "lobby.updated" : "lobby.added", data: { lobby: next } };
  if (!was) return null;
  const why = next === null ? cause : next.state === "in_game" ? "started" : "filtered";
  return { type: "lobby.removed", data: { lobby_id: id, cause: why, removed_by: null } };
}

/** The change of a lobby's summary, or null where lists show neither version. */
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
    cause: old === null ? "closed" : removalCause(old, next, removals, now),
  };
}

/** Why lists no longer show a lobby. */
export function removalCause(old: Lobby, next: Lobby | null, removals: RemovedNotices, now: number): RemovalCause {
  if (next !== null)
    return next.members.some((m) => m.peer === next.host && m.away_since !== null) ? "timed_out" : "filtered";
  const reasons = new Set([...removals.values()].map(({ reason }) => reason));
  if (reasons.has("banned")) return "closed_by_operator";
  if (old.state === "started" || reasons.has("over")) return "started";
  const late = old.policy.lifetime_ms !== null && old.created_at + old.policy.lifetime_ms <= now;
  const silent = old.members.every((m) => m.away_since !== null || m.held_until !== undefined);
  return late || silent || reasons.has("lobby_timeout") || reasons.has("member_timeout") ? "timed_out" : "closed";
}

/** Members that joined, left or changed, and a change of the host. `inside`: for a reader that is a member. */
export function memberEvents(
  old: Lobby,
  next: Lobby,
  removals: RemovedNotices,
  inside: boolean,
  snapshot_revision: number | null = null,
): LobbyEvent[] {
  const { id: lobby_id } = next;
  const [before, after] = [byName(old), byName(next)];
  const events: LobbyEvent[] = [];
  for (const member of old.members) {
    if (!after.has(member.peer)) events.push(memberLeftEvent(old, next, member, removals.get(member.peer), inside));
  }
  for (const member of next.members) {
    const was = before.get(member.peer);
    const view = memberView(next, member, inside);
    if (was === undefined) events.push({ type: "member.joined", data: { lobby_id, member: view } });
    else if (JSON.stringify(view) !== JSON.stringify(memberView(old, was, inside))) {
      events.push({ type: "member.updated", data: { lobby_id, member: view } });
    }
  }
  if (next.term !== old.term) {
    const host = idOf(next.members.find(({ peer }) => peer === next.host));
    events.push({
      type: "lobby.host_changed",
      data: { lobby_id, host, term: next.term, cause: hostCause(old, next), ...(inside && { snapshot_revision }) },
    });
  }
  return events;
}

function memberLeftEvent(
  old: Lobby,
  next: Lobby,
  member: Member,
  removed: RemovedNotice | undefined,
  inside: boolean,
): LobbyEvent {
  const cause = memberCause(old, next, member, removed?.reason);
  const removed_by = cause === "left" ? idOf(member) : removedBy(old, cause);
  const message = inside && removed?.detail !== undefined ? { message: removed.detail } : {};
  const ids = { lobby_id: old.id, peer_id: idOf(member), name: member.display_name ?? member.peer };
  return { type: "member.left", data: { ...ids, cause, removed_by, ...message } };
}

function memberCause(old: Lobby, next: Lobby | null, member: Member, removal: Removal | undefined): RemovalCause {
  const banned = isNewlyBanned(old, next, member.peer);
  if (removal === "kicked" || (removal === undefined && banned)) return banned ? "banned" : "kicked";
  if (removal !== undefined) return causeOf(removal);
  return member.away_since === null ? "left" : "timed_out";
}

const isNewlyBanned = (old: Lobby, next: Lobby | null, peer: string): boolean =>
  next !== null && next.banned !== old.banned && next.banned.some((ban) => ban.peer === peer);

/** The host, where the host's action is the cause. */
const removedBy = (old: Lobby, cause: RemovalCause): string | null =>
  cause === "kicked" || cause === "banned" || cause === "closed"
    ? idOf(old.members.find(({ peer }) => peer === old.host))
    : null;

function hostCause(old: Lobby, next: Lobby): HostCause {
  if (next.host === null) return "vacant";
  const before = old.members.find(({ peer }) => peer === old.host);
  if (before === undefined || (before.away_since !== null && byName(next).has(before.peer))) return "claimed";
  return byName(next).has(before.peer) ? "transferred" : "left";
}

/** The event of a notice to one peer, or null where the lobby's own events contain it. */
export function personalEvent(lobby_id: string, notice: Notice | SocketMessage): LobbyEvent | null {
  switch (notice.kind) {
    case "chat":
      return { type: "chat", data: { lobby_id, from: notice.from, text: notice.text } };
    case "signal":
      return { type: "signal", data: { lobby_id, from: notice.from, body: notice.body } };
    case "applied":
      return { type: "member.applied", data: { lobby_id, peer_id: notice.peer } };
    case "admitted":
      return { type: "member.admitted", data: { lobby_id } };
    case "denied":
      return { type: "member.denied", data: { lobby_id } };
    default:
      return null;
  }
}

export type LobbyRemoved = Extract<LobbyEvent, { type: "lobby.removed" }>;

/** The event for a member that was removed from a lobby, which has ended where `next` is null. */
export function removedEvent(old: Lobby, next: Lobby | null, peer: string, removed: RemovedNotice): LobbyRemoved {
  const kicked = removed.reason === "kicked" && isNewlyBanned(old, next, peer);
  const cause = kicked ? "banned" : causeOf(removed.reason);
  const removed_by = cause === "left" ? peer : removedBy(old, cause);
  const message = removed.detail === undefined ? {} : { message: removed.detail };
  return { type: "lobby.removed", data: { lobby_id: old.id, cause, removed_by, ...message } };
}

/** The event for a subscriber that is no removed member. */
export const lobbyRemovedEvent = (old: Lobby, cause: RemovalCause): LobbyRemoved => ({
  type: "lobby.removed",
  data: { lobby_id: old.id, cause, removed_by: removedBy(old, cause) },
});

/** The public cause of a membership's end. */
export function causeOf(reason: Removal): RemovalCause {
  switch (reason) {
    case "left":
    case "moved":
      return "left";
    case "kicked":
      return "kicked";
    case "banned":
      return "closed_by_operator";
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

/** The peer id of an HTTP member. On other wires a name is not verified, so it is no id. */
const idOf = (member: Member | undefined): string | null => (member?.source === null ? member.peer : null);
