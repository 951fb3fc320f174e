/**
 * A lobby: a place to meet. This file is the whole of its behaviour, and it is pure.
 *
 *     step(lobby | null, event, now) -> { lobby | null, tells }      what an event makes of it, and who is told what
 *     deadline(lobby)                -> when it next changes by itself, or null
 *
 * Nothing here knows a clock, dice, a socket or a wire. What differs between wires is data, a `Policy`. Every event
 * is idempotent, because UDP repeats itself: replayed, it changes nothing more. A step that changes nothing returns
 * the very lobby it was given, so `next !== lobby` says whether there is something to save.
 */
import { AWAY_MS, BARRED_PER_LOBBY_MAX } from "./limits.ts";
import { type Endpoint, sameEndpoint } from "./endpoint.ts";
import type { RefusalCode, Removal } from "./refusals.ts";
import {
  change,
  hostOf,
  introductionOf,
  isBarred,
  isForged,
  isFrom,
  mark,
  memberNamed,
  names,
  newMember,
  nothing,
  refuse,
  remove,
  replace,
  sameDigest,
  standing,
  tell,
  tellAgain,
  tellAll,
  whenOpen,
} from "./changes.ts";

export const WIRES = ["native", "rabid", "dowsett", "noray"] as const;
export type Wire = (typeof WIRES)[number];

/** What differs between wires. Times in ms; null means never. */
export type Policy = {
  /** Silence tolerated of a member while the lobby is open; the sidecar that hears him watches it. */
  readonly lease_ms: number | null;
  /** Life of a lobby that never starts. */
  readonly lifetime_ms: number | null;
  /** How long a started lobby is remembered, so that members who missed the news can still ask. */
  readonly started_keep_ms: number;
  /** The same once every member has confirmed: only late repetitions still come. */
  readonly confirmed_keep_ms: number;
  /** Whether strangers see it in the list. */
  readonly listed: boolean;
  /** Who joins is introduced to the host at once and remembered by nobody; otherwise members wait for the start. */
  readonly introduces_on_join?: boolean;
  /** A host who hosts again from the same source says everything anew; otherwise his lobby stays as it is. */
  readonly rehosts?: boolean;
  /** Who proved himself to his sidecar may have moved to another address; otherwise only to another port. */
  readonly roams?: boolean;
};

/** Where a datagram came in and where its answer leaves: this sidecar, this door (doors.ts), this endpoint. */
export type Source = { readonly sidecar: string; readonly via: number; readonly endpoint: Endpoint };

export type Member = {
  /** Identity within the lobby. On wires without identities, the name. */
  readonly peer: string;
  readonly source: Source;
  readonly joined_at: number;
  /** Has said that the introduction arrived. */
  readonly confirmed: boolean;
  /** Since when nobody listens for this member, because his sidecar is gone. */
  readonly away_since: number | null;
  /** The wire's own note about this member: small, opaque, secret. */
  readonly memory: string | null;
  /** The endpoint in his own network, where he told one: for whoever is introduced to him, and nobody else. */
  readonly local?: Endpoint;
};

/** In place of a digest: the peers themselves ask for the password, and the hub never learns it. */
export const LOCKED_BY_PEERS = "peers";

export type Lobby = {
  readonly id: string;
  readonly wire: Wire;
  /** Unique within game and wire while the lobby lives. */
  readonly name: string;
  readonly policy: Policy;
  /** Members it takes, or null on wires that do not count. */
  readonly seats: number | null;
  /** Digest of the password, `LOCKED_BY_PEERS`, or null. */
  readonly lock: string | null;
  readonly state: "open" | "started";
  /** In order of arrival; never empty. */
  readonly members: readonly Member[];
  readonly host: string;
  /** Rises with each new host. */
  readonly term: number;
  /** Who was kicked: by name, and by the endpoint he had. */
  readonly barred: readonly { readonly peer: string; readonly endpoint: Endpoint }[];
  readonly created_at: number;
  readonly updated_at: number;
  readonly started_at: number | null;
  /** Rises with every change. */
  readonly version: number;
};

