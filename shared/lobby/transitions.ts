/**
 * Building blocks of the lobby core: look up members, build notices, and make the few kinds of change to a lobby.
 * step.ts decides when each of them happens. Pure.
 */
import { isDtls } from "../net/local-port.ts";
import { sameEndpoint } from "../net/endpoint.ts";
import { withoutOldNetworks } from "./bans.ts";
import { FORMER_HOSTS_PER_LOBBY_MAX } from "../limits.ts";
import type { Event, Lobby, Member, Profile, Source } from "./lobby.ts";
import { looksLike } from "../text/names.ts";
import type { AddressedNotice, IntroducedPeer, Notice, SocketMessage, Transition } from "./notices.ts";
import type { RefusalCode, Removal } from "../refusals.ts";

/** The state that answers a renewal: the roster, or after the start everybody's endpoint. */
export const currentNotice = (lobby: Lobby): Notice =>
  lobby.state === "open"
    ? { kind: "roster", peers: memberNames(lobby) }
    : { kind: "introduced", peers: lobby.members.flatMap(introductionOf) };

/** Where a member's datagrams come from, and what its wire stores with it. */
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
  banned: withoutOldNetworks(lobby.banned, now),
  ...parts,
  updated_at: now,
  revision: lobby.revision + 1,
});

type RemovalOptions = {
  /** What the host wrote to the removed member. */
  readonly detail?: string | undefined;
  /** Members that may be gone: hosts only if there is no other. */
  readonly waiting?: readonly string[];
};

/** Removes members. If the host is among them, the host policy decides what follows; the last member ends the lobby. */
export function removeMembers(
  lobby: Lobby,
  removed: readonly Member[],
  reason: Removal,
  now: number,
  { detail, waiting = [] }: RemovalOptions = {},
): Transition {
  const members = lobby.members.filter((m) => !removed.includes(m));
  const notice: Notice = { kind: "removed", reason, ...(detail !== undefined && { detail }) };
  const goodbyes = removed.map((m) => noticeTo(m, notice));
  if (members.length === 0) return { lobby: null, notices: [...goodbyes, ...denyAll(lobby)] };
  const hostLeft = removed.some((m) => m.peer === lobby.host);
  if (hostLeft && lobby.host_policy === "close") {
    const ended = endLobby({ ...lobby, members }, "closed");
    return { lobby: null, notices: [...goodbyes, ...ended.notices] };
  }
  const next = change(
    { ...lobby, members },
    hostLeft ? afterHostLeft(lobby, nextHost({ ...lobby, members }, waiting), now) : {},
    now,
  );
  return { lobby: next, notices: [...goodbyes, ...noticesToAll(next)] };
}

/** Ends the lobby and sends every member the reason. */
export const endLobby = (lobby: Lobby, reason: Removal): Transition => ({
  lobby: null,
  notices: [...lobby.members.map((m) => noticeTo(m, { kind: "removed", reason })), ...denyAll(lobby)],
});

/**
 * The first present member, the named successors before the others; if none is present, the first. On other wires the
 * first, because their clients take the first of the roster for the host.
 */
function nextHost({ members, policy, successors }: Lobby, waiting: readonly string[]): Member {
  if (policy.admits_http !== true) return members[0]!;
  const named = successors.flatMap((id) => members.filter(({ peer, source }) => source === null && peer === id));
  const present = [...named, ...members].filter(isPresent);
  return present.find(({ peer }) => !waiting.includes(peer)) ?? present[0] ?? members[0]!;
}

function afterHostLeft(lobby: Lobby, next: Member, now: number): Partial<Lobby> {
  if (lobby.host_policy === "manual") return { ...setHost(lobby, null), vacant_since: now };
  return setHost(lobby, next.peer);
}

/** Begins a term with this host, and remembers the former one. */
export function setHost(lobby: Lobby, host: string | null): Partial<Lobby> {
  const former = [...lobby.former_hosts, ...(lobby.host === null ? [] : [lobby.host])].filter((peer) => peer !== host);
  const former_hosts = [...new Set(former.toReversed())].toReversed().slice(-FORMER_HOSTS_PER_LOBBY_MAX);
  return { host, term: lobby.term + 1, vacant_since: null, former_hosts, client_ref: null };
}

/** Stores a member's current source and wire memory. */
function updateOrigin(lobby: Lobby, member: Member, { source, memory }: MemberOrigin, now: number): Lobby {
  const same = isFrom(member, source) && member.source?.via === source?.via && member.memory === memory;
  if (same && isPresent(member)) return lobby;
  return change(lobby, { members: replace(lobby, member, { ...markPresent(member), source, memory }) }, now);
}

/** The member with its timeouts cleared. */
function markPresent(member: Member): Member {
  const { held_until: _, ...rest } = member;
  return { ...rest, away_since: null };
}

export const isPresent = (member: Member): boolean => member.away_since === null && member.held_until === undefined;

/** Marks the selected members as away since a time, or as present where `since` is null. */
export function setAway(
  lobby: Lobby,
  selects: (member: Member) => boolean,
  since: number | null,
  now: number,
): Transition {
  const changes = (m: Member): boolean => selects(m) && (since === null ? !isPresent(m) : m.away_since === null);
  if (!lobby.members.some(changes)) return unchanged(lobby);
  const members = lobby.members.map((m) => {
    if (!changes(m)) return m;
    return since === null ? markPresent(m) : { ...m, away_since: since };
  });
  return unchanged(change(lobby, { members }, now));
}

