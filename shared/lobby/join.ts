/** How a lobby is created, and how a peer becomes a member: host, join, apply, admit, deny. */
import {
  change,
  hostOf,
  introductionOf,
  isAt,
  isNameTaken,
  findMember,
  messageTo,
  memberNames,
  newMember,
  notHost,
  unchanged,
  isHost,
  refuse,
  replace,
  sameDigest,
  currentNotice,
  noticeTo,
  profileOf,
  renewMember,
  noticesToAll,
} from "./transitions.ts";
import { isBanned, isNearBan } from "./bans.ts";
import { APPLICANTS_PER_LOBBY_MAX, GRACE_DEFAULT_S, SEAT_HELD_MS, SILENT_AWAY_MS } from "../limits.ts";
import type { Applicant, Event, Lobby, Member, Policy, Settings } from "./lobby.ts";
import type { Transition, AddressedNotice } from "./notices.ts";
import { mayMeet } from "./paths.ts";

type Hosting = Event & { kind: "host" };
type Joining = Event & { kind: "join" };

export const DEFAULT_SETTINGS: Settings = {
  display_name: null,
  visibility: "public",
  version: null,
  joinable: true,
  in_game: false,
  approval: false,
  host_policy: "automatic",
  host_grace_s: GRACE_DEFAULT_S,
  member_grace_s: GRACE_DEFAULT_S,
  successors: [],
  consent: "automatic",
  addresses: "direct",
  data: {},
};

/** Lobbies created over HTTP: the hub counts heartbeats, and the lobby lives while one member sends them. */
export const NATIVE_POLICY: Policy = {
  lease_ms: null,
  lifetime_ms: null,
  started_keep_ms: 1,
  confirmed_keep_ms: 1,
  listed: true,
  admits_http: true,
  away_ms: SILENT_AWAY_MS,
};

export function create(event: Hosting, now: number): Transition {
  const host = newMember(event, now);
  const lobby: Lobby = {
    ...DEFAULT_SETTINGS,
    ...(event.policy.tethered === true && { visibility: "unlisted" }),
    ...event.settings,
    id: event.id,
    wire: event.wire,
    name: event.name,
    policy: event.policy,
    seats: event.seats,
    password_digest: event.password_digest,
    state: "open",
    members: [host],
    applicants: [],
    host: host.peer,
    vacant_since: null,
    term: 1,
    former_hosts: [],
    banned: [],
    code: event.code ?? null,
    client_ref: event.client_ref ?? null,
    created_at: now,
    updated_at: now,
    started_at: null,
    revision: 1,
  };
  return { lobby, notices: [noticeTo(host, { kind: "hosted", peers: [host.peer] })] };
}

/** A retry from the same source gets the same answer; to any other peer the name is taken. */
export function rehost(lobby: Lobby, event: Hosting, now: number): Transition {
  const host = hostOf(lobby);
  const same = host !== undefined && isAt(host, event.source) && (event.source !== null || host.peer === event.peer);
  if (lobby.state === "started" || !same) return refuse(lobby, "lobby_exists");
  const next = lobby.policy.rehosts === true ? updateFromHost(lobby, event, now) : lobby;
  return renewMember(next, hostOf(next)!, event, now, { kind: "hosted", peers: memberNames(lobby) });
}

function updateFromHost(lobby: Lobby, { policy, seats, password_digest, local }: Hosting, now: number): Lobby {
  const { local: _, ...host } = hostOf(lobby)!;
  const members = replace(lobby, hostOf(lobby)!, { ...host, ...(local && { local }) });
  const next = { policy, seats, password_digest, members };
  const before = {
    policy: lobby.policy,
    seats: lobby.seats,
    password_digest: lobby.password_digest,
    members: lobby.members,
  };
  return JSON.stringify(next) === JSON.stringify(before) ? lobby : change(lobby, next, now);
}

/** The order of the checks matters: a refusal must not reveal what the peer may not know. */
export function join(lobby: Lobby, event: Joining, now: number): Transition {
  const { peer, source } = event;
  const known = findMember(lobby, peer);
  const same = known !== undefined && isAt(known, source);
  if (lobby.state === "started") {
    return same ? renewMember(lobby, known, event, now) : refuse(lobby, "lobby_not_found");
  }
  if (!same && isBanned(lobby, peer, source?.endpoint)) return refuse(lobby, "kicked");
  if (source === null && lobby.policy.admits_http !== true) return refuse(lobby, "foreign_wire");
  if (lobby.policy.introduces_on_join === true) return introduceToHost(lobby, event);
  // An HTTP member is verified by its token; on other wires every join needs the password.
  if (same && source === null) return rejoin(lobby, known, event, now);
  if (lobby.visibility === "private" && !sameDigest(lobby.code ?? "", event.code ?? null)) {
    return refuse(lobby, "lobby_not_found");
  }
  if (lobby.password_digest !== null && !sameDigest(lobby.password_digest, event.password_digest))
    return refuse(lobby, "password_mismatch");
  if (same) return renewMember(lobby, known, event, now);
  const near = source !== null && known?.source?.endpoint.address === source.endpoint.address;
  if (known !== undefined && event.reclaims && near) return renewMember(lobby, known, event, now);
  if (lobby.version !== null && lobby.version !== event.version) return refuse(lobby, "version_mismatch");
  if (!mayMeet(hostOf(lobby), event)) return refuse(lobby, "no_common_path");
  if (!acceptsJoins(lobby)) return refuse(lobby, "lobby_closed");
  if (isFull(lobby)) return refuse(lobby, "lobby_full");
  if (known !== undefined || isNameTaken(lobby, event)) return refuse(lobby, "name_in_use");
  const near_ban = event.near_ban === true || isNearBan(lobby, event, now);
  if (near_ban && event.immediate === true) return refuse(lobby, "kicked");
  return lobby.approval || near_ban ? addApplicant(lobby, { ...event, near_ban }, now) : addMember(lobby, event, now);
}

