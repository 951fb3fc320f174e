/** What only the host may do: change the lobby, remove members, transfer the host role, start and end the lobby. */
import {
  change,
  endLobby,
  hostOf,
  isPresent,
  findHttpMember,
  findMember,
  notHost,
  unchanged,
  isHost,
  refuse,
  setHost,
  removeMembers,
  sameDigest,
  messageTo,
  currentNotice,
  noticeTo,
  noticesToAll,
} from "./transitions.ts";
import { withBan } from "./bans.ts";
import { isPeerId } from "./ids.ts";
import { patchLobbyData } from "./data.ts";
import type { LobbyChanges, Event, Lobby } from "./lobby.ts";
import type { Transition } from "./notices.ts";

export function kick(lobby: Lobby, event: Event & { kind: "kick" }, now: number): Transition {
  const { peer, source, by, ban = true, detail } = event;
  const byHost = isHost(lobby, source, by);
  const member = findMember(lobby, peer);
  if (member === undefined && ban && source === null && isPeerId(peer)) return banAbsent(lobby, event, now);
  if (member === undefined) {
    // The host repeats a kick until it receives the roster without the member.
    const repeated = byHost && source !== null && lobby.banned.some((ban) => ban.peer === peer);
    return repeated
      ? { lobby, notices: [noticeTo(hostOf(lobby)!, currentNotice(lobby))] }
      : refuse(lobby, "member_not_found");
  }
  if (!byHost) return notHost(lobby, by);
  return removeMembers(ban ? withBan(lobby, peer, member, now, detail) : lobby, [member], "kicked", now, { detail });
}

/** Bans a peer that is no member: it left, applies, or never joined. */
function banAbsent(lobby: Lobby, { peer, by, detail }: Event & { kind: "kick" }, now: number): Transition {
  if (!isHost(lobby, null, by)) return notHost(lobby, by);
  const applicant = lobby.applicants.find((one) => one.peer === peer);
  const applicants = lobby.applicants.filter((one) => one !== applicant);
  const next = change(withBan(lobby, peer, applicant, now, detail), { applicants }, now);
  return { lobby: next, notices: applicant === undefined ? [] : messageTo({ peer, source: null }, { kind: "denied" }) };
}

/** Lifts a ban: the peer, and others in its network, may join again. */
export function unban(lobby: Lobby, { by, peer }: Event & { kind: "unban" }, now: number): Transition {
  if (!isHost(lobby, null, by)) return notHost(lobby, by);
  const banned = lobby.banned.filter((ban) => ban.peer !== peer);
  return banned.length === lobby.banned.length
    ? refuse(lobby, "ban_not_found")
    : unchanged(change(lobby, { banned }, now));
}

export function start(lobby: Lobby, { source }: Event & { kind: "start" }, now: number): Transition {
  if (!isHost(lobby, source, undefined)) return refuse(lobby, "not_host");
  if (lobby.members.length < 2) return refuse(lobby, "too_few_players");
  const next = change(lobby, { state: "started", started_at: now }, now);
  return { lobby: next, notices: noticesToAll(next) };
}

/** Idempotent: a repeated patch returns the same lobby object. */
export function patch(lobby: Lobby, event: Event & { kind: "patch" }, now: number): Transition {
  if (!isHost(lobby, null, event.by)) return notHost(lobby, event.by);
  if (isStale(lobby, event.expected)) return refuse(lobby, "precondition_failed");
  return applyChanges(lobby, lobby, event.changes, now);
}

/** Replaces the published settings: omitted fields return to their defaults, but an omitted `join_uri` stays. */
export function publish(lobby: Lobby, event: Event & { kind: "publish" }, now: number): Transition {
  const { peer, proof, join_uri, changes } = event;
  const host = hostOf(lobby);
  const verified = host?.peer === peer && host.memory !== null && sameDigest(host.memory, proof);
  if (!verified) return refuse(lobby, "unauthorized");
  const { join_uri: known, ...rest } = lobby;
  const uri = join_uri === undefined ? known : (join_uri ?? undefined);
  return applyChanges(
    lobby,
    { ...rest, seats: null, data: {}, ...(uri !== undefined && { join_uri: uri }) },
    changes,
    now,
  );
}

/** `base` with the changes applied, or the same lobby object where nothing differs. */
function applyChanges(lobby: Lobby, base: Lobby, { data: patched, ...fields }: LobbyChanges, now: number): Transition {
  const data = patched === undefined ? base.data : patchLobbyData(base.data, patched);
  if (data === null) return refuse(lobby, "data_limit");
  if (fields.seats !== undefined && fields.seats < lobby.members.length) return refuse(lobby, "seats_taken");
  const next: Lobby = { ...base, ...fields, data };
  return unchanged(JSON.stringify(next) === JSON.stringify(lobby) ? lobby : change(next, {}, now));
}

export function close(lobby: Lobby, { by, expected, reason = "closed" }: Event & { kind: "close" }): Transition {
  if (by !== null && !isHost(lobby, null, by)) return notHost(lobby, by);
  if (isStale(lobby, expected)) return refuse(lobby, "precondition_failed");
  return endLobby(lobby, reason);
}

/** The host appoints a member; or a member claims the role for itself while the host is gone or away. */
export function transferHost(lobby: Lobby, event: Event & { kind: "transfer_host" }, now: number): Transition {
  const { by, peer, expected_term } = event;
  const host = hostOf(lobby);
  const successor = findMember(lobby, peer);
  if (findHttpMember(lobby, by) === undefined) return refuse(lobby, "not_member");
  if (lobby.term !== expected_term) return refuse(lobby, "stale_term");
  if (successor === undefined) return refuse(lobby, "member_not_found");
  if (successor === host) return unchanged(lobby);
  if (by !== host?.peer) {
    if (by !== peer) return refuse(lobby, "not_host");
    if (host !== undefined && host.away_since === null) return refuse(lobby, "host_present");
  }
  if (!isPresent(successor)) return refuse(lobby, "member_timeout");
  const next = change(lobby, setHost(lobby, peer), now);
  return { lobby: next, notices: noticesToAll(next) };
}

const isStale = ({ revision }: Lobby, expected: readonly number[] | undefined): boolean =>
  expected !== undefined && !expected.includes(revision);
