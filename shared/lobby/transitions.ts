/**
 * What the steps of a lobby are made of: looking at members, telling them, and the few ways in which a lobby changes.
 * Pure, like lobby.ts, which decides when each of them happens.
 */
import { isSealed } from "../net/local-port.ts";
import { type Endpoint, sameEndpoint } from "../net/endpoint.ts";
import { FORMER_HOSTS_PER_LOBBY_MAX } from "../limits.ts";
import type { Event, IntroducedPeer, Lobby, Member, SocketMessage, Notice, Source, Transition, AddressedNotice } from "./lobby.ts";
import type { RefusalCode, Removal } from "../refusals.ts";

/** What a member should know now: the answer to his renewals. */
export const currentNotice = (lobby: Lobby): Notice =>
  lobby.state === "open"
    ? { kind: "roster", peers: memberNames(lobby) }
    : { kind: "introduced", peers: lobby.members.flatMap(introductionOf) };

/** Where a member is now, and what the wire notes about him. */
type MemberOrigin = Pick<Member, "source" | "memory">;

export const unchanged = (lobby: Lobby | null): Transition => ({ lobby, notices: [] });

export const refuse = (lobby: Lobby | null, code: RefusalCode): Transition => ({
  lobby,
  notices: [{ to: "requester", notice: { kind: "refused", code } }],
});

export function ifOpen(lobby: Lobby | null, then: (lobby: Lobby) => Transition): Transition {
  return lobby?.state === "open" ? then(lobby) : refuse(lobby, "lobby_not_found");
}

export const change = (lobby: Lobby, parts: Partial<Lobby>, now: number): Lobby => ({
  ...lobby,
  ...parts,
  updated_at: now,
  revision: lobby.revision + 1,
});

/** Takes members out; the lobby's way of succession decides who hosts; the last one takes the lobby with him. */
export function removeMembers(lobby: Lobby, gone: readonly Member[], reason: Removal, now: number, detail?: string): Transition {
  const members = lobby.members.filter((m) => !gone.includes(m));
  const goodbye: Notice = { kind: "removed", reason, ...(detail !== undefined && { detail }) };
  const goodbyes = gone.map((m) => noticeTo(m, goodbye));
  const [first] = members;
  if (first === undefined) return { lobby: null, notices: [...goodbyes, ...denyAll(lobby)] };
  const hostless = gone.some((m) => m.peer === lobby.host);
  if (hostless && lobby.host_policy === "close") {
    const ended = endLobby({ ...lobby, members }, "closed");
    return { lobby: null, notices: [...goodbyes, ...ended.notices] };
  }
  const next = change({ ...lobby, members }, hostless ? afterHostLeft(lobby, first, now) : {}, now);
  return { lobby: next, notices: [...goodbyes, ...noticesToAll(next)] };
}

/** Everybody hears why, and nothing is left. */
export const endLobby = (lobby: Lobby, reason: Removal): Transition => ({
  lobby: null,
  notices: [...lobby.members.map((m) => noticeTo(m, { kind: "removed", reason })), ...denyAll(lobby)],
});

function afterHostLeft(lobby: Lobby, first: Member, now: number): Partial<Lobby> {
  if (lobby.host_policy === "manual") return { ...setHost(lobby, null), vacant_since: now };
  return setHost(lobby, first.peer);
}

/** A new term: who hosts from now on, and who did before. */
export function setHost(lobby: Lobby, host: string | null): Partial<Lobby> {
  const late = [...lobby.former_hosts, ...(lobby.host === null ? [] : [lobby.host])].filter((peer) => peer !== host);
  const deposed = [...new Set(late.toReversed())].toReversed().slice(-FORMER_HOSTS_PER_LOBBY_MAX);
  return { host, term: lobby.term + 1, vacant_since: null, former_hosts: deposed, client_ref: null };
}

/** Moves where a member's notices go, and takes the wire's newest note about him. */
function updateOrigin(lobby: Lobby, member: Member, { source, memory }: MemberOrigin, now: number): Lobby {
  const same = isFrom(member, source) && member.source?.via === source?.via && member.memory === memory;
  if (same && isPresent(member)) return lobby;
  return change(lobby, { members: replace(lobby, member, { ...markPresent(member), source, memory }) }, now);
}

/** Nobody waits for him any more. */
export function markPresent(member: Member): Member {
  const { held_until: _, ...rest } = member;
  return { ...rest, away_since: null };
}

export const isPresent = (member: Member): boolean => member.away_since === null && member.held_until === undefined;

export function setAway(lobby: Lobby, whom: (member: Member) => boolean, since: number | null, now: number): Transition {
  const marked = (m: Member): boolean => whom(m) && (since === null ? !isPresent(m) : m.away_since === null);
  if (!lobby.members.some(marked)) return unchanged(lobby);
  const members = lobby.members.map((m) => {
    if (!marked(m)) return m;
    return since === null ? markPresent(m) : { ...m, away_since: since };
  });
  return unchanged(change(lobby, { members }, now));
}

/**
 * A member who asks once more, from wherever he proved to be, hears what he should know now. A sidecar that he left
 * is told to forget him, or it would wait for him for ever.
 */
