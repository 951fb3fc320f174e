/**
 * A lobby: a place to meet. This file is what it is and what happens to it; it is pure.
 *
 *     step(lobby | null, event, now) -> { lobby | null, tells }      what an event makes of it, and who is told what
 *     deadline(lobby)                -> when it next changes by itself, or null
 *
 * What each event does is in entering.ts, staying.ts, presiding.ts and ageing.ts, made of the parts in changes.ts.
 *
 * Nothing here knows a clock, dice, a socket or a wire. What differs between wires is data, a `Policy`. Every event
 * is idempotent, because UDP repeats itself: replayed, it changes nothing more. A step that changes nothing returns
 * the very lobby it was given, so `next !== lobby` says whether there is something to save.
 */
import type { Event, Lobby, Settings, Stepped } from "./lobby.ts";
import { deadline, expire } from "./expiry.ts";
import { isForged, mark, nothing, refuse, whenOpen } from "./transitions.ts";
import { admit, create, DEFAULTS, deny, hostAgain, join } from "./join.ts";
import { close, hand, kick, patch, publish, start } from "./host-actions.ts";
import { answer, chat, confirm, fallSilent, hear, leave, lose, move, present, signal } from "./member-actions.ts";

export { deadline };

export function step(given: Lobby | null, event: Event, now: number): Stepped {
  const aged = given === null ? nothing(null) : expire(given, now);
  const next = react(aged.lobby, event, now);
  return aged.tells.length === 0 ? next : { lobby: next.lobby, tells: [...aged.tells, ...next.tells] };
}

function react(lobby: Lobby | null, event: Event, now: number): Stepped {
  if (lobby !== null && "source" in event && event.source !== null && isForged(lobby, event.source, event))
    return nothing(lobby);
  switch (event.kind) {
    case "host":
      return lobby === null ? create(event, now) : hostAgain(lobby, event, now);
    case "join":
      return lobby === null ? refuse(lobby, "lobby_not_found") : join(lobby, event, now);
    case "leave":
      return whenOpen(lobby, (open) => leave(open, event, now));
    case "kick":
      return whenOpen(lobby, (open) => kick(open, event, now));
    case "start":
      return lobby?.state === "started" ? nothing(lobby) : whenOpen(lobby, (open) => start(open, event, now));
    case "confirm":
      return lobby?.state === "started" ? confirm(lobby, event, now) : refuse(lobby, "not_started");
    case "ask":
      return lobby === null ? refuse(lobby, "lobby_not_found") : answer(lobby, event, now);
    case "lost":
      return lobby?.state === "open" ? lose(lobby, event, now) : nothing(lobby);
    case "moved":
      return lobby?.state === "open" ? move(lobby, event, now) : nothing(lobby);
    case "heard":
      return lobby === null ? nothing(lobby) : hear(lobby, event, now);
    case "silent":
      return lobby === null ? nothing(lobby) : fallSilent(lobby, event, now);
    case "away":
      return lobby === null ? nothing(lobby) : mark(lobby, (m) => m.source?.sidecar === event.sidecar, now, now);
    case "back":
      return lobby === null ? nothing(lobby) : mark(lobby, (m) => m.source?.sidecar === event.sidecar, null, now);
    case "patch":
      return whenOpen(lobby, (open) => patch(open, event, now));
    case "publish":
      return whenOpen(lobby, (open) => publish(open, event, now));
    case "present":
      return whenOpen(lobby, (open) => present(open, event, now));
    case "close":
      return lobby === null ? refuse(lobby, "lobby_not_found") : close(lobby, event);
    case "hand":
      return whenOpen(lobby, (open) => hand(open, event, now));
    case "admit":
      return whenOpen(lobby, (open) => admit(open, event, now));
    case "deny":
      return whenOpen(lobby, (open) => deny(open, event, now));
    case "chat":
      return whenOpen(lobby, (open) => chat(open, event));
    case "signal":
      return whenOpen(lobby, (open) => signal(open, event));
    case "tick":
      return nothing(lobby);
  }
}

/** A row as it was stored, by whichever version of this house: what it did not know yet takes its default. */
export function restored(row: Stored): Lobby {
  const { version, revision = 0, ...known } = row;
  const counted = typeof version === "number" ? { revision: version, version: null } : { revision, version };
  const unknown = { applicants: [], vacant_since: null, deposed: [], code: null, client_ref: null };
  return { ...DEFAULTS, ...unknown, ...known, ...counted };
}

/** Before there were lobbies over HTTP, `version` counted the changes. */
type Stored = Omit<Lobby, "version" | Newer> &
  Partial<Pick<Lobby, Newer>> & { readonly version: Lobby["version"] | number };
type Newer =
  | Exclude<keyof Settings, "version">
  | ("applicants" | "vacant_since" | "deposed" | "code" | "client_ref" | "revision");