export type Event =
  | {
      readonly kind: "host";
      readonly id: string;
      readonly wire: Wire;
      readonly name: string;
      readonly policy: Policy;
      readonly seats: number | null;
      readonly lock: string | null;
      readonly peer: string;
      readonly memory: string | null;
      readonly local?: Endpoint;
      readonly source: Source;
    }
  | {
      readonly kind: "join";
      readonly peer: string;
      readonly lock: string | null;
      readonly memory: string | null;
      readonly local?: Endpoint;
      /** The sidecar vouches: same address, and the old endpoint has been silent for two pings. */
      readonly reclaims: boolean;
      /** Where joining introduces: only the asker is told, because his sidecar means to relay the two. */
      readonly silently?: boolean;
      readonly source: Source;
    }
  | { readonly kind: "leave"; readonly peer: string; readonly source: Source }
  | { readonly kind: "kick"; readonly peer: string; readonly source: Source }
  | { readonly kind: "start"; readonly source: Source }
  | { readonly kind: "confirm"; readonly peer: string; readonly source: Source }
  /** A renewal of a member whom the sidecar does not know. */
  | { readonly kind: "ask"; readonly peer: string; readonly source: Source }
  /** He proved to his sidecar that he is somewhere else; at another address only where the policy lets him roam. */
  | { readonly kind: "moved"; readonly peer: string; readonly source: Source }
  /** His sidecar has not heard him for a lease. */
  | { readonly kind: "lost"; readonly peer: string; readonly source: Source }
  /** His sidecar has heard him again. */
  | { readonly kind: "heard"; readonly peer: string; readonly source: Source }
  /** A sidecar is gone, or back with its memory. */
  | { readonly kind: "away"; readonly sidecar: string }
  | { readonly kind: "back"; readonly sidecar: string }
  /** Time has passed. */
  | { readonly kind: "tick" };

export type Introduced = { readonly peer: string; readonly endpoint: Endpoint; readonly local?: Endpoint };

export type Notice =
  /** Your lobby stands, with these members in order of arrival, you first. */
  | { readonly kind: "hosted"; readonly peers: readonly string[] }
  /** These are the members now, in order of arrival, host first. */
  | { readonly kind: "roster"; readonly peers: readonly string[] }
  /**
   * Punch now: everybody's endpoint as observed, in order of arrival; you are among them. Where joining introduces,
   * only the other one.
   */
  | { readonly kind: "introduced"; readonly peers: readonly Introduced[] }
  | { readonly kind: "refused"; readonly code: RefusalCode }
  | { readonly kind: "removed"; readonly reason: Removal };

/** What somebody may hear who is no member. */
export type Answer = Extract<Notice, { kind: "refused" | "introduced" }>;

/** A notice for one member, or for whoever asked. */
export type Tell =
  | { readonly to: "member"; readonly peer: string; readonly source: Source; readonly notice: Notice }
  | { readonly to: "asker"; readonly notice: Answer };

export type Stepped = { readonly lobby: Lobby | null; readonly tells: readonly Tell[] };

export function step(given: Lobby | null, event: Event, now: number): Stepped {
  const aged = given === null ? nothing(null) : expire(given, now);
  const next = react(aged.lobby, event, now);
  return aged.tells.length === 0 ? next : { lobby: next.lobby, tells: [...aged.tells, ...next.tells] };
}

/** When the lobby next changes by itself (ms since the epoch), or null. Always later than the last step. */
export function deadline(lobby: Lobby): number | null {
  const away = lobby.members.flatMap((m) => (m.away_since === null ? [] : [m.away_since + AWAY_MS]));
  const end = endsAt(lobby);
  const all = lobby.state === "open" ? away : [];
  if (end !== null) all.push(end);
  return all.length === 0 ? null : Math.min(...all);
}

// --- events ----------------------------------------------------------------------------------------------------

