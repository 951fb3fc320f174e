/** What members do and what becomes of them while they are in: say, ask, move, confirm, fall silent, leave. */
import {
  change,
  isAt,
  isFrom,
  mark,
  memberBy,
  memberNamed,
  message,
  nothing,
  refuse,
  remove,
  replace,
  tellAgain,
} from "./transitions.ts";
import { patchMemberData } from "./data.ts";
import type { Event, Lobby, Member, Stepped } from "./lobby.ts";

export function leave(lobby: Lobby, event: Event & { kind: "leave" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "member_not_found");
  if (!isAt(member, event.source)) return nothing(lobby);
  return remove(lobby, [member], "left", now);
}

/** Only the sidecar that holds the member may give him up, and only where it last heard him. */
export function lose(lobby: Lobby, event: Event & { kind: "lost" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  return member === undefined || !isFrom(member, event.source)
    ? nothing(lobby)
    : remove(lobby, [member], "member_timeout", now);
}

/**
 * A sign of life: of everybody who plays there, or of him alone, who gave it over HTTP, or to a sidecar whom he had shown
 * that he is a member.
 */
export function hear(lobby: Lobby, { peer, source }: Event & { kind: "heard" }, now: number): Stepped {
  const shown = (m: Member): boolean => m.source === null && m.peer === peer;
  return mark(lobby, (m) => shown(m) || (source !== null && isFrom(m, source)), null, now);
}

/** Who has not even taken his seat does not keep it any longer for being away. */
export function fallSilent(lobby: Lobby, { peer }: Event & { kind: "silent" }, now: number): Stepped {
  return mark(lobby, (m) => m.source === null && m.peer === peer && m.held_until === undefined, now, now);
}

export function move(lobby: Lobby, event: Event & { kind: "moved" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  const near = lobby.policy.roams === true || member?.source?.endpoint.address === event.source.endpoint.address;
  return member === undefined || !near
    ? nothing(lobby)
    : tellAgain(lobby, member, { source: event.source, memory: member.memory }, now);
}

export function confirm(lobby: Lobby, event: Event & { kind: "confirm" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "member_not_found");
  if (member.confirmed || !isAt(member, event.source)) return nothing(lobby);
  return nothing(change(lobby, { members: replace(lobby, member, { ...member, confirmed: true }) }, now));
}

export function answer(lobby: Lobby, event: Event & { kind: "ask" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) return refuse(lobby, lobby.state === "open" ? "member_not_found" : "lobby_not_found");
  if (!isAt(member, event.source)) return nothing(lobby);
  return tellAgain(lobby, member, { source: event.source, memory: member.memory }, now);
}

/** A member tells something else about himself. */
export function present(lobby: Lobby, event: Event & { kind: "present" }, now: number): Stepped {
  const member = memberBy(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "not_member");
  const data = event.data === undefined ? member.data : patchMemberData(member.data ?? {}, event.data);
  if (data === null) return refuse(lobby, "data_limit");
  const { title, consent, addresses } = event;
  const next = {
    ...member,
    ...(title !== undefined && { title }),
    ...(data && { data }),
    ...(consent !== undefined && { consent }),
    ...(addresses !== undefined && { addresses }),
  };
  if (JSON.stringify(next) === JSON.stringify(member)) return nothing(lobby);
  return nothing(change(lobby, { members: replace(lobby, member, next) }, now));
}

export function chat(lobby: Lobby, { by, text }: Event & { kind: "chat" }): Stepped {
  if (memberBy(lobby, by) === undefined) return refuse(lobby, "not_member");
  return { lobby, tells: lobby.members.flatMap((member) => message(member, { kind: "chat", from: by, text })) };
}

export function signal(lobby: Lobby, { by, peer, body }: Event & { kind: "signal" }): Stepped {
  const member = memberNamed(lobby, peer);
  if (memberBy(lobby, by) === undefined) return refuse(lobby, "not_member");
  if (member === undefined) return refuse(lobby, "member_not_found");
  return { lobby, tells: message(member, { kind: "signal", from: by, body }) };
}