/**
 * Stores where a verified member is now, and answers it with the current state. The sidecar that the member left
 * receives the order to drop it; otherwise that sidecar would wait for the member until its lease expires.
 */
export function renewMember(
  lobby: Lobby,
  member: Member,
  origin: MemberOrigin,
  now: number,
  notice?: Notice,
): Transition {
  const next = updateOrigin(lobby, member, origin, now);
  const answer = noticeTo(findMember(next, member.peer)!, notice ?? currentNotice(next));
  if (member.source?.sidecar === origin.source?.sidecar) return { lobby: next, notices: [answer] };
  return { lobby: next, notices: [noticeTo(member, { kind: "removed", reason: "moved" }), answer] };
}

// --- lookups ---------------------------------------------------------------------------------------------------

export const memberNames = (lobby: Lobby): string[] => lobby.members.map((m) => m.peer);
export const findMember = (lobby: Lobby, peer: string): Member | undefined =>
  lobby.members.find((m) => m.peer === peer);
export const hostOf = (lobby: Lobby): Member | undefined => lobby.members.find((m) => m.peer === lobby.host);
export const replace = (lobby: Lobby, old: Member, member: Member): Member[] =>
  lobby.members.map((m) => (m === old ? member : m));
export const isFrom = (member: Member, source: Source | null): boolean =>
  member.source?.sidecar === source?.sidecar && isAt(member, source);

/**
 * Whether a plaintext event claims to be from a member under DTLS: it comes from the member's endpoint, or would move
 * the member. A source address can be forged, a DTLS session cannot.
 */
export const isForged = (lobby: Lobby, from: Source, event: Event): boolean =>
  !isDtls(from.via) &&
  lobby.members.some(({ peer, source }) => {
    if (source === null || !isDtls(source.via)) return false;
    const moves = event.kind === "moved" || (event.kind === "join" && event.reclaims);
    return (moves && event.peer === peer) || sameEndpoint(source.endpoint, from.endpoint);
  });

/** Whether the member's endpoint is this one. HTTP members have none: their token was verified. */
export const isAt = (member: Member, source: Source | null): boolean =>
  member.source === null || source === null
    ? member.source === source
    : sameEndpoint(member.source.endpoint, source.endpoint);

/** Whether this member sent the event: by its endpoint, or over HTTP by its verified name. */
const isSentBy = (member: Member, source: Source | null, by: string | undefined): boolean =>
  isAt(member, source) && (source !== null || member.peer === by);

/** Whether the host sent the event. */
export function isHost(lobby: Lobby, source: Source | null, by: string | undefined): boolean {
  const host = hostOf(lobby);
  return host !== undefined && isSentBy(host, source, by);
}

/** The HTTP member of this name. A name on a foreign wire is not verified, so such members are not found. */
export const findHttpMember = (lobby: Lobby, by: string): Member | undefined => {
  const member = findMember(lobby, by);
  return member?.source === null ? member : undefined;
};

/** A former host gets `stale_term`, every other peer `not_host`. */
export const notHost = (lobby: Lobby, peer: string | undefined): Transition =>
  refuse(lobby, peer !== undefined && lobby.former_hosts.includes(peer) ? "stale_term" : "not_host");

// --- notices ---------------------------------------------------------------------------------------------------

export const noticeTo = ({ peer, source }: Pick<Member, "peer" | "source">, notice: Notice): AddressedNotice =>
  source === null ? { to: "member", peer, source, notice } : { to: "member", peer, source, notice };
export const noticesToAll = (lobby: Lobby): AddressedNotice[] =>
  lobby.members.map((m) => noticeTo(m, currentNotice(lobby)));

/** Empty for a member with a source: only HTTP members have a WebSocket. */
export const messageTo = (member: Pick<Member, "peer" | "source">, notice: SocketMessage): AddressedNotice[] =>
  member.source === null ? [{ to: "member", peer: member.peer, source: null, notice }] : [];

const denyAll = (lobby: Lobby): AddressedNotice[] =>
  lobby.applicants.flatMap(({ peer, denied }) => (denied ? [] : messageTo({ peer, source: null }, { kind: "denied" })));

export const introductionOf = ({ peer, source, local }: Member): IntroducedPeer[] =>
  source === null ? [] : [{ peer, endpoint: source.endpoint, ...(local && { local }) }];

export const newMember = (event: Event & { kind: "host" | "join" }, now: number): Member => ({
  ...profileOf(event),
  source: event.source,
  joined_at: now,
  confirmed: false,
  away_since: null,
  memory: event.memory,
  ...(event.local && { local: event.local }),
});

export const profileOf = ({ peer, network, display_name, data, paths }: Profile): Profile => ({
  peer,
  ...(network !== undefined && { network }),
  ...(display_name !== undefined && { display_name }),
  ...(data && { data }),
  ...(paths && { paths }),
});

/** Whether another member displays a name that looks the same. */
export const isNameTaken = (lobby: Lobby, { peer, display_name }: Pick<Member, "peer" | "display_name">): boolean =>
  display_name !== undefined &&
  lobby.members.some((m) => m.peer !== peer && m.display_name !== undefined && looksLike(m.display_name, display_name));

/** Compares in constant time, so that timing does not reveal the first difference. */
export function sameDigest(expected: string, actual: string | null): boolean {
  if (actual === null || actual.length !== expected.length) return false;
  let difference = 0;
  for (let at = 0; at < expected.length; at++) difference |= expected.charCodeAt(at) ^ actual.charCodeAt(at);
  return difference === 0;
}