export function renewMember(lobby: Lobby, member: Member, whence: MemberOrigin, now: number, notice?: Notice): Transition {
  const next = updateOrigin(lobby, member, whence, now);
  const answer = noticeTo(findMember(next, member.peer)!, notice ?? currentNotice(next));
  if (member.source?.sidecar === whence.source?.sidecar) return { lobby: next, notices: [answer] };
  return { lobby: next, notices: [noticeTo(member, { kind: "removed", reason: "moved" }), answer] };
}

// --- looking ---------------------------------------------------------------------------------------------------

export const memberNames = (lobby: Lobby): string[] => lobby.members.map((m) => m.peer);
export const findMember = (lobby: Lobby, peer: string): Member | undefined =>
  lobby.members.find((m) => m.peer === peer);
export const hostOf = (lobby: Lobby): Member | undefined => lobby.members.find((m) => m.peer === lobby.host);
export const replace = (lobby: Lobby, old: Member, member: Member): Member[] =>
  lobby.members.map((m) => (m === old ? member : m));
export const isFrom = (member: Member, source: Source | null): boolean =>
  member.source?.sidecar === source?.sidecar && isAt(member, source);
export const isBanned = (lobby: Lobby, peer: string, at: Endpoint | undefined): boolean =>
  lobby.banned.some(
    (bar) => bar.peer === peer || (bar.endpoint !== null && at !== undefined && sameEndpoint(bar.endpoint, at)),
  );

/**
 * Whether an event in clear claims to be of a member who came under DTLS: from his endpoint, or to move his place. A
 * source address can be forged, a session cannot.
 */
export const isForged = (lobby: Lobby, from: Source, event: Event): boolean =>
  !isSealed(from.via) &&
  lobby.members.some(({ peer, source }) => {
    if (source === null || !isSealed(source.via)) return false;
    const moves = event.kind === "moved" || (event.kind === "join" && event.reclaims);
    return (moves && event.peer === peer) || sameEndpoint(source.endpoint, from.endpoint);
  });

/** Whether he speaks from there; over HTTP there is no there, and his token was shown. */
export const isAt = (member: Member, source: Source | null): boolean =>
  member.source === null || source === null
    ? member.source === source
    : sameEndpoint(member.source.endpoint, source.endpoint);

/** Whether it is this member who speaks: by his place, or over HTTP by his name. */
export const isSentBy = (member: Member, source: Source | null, by: string | undefined): boolean =>
  isAt(member, source) && (source !== null || member.peer === by);

/** Whether it is the host who speaks. */
export function isHost(lobby: Lobby, source: Source | null, by: string | undefined): boolean {
  const host = hostOf(lobby);
  return host !== undefined && isSentBy(host, source, by);
}

/** The member who speaks over HTTP. A name on a foreign wire is nobody's token. */
export const findHttpMember = (lobby: Lobby, by: string): Member | undefined => {
  const member = findMember(lobby, by);
  return member?.source === null ? member : undefined;
};

/** Who is no host is told whether he was one. */
export const notHost = (lobby: Lobby, peer: string | undefined): Transition =>
  refuse(lobby, peer !== undefined && lobby.former_hosts.includes(peer) ? "stale_term" : "not_host");

// --- telling ---------------------------------------------------------------------------------------------------

export const noticeTo = ({ peer, source }: Pick<Member, "peer" | "source">, notice: Notice): AddressedNotice =>
  source === null ? { to: "member", peer, source, notice } : { to: "member", peer, source, notice };
export const noticesToAll = (lobby: Lobby): AddressedNotice[] => lobby.members.map((m) => noticeTo(m, currentNotice(lobby)));

/** Only who has no source can hear it. */
export const messageTo = (member: Pick<Member, "peer" | "source">, notice: SocketMessage): AddressedNotice[] =>
  member.source === null ? [{ to: "member", peer: member.peer, source: null, notice }] : [];

const denyAll = (lobby: Lobby): AddressedNotice[] =>
  lobby.applicants.flatMap(({ peer, denied }) => (denied ? [] : messageTo({ peer, source: null }, { kind: "denied" })));

export const introductionOf = ({ peer, source, local }: Member): IntroducedPeer[] =>
  source === null ? [] : [{ peer, endpoint: source.endpoint, ...(local && { local }) }];

export const newMember = (event: Event & { kind: "host" | "join" }, now: number): Member => ({
  peer: event.peer,
  source: event.source,
  joined_at: now,
  confirmed: false,
  away_since: null,
  memory: event.memory,
  ...(event.local && { local: event.local }),
  ...(event.display_name !== undefined && { display_name: event.display_name }),
  ...(event.data && { data: event.data }),
});

/** Compares every character, so that the time taken tells nothing about where they differ. */
export function sameDigest(wanted: string, given: string | null): boolean {
  if (given === null || given.length !== wanted.length) return false;
  let difference = 0;
  for (let at = 0; at < wanted.length; at++) difference |= wanted.charCodeAt(at) ^ given.charCodeAt(at);
  return difference === 0;
}