function react(lobby: Lobby | null, event: Event, now: number): Stepped {
  if (lobby !== null && "source" in event && isForged(lobby, event)) return nothing(lobby);
  switch (event.kind) {
    case "host":
      return lobby === null ? create(event, now) : hostAgain(lobby, event, now);
    case "join":
      return lobby === null ? refuse(lobby, "lobby_not_found") : join(lobby, event, now);
    case "leave":
      return whenOpen(lobby, () => leave(lobby!, event, now));
    case "kick":
      return whenOpen(lobby, () => kick(lobby!, event, now));
    case "start":
      return lobby?.state === "started" ? nothing(lobby) : whenOpen(lobby, () => start(lobby!, event, now));
    case "confirm":
      return lobby?.state === "started" ? confirm(lobby, event, now) : refuse(lobby, "not_started");
    case "ask":
      return lobby === null ? refuse(lobby, "lobby_not_found") : answer(lobby, event, now);
    case "lost":
      return lobby?.state === "open" ? lose(lobby, event, now) : nothing(lobby);
    case "moved":
      return lobby?.state === "open" ? move(lobby, event, now) : nothing(lobby);
    case "heard":
      return lobby === null ? nothing(lobby) : mark(lobby, (m) => isFrom(m, event.source), null, now);
    case "away":
      return lobby === null ? nothing(lobby) : mark(lobby, (m) => m.source.sidecar === event.sidecar, now, now);
    case "back":
      return lobby === null ? nothing(lobby) : mark(lobby, (m) => m.source.sidecar === event.sidecar, null, now);
    case "tick":
      return nothing(lobby);
  }
}

function create(event: Event & { kind: "host" }, now: number): Stepped {
  const host = newMember(event, now);
  const lobby: Lobby = {
    id: event.id,
    wire: event.wire,
    name: event.name,
    policy: event.policy,
    seats: event.seats,
    lock: event.lock,
    state: "open",
    members: [host],
    host: host.peer,
    term: 1,
    barred: [],
    created_at: now,
    updated_at: now,
    started_at: null,
    version: 1,
  };
  return { lobby, tells: [tell(host, { kind: "hosted", peers: [host.peer] })] };
}

/** The same source repeats itself and gets the same answer; anybody else finds the name taken. */
function hostAgain(lobby: Lobby, event: Event & { kind: "host" }, now: number): Stepped {
  const host = hostOf(lobby);
  if (lobby.state === "started" || !sameEndpoint(host.source.endpoint, event.source.endpoint)) {
    return refuse(lobby, "lobby_exists");
  }
  const again = lobby.policy.rehosts === true ? sayAnew(lobby, event, now) : lobby;
  return tellAgain(again, hostOf(again), event, now, { kind: "hosted", peers: names(lobby) });
}

function join(lobby: Lobby, event: Event & { kind: "join" }, now: number): Stepped {
  const known = memberNamed(lobby, event.peer);
  const same = known !== undefined && sameEndpoint(known.source.endpoint, event.source.endpoint);
  if (lobby.state === "started") {
    return same ? tellAgain(lobby, known, event, now) : refuse(lobby, "lobby_not_found");
  }
  if (!same && isBarred(lobby, event.peer, event.source.endpoint)) return refuse(lobby, "kicked");
  if (lobby.policy.introduces_on_join === true) return introduce(lobby, event);
  if (lobby.lock !== null && !sameDigest(lobby.lock, event.lock)) return refuse(lobby, "password_mismatch");
  if (same) return tellAgain(lobby, known, event, now);
  if (known !== undefined && event.reclaims && known.source.endpoint.address === event.source.endpoint.address) {
    return tellAgain(lobby, known, event, now);
  }
  if (lobby.seats !== null && lobby.members.length >= lobby.seats) return refuse(lobby, "lobby_full");
  if (known !== undefined) return refuse(lobby, "name_in_use");
  const member = newMember(event, now);
  const next = change(lobby, { members: [...lobby.members, member] }, now);
  return { lobby: next, tells: tellAll(next) };
}

/** The host first: who asked can ask again, and the host cannot. */
function introduce(lobby: Lobby, event: Event & { kind: "join" }): Stepped {
  const host = hostOf(lobby);
  const guest = introductionOf(newMember(event, 0));
  const answer: Tell = { to: "asker", notice: { kind: "introduced", peers: [introductionOf(host)] } };
  if (event.silently === true) return { lobby, tells: [answer] };
  return { lobby, tells: [tell(host, { kind: "introduced", peers: [guest] }), answer] };
}

function sayAnew(lobby: Lobby, { policy, seats, lock, local }: Event & { kind: "host" }, now: number): Lobby {
  const { local: _, ...host } = hostOf(lobby);
  const said = { policy, seats, lock, members: replace(lobby, hostOf(lobby), { ...host, ...(local && { local }) }) };
  const before = { policy: lobby.policy, seats: lobby.seats, lock: lobby.lock, members: lobby.members };
  return JSON.stringify(said) === JSON.stringify(before) ? lobby : change(lobby, said, now);
}

