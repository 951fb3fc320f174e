/**
 * What the steps of a lobby are made of: looking at members, telling them, and the few ways in which a lobby changes.
 * Pure, like lobby.ts, which decides when each of them happens.
 */
import { isSealed } from "./doors.ts";
import { type Endpoint, sameEndpoint } from "./endpoint.ts";
import type { Event, Introduced, Lobby, Member, Notice, Source, Stepped, Tell } from "./lobby.ts";
import type { RefusalCode, Removal } from "./refusals.ts";

/** What a member should know now: the answer to his renewals. */
export const standing = (lobby: Lobby): Notice =>
  lobby.state === "open"
    ? { kind: "roster", peers: names(lobby) }
    : { kind: "introduced", peers: lobby.members.map(introductionOf) };

/** Where a member is now, and what the wire notes about him. */
type Whence = Pick<Member, "source" | "memory">;

export const nothing = (lobby: Lobby | null): Stepped => ({ lobby, tells: [] });

export const refuse = (lobby: Lobby | null, code: RefusalCode): Stepped => ({
  lobby,
  tells: [{ to: "asker", notice: { kind: "refused", code } }],
});

export function whenOpen(lobby: Lobby | null, then: () => Stepped): Stepped {
  return lobby?.state === "open" ? then() : refuse(lobby, "lobby_not_found");
}

export const change = (lobby: Lobby, parts: Partial<Lobby>, now: number): Lobby => ({
  ...lobby,
  ...parts,
  updated_at: now,
  version: lobby.version + 1,
});

/** Takes members out; the next in order of arrival becomes host; the last one takes the lobby with him. */
export function remove(lobby: Lobby, gone: readonly Member[], reason: Removal, now: number): Stepped {
  const members = lobby.members.filter((m) => !gone.includes(m));
  const goodbyes = gone.map((m) => tell(m, { kind: "removed", reason }));
  const [first] = members;
  if (first === undefined) return { lobby: null, tells: goodbyes };
  const succession = gone.some((m) => m.peer === lobby.host) ? { host: first.peer, term: lobby.term + 1 } : {};
  const next = change(lobby, { members, ...succession }, now);
  return { lobby: next, tells: [...goodbyes, ...tellAll(next)] };
}

/** Moves where a member's notices go, and takes the wire's newest note about him. */
function reroute(lobby: Lobby, member: Member, { source, memory }: Whence, now: number): Lobby {
  const same = isFrom(member, source) && member.source.via === source.via && member.memory === memory;
  if (same && member.away_since === null) return lobby;
  return change(lobby, { members: replace(lobby, member, { ...member, source, memory, away_since: null }) }, now);
}

export function mark(lobby: Lobby, whom: (member: Member) => boolean, since: number | null, now: number): Stepped {
  const marked = (m: Member): boolean => whom(m) && (m.away_since === null) !== (since === null);
  if (!lobby.members.some(marked)) return nothing(lobby);
  const members = lobby.members.map((m) => (marked(m) ? { ...m, away_since: since } : m));
  return nothing(change(lobby, { members }, now));
}

/**
 * A member who asks once more, from wherever he proved to be, hears what he should know now. A sidecar that he left
 * is told to forget him, or it would wait for him for ever.
 */
export function tellAgain(lobby: Lobby, member: Member, whence: Whence, now: number, notice?: Notice): Stepped {
  const next = reroute(lobby, member, whence, now);
  const answer = tell(memberNamed(next, member.peer)!, notice ?? standing(next));
  if (member.source.sidecar === whence.source.sidecar) return { lobby: next, tells: [answer] };
  return { lobby: next, tells: [tell(member, { kind: "removed", reason: "moved" }), answer] };
}

// --- looking ---------------------------------------------------------------------------------------------------

export const names = (lobby: Lobby): string[] => lobby.members.map((m) => m.peer);
export const tell = ({ peer, source }: Member, notice: Notice): Tell => ({ to: "member", peer, source, notice });
export const tellAll = (lobby: Lobby): Tell[] => lobby.members.map((m) => tell(m, standing(lobby)));
export const memberNamed = (lobby: Lobby, peer: string): Member | undefined =>
  lobby.members.find((m) => m.peer === peer);
export const hostOf = (lobby: Lobby): Member => memberNamed(lobby, lobby.host)!;
export const replace = (lobby: Lobby, old: Member, member: Member): Member[] =>
  lobby.members.map((m) => (m === old ? member : m));
export const isFrom = (member: Member, source: Source): boolean =>
  member.source.sidecar === source.sidecar && sameEndpoint(member.source.endpoint, source.endpoint);
/**
 * Whether an event in clear claims to be of a member who came under DTLS: from his endpoint, or to move his place. A
 * source address can be forged, a session cannot.
 */
export const isForged = (lobby: Lobby, event: Event & { source: Source }): boolean =>
  !isSealed(event.source.via) &&
  lobby.members.some(({ peer, source }) => {
    const moves = event.kind === "moved" || (event.kind === "join" && event.reclaims);
    const claims = (moves && event.peer === peer) || sameEndpoint(source.endpoint, event.source.endpoint);
    return isSealed(source.via) && claims;
  });
export const isBarred = (lobby: Lobby, peer: string, at: Endpoint): boolean =>
  lobby.barred.some((bar) => bar.peer === peer || sameEndpoint(bar.endpoint, at));
export const introductionOf = ({ peer, source, local }: Member): Introduced => ({
  peer,
  endpoint: source.endpoint,
  ...(local && { local }),
});
export const newMember = (event: Event & { kind: "host" | "join" }, now: number): Member => ({
  peer: event.peer,
  source: event.source,
  joined_at: now,
  confirmed: false,
  away_since: null,
  memory: event.memory,
  ...(event.local && { local: event.local }),
});

/** Compares every character, so that the time taken tells nothing about where they differ. */
export function sameDigest(wanted: string, given: string | null): boolean {
  if (given === null || given.length !== wanted.length) return false;
  let difference = 0;
  for (let at = 0; at < wanted.length; at++) difference |= wanted.charCodeAt(at) ^ given.charCodeAt(at);
  return difference === 0;
}
