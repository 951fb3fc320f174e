/** How a lobby is made, and how one comes to be a member of it. */
import {
  change,
  hostOf,
  introductionOf,
  isAt,
  isBarred,
  memberNamed,
  message,
  names,
  newMember,
  notHost,
  nothing,
  presides,
  refuse,
  replace,
  sameDigest,
  standing,
  tell,
  tellAgain,
  tellAll,
} from "./transitions.ts";
import { APPLICANTS_PER_LOBBY_MAX, SEAT_HELD_MS, SILENT_AWAY_MS } from "../limits.ts";
import type { Applicant, Event, Lobby, Member, Policy, Settings, Stepped, Tell } from "./lobby.ts";

type Hosting = Event & { kind: "host" };
type Joining = Event & { kind: "join" };

export const DEFAULTS: Settings = {
  title: null,
  visibility: "public",
  version: null,
  joinable: true,
  in_game: false,
  approval: false,
  succession: "automatic",
  consent: "automatic",
  addresses: "direct",
  data: {},
};

/** Lobbies made over HTTP: the hub watches its members, and the lobby lives as long as one of them is heard. */
export const NATIVE: Policy = {
  lease_ms: null,
  lifetime_ms: null,
  started_keep_ms: 1,
  confirmed_keep_ms: 1,
  listed: true,
  admits_http: true,
  away_ms: SILENT_AWAY_MS,
};

export function create(event: Hosting, now: number): Stepped {
  const host = newMember(event, now);
  const lobby: Lobby = {
    ...DEFAULTS,
    ...(event.policy.tethered === true && { visibility: "unlisted" }),
    ...event.settings,
    id: event.id,
    wire: event.wire,
    name: event.name,
    policy: event.policy,
    seats: event.seats,
    lock: event.lock,
    state: "open",
    members: [host],
    applicants: [],
    host: host.peer,
    vacant_since: null,
    term: 1,
    deposed: [],
    barred: [],
    code: event.code ?? null,
    client_ref: event.client_ref ?? null,
    created_at: now,
    updated_at: now,
    started_at: null,
    revision: 1,
  };
  return { lobby, tells: [tell(host, { kind: "hosted", peers: [host.peer] })] };
}

/** The same source repeats itself and gets the same answer; anybody else finds the name taken. */
export function hostAgain(lobby: Lobby, event: Hosting, now: number): Stepped {
  const host = hostOf(lobby);
  const same = host !== undefined && isAt(host, event.source) && (event.source !== null || host.peer === event.peer);
  if (lobby.state === "started" || !same) return refuse(lobby, "lobby_exists");
  const again = lobby.policy.rehosts === true ? sayAnew(lobby, event, now) : lobby;
  return tellAgain(again, hostOf(again)!, event, now, { kind: "hosted", peers: names(lobby) });
}

function sayAnew(lobby: Lobby, { policy, seats, lock, local }: Hosting, now: number): Lobby {
  const { local: _, ...host } = hostOf(lobby)!;
  const said = { policy, seats, lock, members: replace(lobby, hostOf(lobby)!, { ...host, ...(local && { local }) }) };
  const before = { policy: lobby.policy, seats: lobby.seats, lock: lobby.lock, members: lobby.members };
  return JSON.stringify(said) === JSON.stringify(before) ? lobby : change(lobby, said, now);
}

/** The checks have an order: what a stranger may not know is refused before what he may. */
export function join(lobby: Lobby, event: Joining, now: number): Stepped {
  const { peer, source } = event;
  const known = memberNamed(lobby, peer);
  const same = known !== undefined && isAt(known, source);
  if (lobby.state === "started") {
    return same ? tellAgain(lobby, known, event, now) : refuse(lobby, "lobby_not_found");
  }
  if (!same && isBarred(lobby, peer, source?.endpoint)) return refuse(lobby, "kicked");
  if (source === null && lobby.policy.admits_http !== true) return refuse(lobby, "foreign_wire");
  if (lobby.policy.introduces_on_join === true) return introduce(lobby, event);
  // Over HTTP a member has shown by his token that he is one; elsewhere the password is asked for every time.
  if (same && source === null) return isHeld(known) ? again(lobby, known) : tellAgain(lobby, known, event, now);
  if (lobby.visibility === "private" && !sameDigest(lobby.code ?? "", event.code ?? null)) {
    return refuse(lobby, "lobby_not_found");
  }
  if (lobby.lock !== null && !sameDigest(lobby.lock, event.lock)) return refuse(lobby, "password_mismatch");
  if (same) return tellAgain(lobby, known, event, now);
  const near = source !== null && known?.source?.endpoint.address === source.endpoint.address;
  if (known !== undefined && event.reclaims && near) return tellAgain(lobby, known, event, now);
  if (lobby.version !== null && lobby.version !== event.version) return refuse(lobby, "version_mismatch");
  if (!isOpenDoor(lobby)) return refuse(lobby, "lobby_locked");
  if (isFull(lobby)) return refuse(lobby, "lobby_full");
  if (known !== undefined) return refuse(lobby, "name_in_use");
  return lobby.approval ? apply(lobby, event, now) : enter(lobby, event, now);
}