function move(lobby: Lobby, event: Event & { kind: "moved" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  const near = lobby.policy.roams === true || member?.source.endpoint.address === event.source.endpoint.address;
  return member === undefined || !near
    ? nothing(lobby)
    : tellAgain(lobby, member, { source: event.source, memory: member.memory }, now);
}

function leave(lobby: Lobby, event: Event & { kind: "leave" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "member_not_found");
  if (!sameEndpoint(member.source.endpoint, event.source.endpoint)) return nothing(lobby);
  return remove(lobby, [member], "left", now);
}

function kick(lobby: Lobby, event: Event & { kind: "kick" }, now: number): Stepped {
  const host = hostOf(lobby);
  const byHost = sameEndpoint(host.source.endpoint, event.source.endpoint);
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) {
    // A repeated kick is answered like the first one: the host is told who is left.
    const again = byHost && lobby.barred.some((bar) => bar.peer === event.peer);
    return again ? { lobby, tells: [tell(host, standing(lobby))] } : refuse(lobby, "member_not_found");
  }
  if (!byHost) return refuse(lobby, "not_host");
  const bar = { peer: member.peer, endpoint: member.source.endpoint };
  const barred = [...lobby.barred, bar].slice(-BARRED_PER_LOBBY_MAX);
  return remove({ ...lobby, barred }, [member], "kicked", now);
}

function start(lobby: Lobby, event: Event & { kind: "start" }, now: number): Stepped {
  if (!sameEndpoint(hostOf(lobby).source.endpoint, event.source.endpoint)) return refuse(lobby, "not_host");
  if (lobby.members.length < 2) return refuse(lobby, "too_few_players");
  const next = change(lobby, { state: "started", started_at: now }, now);
  return { lobby: next, tells: tellAll(next) };
}

function confirm(lobby: Lobby, event: Event & { kind: "confirm" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) return refuse(lobby, "member_not_found");
  if (member.confirmed || !sameEndpoint(member.source.endpoint, event.source.endpoint)) return nothing(lobby);
  return nothing(change(lobby, { members: replace(lobby, member, { ...member, confirmed: true }) }, now));
}

function answer(lobby: Lobby, event: Event & { kind: "ask" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  if (member === undefined) return refuse(lobby, lobby.state === "open" ? "member_not_found" : "lobby_not_found");
  if (!sameEndpoint(member.source.endpoint, event.source.endpoint)) return nothing(lobby);
  return tellAgain(lobby, member, { source: event.source, memory: member.memory }, now);
}

/** Only the sidecar that holds the member may give him up, and only where it last heard him. */
function lose(lobby: Lobby, event: Event & { kind: "lost" }, now: number): Stepped {
  const member = memberNamed(lobby, event.peer);
  return member === undefined || !isFrom(member, event.source)
    ? nothing(lobby)
    : remove(lobby, [member], "member_timeout", now);
}

// --- time ------------------------------------------------------------------------------------------------------

function endsAt(lobby: Lobby): number | null {
  if (lobby.started_at === null) {
    return lobby.policy.lifetime_ms === null ? null : lobby.created_at + lobby.policy.lifetime_ms;
  }
  const latest = lobby.started_at + lobby.policy.started_keep_ms;
  const confirmed = lobby.members.every((m) => m.confirmed);
  return confirmed ? Math.min(latest, lobby.updated_at + lobby.policy.confirmed_keep_ms) : latest;
}

function expire(lobby: Lobby, now: number): Stepped {
  const end = endsAt(lobby);
  if (end !== null && end <= now) {
    const removed: Notice = { kind: "removed", reason: lobby.state === "open" ? "lobby_timeout" : "over" };
    return { lobby: null, tells: lobby.members.map((m) => tell(m, removed)) };
  }
  if (lobby.state === "started") return nothing(lobby);
  const gone = lobby.members.filter((m) => m.away_since !== null && m.away_since + AWAY_MS <= now);
  return gone.length === 0 ? nothing(lobby) : remove(lobby, gone, "member_timeout", now);
}
