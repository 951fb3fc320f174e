/**
 * The state machine of a lobby. Pure, so that every rule can be tested without a clock, a socket or storage.
 *
 *     step(lobby | null, event, now) -> { lobby | null, notices }    the next state, and a notice for each receiver
 *     deadline(lobby)                -> when its next timeout is due, or null
 *
 * The events are implemented in join.ts, member-actions.ts, host-actions.ts and expiry.ts, on top of transitions.ts.
 *
 * What differs between wires is data, a `Policy`. Every event is idempotent, because UDP clients retransmit. A step that
 * changes nothing returns the same lobby object, so `next !== lobby` tells whether there is something to save.
 */
import type { Applicant, Event, Lobby, Member, Settings } from "./lobby.ts";
import type { Transition } from "./notices.ts";
import { deadline, expire } from "./expiry.ts";
import { isForged, setAway, unchanged, refuse, ifOpen } from "./transitions.ts";
import { admit, create, DEFAULT_SETTINGS, deny, rehost, join } from "./join.ts";
import { close, transferHost, kick, patch, publish, start, unban } from "./host-actions.ts";
import {
  renew,
  chat,
  confirm,
  setSilent,
  recordHeartbeat,
  leave,
  dropDisconnected,
  dropLost,
  move,
  updateMember,
  signal,
} from "./member-actions.ts";

export { deadline };

export function step(current: Lobby | null, event: Event, now: number): Transition {
  const aged = current === null ? unchanged(null) : expire(current, now);
  const next = react(aged.lobby, event, now);
  return aged.notices.length === 0 ? next : { lobby: next.lobby, notices: [...aged.notices, ...next.notices] };
}

function react(lobby: Lobby | null, event: Event, now: number): Transition {
  if (lobby !== null && "source" in event && event.source !== null && isForged(lobby, event.source, event))
    return unchanged(lobby);
  switch (event.kind) {
    case "host":
      return lobby === null ? create(event, now) : rehost(lobby, event, now);
    case "join":
      return lobby === null ? refuse(lobby, "lobby_not_found") : join(lobby, event, now);
    case "leave":
      return ifOpen(lobby, (open) => leave(open, event, now));
    case "kick":
      return ifOpen(lobby, (open) => kick(open, event, now));
    case "unban":
      return ifOpen(lobby, (open) => unban(open, event, now));
    case "start":
      return lobby?.state === "started" ? unchanged(lobby) : ifOpen(lobby, (open) => start(open, event, now));
    case "confirm":
      return lobby?.state === "started" ? confirm(lobby, event, now) : refuse(lobby, "not_started");
    case "renew":
      return lobby === null ? refuse(lobby, "lobby_not_found") : renew(lobby, event, now);
    case "lost":
      return lobby?.state === "open" ? dropLost(lobby, event, now) : unchanged(lobby);
    case "moved":
      return lobby?.state === "open" ? move(lobby, event, now) : unchanged(lobby);
    case "heartbeat":
      return lobby === null ? unchanged(lobby) : recordHeartbeat(lobby, event, now);
    case "silent":
      return lobby === null ? unchanged(lobby) : setSilent(lobby, event, now);
    case "disconnected":
      return lobby?.state === "open" ? dropDisconnected(lobby, event, now) : unchanged(lobby);
    case "sidecar_away":
      return lobby === null ? unchanged(lobby) : setAway(lobby, (m) => m.source?.sidecar === event.sidecar, now, now);
    case "sidecar_back":
      return lobby === null ? unchanged(lobby) : setAway(lobby, (m) => m.source?.sidecar === event.sidecar, null, now);
    case "patch":
      return ifOpen(lobby, (open) => patch(open, event, now));
    case "publish":
      return ifOpen(lobby, (open) => publish(open, event, now));
    case "update_member":
      return ifOpen(lobby, (open) => updateMember(open, event, now));
    case "close":
      return lobby === null ? refuse(lobby, "lobby_not_found") : close(lobby, event);
    case "transfer_host":
      return ifOpen(lobby, (open) => transferHost(open, event, now));
    case "admit":
      return ifOpen(lobby, (open) => admit(open, event, now));
    case "deny":
      return ifOpen(lobby, (open) => deny(open, event, now));
    case "chat":
      return ifOpen(lobby, (open) => chat(open, event));
    case "signal":
      return ifOpen(lobby, (open) => signal(open, event));
    case "tick":
      return unchanged(lobby);
  }
}

/** The lobby of a stored row, whichever version wrote it: fields that the version did not know take their defaults. */
export function restored(row: Stored): Lobby {
  if (isComplete(row)) return row;
  const {
    version,
    revision = 0,
    title = null,
    lock = null,
    succession = DEFAULT_SETTINGS.host_policy,
    barred = [],
    deposed = [],
    members,
    applicants = [],
    ...known
  } = row;
  // The first version counted changes in `version`; later ones store the game's version there.
  const counted = typeof version === "number" ? { revision: version, version: null } : { revision, version };
  return {
    ...DEFAULT_SETTINGS,
    display_name: title,
    password_digest: lock,
    host_policy: succession,
    banned: barred,
    former_hosts: deposed,
    vacant_since: null,
    code: null,
    client_ref: null,
    ...known,
    members: members.map(withDisplayName),
    applicants: applicants.map(withDisplayName),
    ...counted,
  };
}

/** The fields that the first version did not know. */
const NEWER = [
  ...Object.keys(DEFAULT_SETTINGS).filter((name) => name !== "version"),
  "applicants",
  "password_digest",
  "banned",
  "former_hosts",
  "vacant_since",
  "code",
  "client_ref",
  "revision",
];

/** A row of this version needs no defaults. Copying would take longer than parsing it. */
const isComplete = (row: Stored): row is Stored & Lobby =>
  typeof row.version !== "number" &&
  NEWER.every((name) => name in row) &&
  ![...row.members, ...row.applicants!].some((person) => "title" in person);

const withDisplayName = <T extends { readonly display_name?: string }>({ title, ...rest }: T & Titled): T =>
  (title === undefined ? rest : { ...rest, display_name: title }) as T;

/** Version 0.1.0 stored the display name as `title`. */
type Titled = { readonly title?: string };
type Stored = Omit<Lobby, "version" | "members" | "applicants" | Newer> &
  Partial<Pick<Lobby, Exclude<Newer, "applicants">>> & {
    readonly version: Lobby["version"] | number;
    readonly members: readonly (Member & Titled)[];
    readonly applicants?: readonly (Applicant & Titled)[];
    readonly title?: string | null;
    readonly lock?: string | null;
    readonly succession?: Lobby["host_policy"];
    readonly barred?: Lobby["banned"];
    readonly deposed?: Lobby["former_hosts"];
  };
type Newer =
  | Exclude<keyof Settings, "version">
  | "applicants"
  | "password_digest"
  | "banned"
  | "former_hosts"
  | "vacant_since"
  | "code"
  | "client_ref"
  | "revision";
