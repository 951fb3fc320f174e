/** What a member does, and what happens to it: leave, renew, move, confirm, update, chat, fall silent. */
import {
  change,
  isAt,
  isFrom,
  isNameTaken,
  setAway,
  findHttpMember,
  findMember,
  messageTo,
  unchanged,
  refuse,
  removeMembers,
  replace,
  renewMember,
} from "./transitions.ts";
import { patchMemberData } from "./data.ts";
import type { Event, Lobby, Member } from "./lobby.ts";
import type { Transition } from "./notices.ts";

export function leave(lobby: Lobby, event: Event & { kind: "leave" }, now: number): Transition {
  const member = findMember(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "member_not_found");
  if (!isAt(member, event.source)) return unchanged(lobby);
  return removeMembers(lobby, [member], "left", now);
}

/** Drops a member on the report of the sidecar that holds it, and only at the endpoint that it holds. */
export function dropLost(lobby: Lobby, event: Event & { kind: "lost" }, now: number): Transition {
  const member = findMember(lobby, event.peer);
  return member === undefined || !isFrom(member, event.source)
    ? unchanged(lobby)
    : removeMembers(lobby, [member], "member_timeout", now);
}

/** Drops HTTP members whose sockets closed. If one of them is the host, a member with a socket is preferred as the next. */
export function dropDisconnected(
  lobby: Lobby,
  { peers, waiting }: Event & { kind: "disconnected" },
  now: number,
): Transition {
  const lost = lobby.members.filter(({ peer, source }) => source === null && peers.includes(peer));
  return lost.length === 0 ? unchanged(lobby) : removeMembers(lobby, lost, "member_timeout", now, { waiting });
}

/**
 * Marks members present: all members at this source, or over HTTP the one that sent the heartbeat. A sidecar also
 * reports the heartbeat of an HTTP member that showed it a session ticket.
 */
export function recordHeartbeat(
  lobby: Lobby,
  { peer, source }: Event & { kind: "heartbeat" },
  now: number,
): Transition {
  const isVerified = (m: Member): boolean => m.source === null && m.peer === peer;
  const seen = source === null ? lobby : markSeen(lobby, lobby.members.find(isVerified), now);
  return setAway(seen, (m) => isVerified(m) || (source !== null && isFrom(m, source)), null, now);
}

/** Stored once per member, so that lists can say that its datagrams arrive. */
const markSeen = (lobby: Lobby, member: Member | undefined, now: number): Lobby =>
  member === undefined || member.seen_over_udp === true
    ? lobby
    : change(lobby, { members: replace(lobby, member, { ...member, seen_over_udp: true }) }, now);

/** Marks an HTTP member away. A held seat is excluded: its own time already runs out. */
export function setSilent(lobby: Lobby, { peer }: Event & { kind: "silent" }, now: number): Transition {
  return setAway(lobby, (m) => m.source === null && m.peer === peer && m.held_until === undefined, now, now);
}

export function move(lobby: Lobby, event: Event & { kind: "moved" }, now: number): Transition {
  const member = findMember(lobby, event.peer);
  const allowed = lobby.policy.roams === true || member?.source?.endpoint.address === event.source.endpoint.address;
  return member === undefined || !allowed
    ? unchanged(lobby)
    : renewMember(lobby, member, { source: event.source, memory: member.memory }, now);
}

export function confirm(lobby: Lobby, event: Event & { kind: "confirm" }, now: number): Transition {
  const member = findMember(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "member_not_found");
  if (member.confirmed || !isAt(member, event.source)) return unchanged(lobby);
  return unchanged(change(lobby, { members: replace(lobby, member, { ...member, confirmed: true }) }, now));
}

export function renew(lobby: Lobby, event: Event & { kind: "renew" }, now: number): Transition {
  const member = findMember(lobby, event.peer);
  if (member === undefined) return refuse(lobby, lobby.state === "open" ? "member_not_found" : "lobby_not_found");
  if (!isAt(member, event.source)) return unchanged(lobby);
  return renewMember(lobby, member, { source: event.source, memory: member.memory }, now);
}

/** Changes what a member publishes about itself. */
export function updateMember(lobby: Lobby, event: Event & { kind: "update_member" }, now: number): Transition {
  const member = findHttpMember(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "not_member");
  const data = event.data === undefined ? member.data : patchMemberData(member.data ?? {}, event.data);
  if (data === null) return refuse(lobby, "data_limit");
  if (isNameTaken(lobby, event)) return refuse(lobby, "name_in_use");
  const { display_name, consent, addresses } = event;
  const next = {
    ...member,
    ...(display_name !== undefined && { display_name }),
    ...(data && { data }),
    ...(consent !== undefined && { consent }),
    ...(addresses !== undefined && { addresses }),
  };
  if (JSON.stringify(next) === JSON.stringify(member)) return unchanged(lobby);
  return unchanged(change(lobby, { members: replace(lobby, member, next) }, now));
}

export function chat(lobby: Lobby, { by, text }: Event & { kind: "chat" }): Transition {
  if (findHttpMember(lobby, by) === undefined) return refuse(lobby, "not_member");
  return { lobby, notices: lobby.members.flatMap((member) => messageTo(member, { kind: "chat", from: by, text })) };
}

export function signal(lobby: Lobby, { by, peer, body }: Event & { kind: "signal" }): Transition {
  const member = findMember(lobby, peer);
  if (findHttpMember(lobby, by) === undefined) return refuse(lobby, "not_member");
  if (member === undefined) return refuse(lobby, "member_not_found");
  return { lobby, notices: messageTo(member, { kind: "signal", from: by, body }) };
}