/** The member may have started again on another platform, so its paths may be new. */
function rejoin(lobby: Lobby, known: Member, { paths, source, memory }: Joining, now: number): Transition {
  const isSame = paths === undefined || JSON.stringify(paths) === JSON.stringify(known.paths);
  const member = isSame ? known : { ...known, paths };
  const next = isSame ? lobby : change(lobby, { members: replace(lobby, known, member) }, now);
  return isHeld(member) ? repeatAnswer(next, member) : renewMember(next, member, { source, memory }, now);
}

/** A repeated join is no heartbeat: the peer may not have received the first answer. */
const repeatAnswer = (lobby: Lobby, member: Member): Transition => ({
  lobby,
  notices: [noticeTo(member, currentNotice(lobby))],
});
const isHeld = (member: Member): boolean => member.held_until !== undefined;

const isFull = (lobby: Lobby): boolean => lobby.seats !== null && lobby.members.length >= lobby.seats;

/** While an HTTP host is away, no peer can join: it could not connect to the host. */
function acceptsJoins(lobby: Lobby): boolean {
  const host = hostOf(lobby);
  return lobby.joinable && host !== undefined && (host.source !== null || host.away_since === null);
}

function addMember(lobby: Lobby, event: Joining, now: number): Transition {
  const held = event.source === null ? { held_until: now + SEAT_HELD_MS } : {};
  const member = { ...newMember(event, now), ...held };
  const applicants = lobby.applicants.filter(({ peer }) => peer !== event.peer);
  const next = change(lobby, { members: [...lobby.members, member], applicants }, now);
  return { lobby: next, notices: noticesToAll(next) };
}

/** The host's notice comes first: the joiner can retry, the host cannot. */
function introduceToHost(lobby: Lobby, event: Joining): Transition {
  const host = hostOf(lobby)!;
  const answer: AddressedNotice = { to: "requester", notice: { kind: "introduced", peers: introductionOf(host) } };
  if (event.silently === true) return { lobby, notices: [answer] };
  return {
    lobby,
    notices: [noticeTo(host, { kind: "introduced", peers: introductionOf(newMember(event, 0)) }), answer],
  };
}

// --- approval --------------------------------------------------------------------------------------------------

function addApplicant(lobby: Lobby, event: Joining, now: number): Transition {
  const { peer, near_ban } = event;
  const known = lobby.applicants.find((a) => a.peer === peer);
  if (known?.denied === true) return refuse(lobby, "not_admitted");
  if (known !== undefined) return unchanged(lobby);
  if (lobby.applicants.length >= APPLICANTS_PER_LOBBY_MAX) return refuse(lobby, "too_many_applicants");
  const applicant: Applicant = {
    ...profileOf(event),
    asked_at: now,
    denied: false,
    ...(near_ban === true && { near_ban }),
  };
  const next = change(lobby, { applicants: [...lobby.applicants, applicant] }, now);
  return { lobby: next, notices: messageTo(hostOf(lobby)!, { kind: "applied", peer }) };
}

export function admit(lobby: Lobby, event: Event & { kind: "admit" }, now: number): Transition {
  if (!isHost(lobby, null, event.by)) return notHost(lobby, event.by);
  if (findMember(lobby, event.peer) !== undefined) return unchanged(lobby);
  const applicant = lobby.applicants.find(({ peer }) => peer === event.peer);
  if (applicant === undefined) return refuse(lobby, "applicant_not_found");
  if (isFull(lobby)) return refuse(lobby, "lobby_full");
  if (isNameTaken(lobby, applicant)) return refuse(lobby, "name_in_use");
  const { peer } = applicant;
  const joining: Joining = { kind: "join", peer, password_digest: null, memory: null, reclaims: false, source: null };
  const { lobby: next, notices } = addMember(lobby, { ...joining, ...profileOf(applicant) }, now);
  return { lobby: next, notices: [...messageTo({ peer, source: null }, { kind: "admitted" }), ...notices] };
}

/** A denied applicant is kept, so that its retry is refused. One that withdraws is removed. */
export function deny(lobby: Lobby, { by, peer }: Event & { kind: "deny" }, now: number): Transition {
  if (!isHost(lobby, null, by) && by !== peer) return notHost(lobby, by);
  const applicant = lobby.applicants.find((a) => a.peer === peer);
  if (applicant === undefined) return refuse(lobby, "applicant_not_found");
  if (applicant.denied) return unchanged(lobby);
  const others = lobby.applicants.filter((a) => a !== applicant);
  if (by === peer) return unchanged(change(lobby, { applicants: others }, now));
  const next = change(lobby, { applicants: [...others, { ...applicant, denied: true }] }, now);
  return { lobby: next, notices: messageTo({ peer, source: null }, { kind: "denied" }) };
}
