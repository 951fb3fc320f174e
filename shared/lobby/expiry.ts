/** Timeouts of a lobby: when the next one is due, and what it does. */
import { change, endLobby, messageTo, unchanged, removeMembers } from "./transitions.ts";
import { APPLICANT_MS, AWAY_MS, VACANT_MS } from "../limits.ts";
import type { Applicant, Lobby, Member } from "./lobby.ts";
import type { Transition } from "./notices.ts";

/** When the next timeout is due (ms since the epoch), or null. Always later than the last step. */
export function deadline(lobby: Lobby): number | null {
  const times: number[] = [];
  const add = (time: number | null): void => void (time === null || times.push(time));
  add(lobbyEndsAt(lobby));
  if (lobby.state === "open") {
    if (lobby.vacant_since !== null) add(lobby.vacant_since + VACANT_MS);
    for (const member of lobby.members) add(memberExpiresAt(lobby, member));
    for (const applicant of lobby.applicants) add(applicantExpiresAt(applicant));
  }
  return times.length === 0 ? null : Math.min(...times);
}

export function expire(lobby: Lobby, now: number): Transition {
  const over = lobbyEndsAt(lobby);
  if (over !== null && over <= now) return endLobby(lobby, lobby.state === "open" ? "lobby_timeout" : "over");
  if (lobby.state === "started") return unchanged(lobby);
  if (lobby.vacant_since !== null && lobby.vacant_since + VACANT_MS <= now) return endLobby(lobby, "lobby_timeout");
  const expired = lobby.applicants.filter((applicant) => applicantExpiresAt(applicant) <= now);
  const timedOut = lobby.members.filter((member) => (memberExpiresAt(lobby, member) ?? Infinity) <= now);
  const kept = expired.length === 0 ? lobby : dropApplicants(lobby, expired, now);
  const { lobby: next, notices } =
    timedOut.length === 0 ? unchanged(kept) : removeMembers(kept, timedOut, "member_timeout", now);
  const waiting = expired.filter(({ denied }) => !denied);
  return {
    lobby: next,
    notices: [...waiting.flatMap(({ peer }) => messageTo({ peer, source: null }, DENIED)), ...notices],
  };
}

const DENIED = { kind: "denied" } as const;

const dropApplicants = (lobby: Lobby, dropped: readonly Applicant[], now: number): Lobby =>
  change(lobby, { applicants: lobby.applicants.filter((applicant) => !dropped.includes(applicant)) }, now);

/** When a member is dropped unless it returns: away for too long, or its held seat was never taken. */
export function memberExpiresAt(lobby: Lobby, { away_since, held_until }: Member): number | null {
  if (held_until !== undefined) return held_until;
  return away_since === null ? null : away_since + (lobby.policy.away_ms ?? AWAY_MS);
}

export const applicantExpiresAt = ({ asked_at }: Applicant): number => asked_at + APPLICANT_MS;

function lobbyEndsAt(lobby: Lobby): number | null {
  if (lobby.started_at === null) {
    return lobby.policy.lifetime_ms === null ? null : lobby.created_at + lobby.policy.lifetime_ms;
  }
  const latest = lobby.started_at + lobby.policy.started_keep_ms;
  const confirmed = lobby.members.every((m) => m.confirmed);
  return confirmed ? Math.min(latest, lobby.updated_at + lobby.policy.confirmed_keep_ms) : latest;
}