/** Asking twice is not being heard: who repeats a request may not have heard its answer. */
const again = (lobby: Lobby, member: Member): Stepped => ({ lobby, tells: [tell(member, standing(lobby))] });
const isHeld = (member: Member): boolean => member.held_until !== undefined;

const isFull = (lobby: Lobby): boolean => lobby.seats !== null && lobby.members.length >= lobby.seats;

/** Where the hub watches the host, nobody comes in while he is silent: there would be nobody to connect to. */
function isOpenDoor(lobby: Lobby): boolean {
  const host = hostOf(lobby);
  return lobby.joinable && host !== undefined && (host.source !== null || host.away_since === null);
}

function enter(lobby: Lobby, event: Joining, now: number): Stepped {
  const held = event.source === null ? { held_until: now + SEAT_HELD_MS } : {};
  const member = { ...newMember(event, now), ...held };
  const applicants = lobby.applicants.filter(({ peer }) => peer !== event.peer);
  const next = change(lobby, { members: [...lobby.members, member], applicants }, now);
  return { lobby: next, tells: tellAll(next) };
}

/** The host first: who asked can ask again, and the host cannot. */
function introduce(lobby: Lobby, event: Joining): Stepped {
  const host = hostOf(lobby)!;
  const answer: Tell = { to: "asker", notice: { kind: "introduced", peers: introductionOf(host) } };
  if (event.silently === true) return { lobby, tells: [answer] };
  return { lobby, tells: [tell(host, { kind: "introduced", peers: introductionOf(newMember(event, 0)) }), answer] };
}

// --- where the host admits each one ----------------------------------------------------------------------------

function apply(lobby: Lobby, { peer, title, data }: Joining, now: number): Stepped {
  const known = lobby.applicants.find((a) => a.peer === peer);
  if (known?.denied === true) return refuse(lobby, "not_admitted");
  if (known !== undefined) return nothing(lobby);
  if (lobby.applicants.length >= APPLICANTS_PER_LOBBY_MAX) return refuse(lobby, "too_many_applicants");
  const applicant: Applicant = {
    peer,
    asked_at: now,
    denied: false,
    ...(title !== undefined && { title }),
    ...(data && { data }),
  };
  const next = change(lobby, { applicants: [...lobby.applicants, applicant] }, now);
  return { lobby: next, tells: message(hostOf(lobby)!, { kind: "applied", peer }) };
}

export function admit(lobby: Lobby, event: Event & { kind: "admit" }, now: number): Stepped {
  if (!presides(lobby, null, event.by)) return notHost(lobby, event.by);
  if (memberNamed(lobby, event.peer) !== undefined) return nothing(lobby);
  const applicant = lobby.applicants.find(({ peer }) => peer === event.peer);
  if (applicant === undefined) return refuse(lobby, "applicant_not_found");
  if (isFull(lobby)) return refuse(lobby, "lobby_full");
  const { peer, title, data } = applicant;
  const joining: Joining = { kind: "join", peer, lock: null, memory: null, reclaims: false, source: null };
  const said = { ...(title !== undefined && { title }), ...(data && { data }) };
  const { lobby: next, tells } = enter(lobby, { ...joining, ...said }, now);
  return { lobby: next, tells: [...message({ peer, source: null }, { kind: "admitted" }), ...tells] };
}

/** Turned away he is remembered, so that asking again tells him; withdrawn he is forgotten. */
export function deny(lobby: Lobby, { by, peer }: Event & { kind: "deny" }, now: number): Stepped {
  if (!presides(lobby, null, by) && by !== peer) return notHost(lobby, by);
  const applicant = lobby.applicants.find((a) => a.peer === peer);
  if (applicant === undefined) return refuse(lobby, "applicant_not_found");
  if (applicant.denied) return nothing(lobby);
  const others = lobby.applicants.filter((a) => a !== applicant);
  if (by === peer) return nothing(change(lobby, { applicants: others }, now));
  const next = change(lobby, { applicants: [...others, { ...applicant, denied: true }] }, now);
  return { lobby: next, tells: message({ peer, source: null }, { kind: "denied" }) };
}
