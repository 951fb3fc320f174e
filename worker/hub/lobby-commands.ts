/**
 * Lobbies made over HTTP, as far as a hub decides about them without rows or clock: which lobby is meant, whether the
 * peer may have one more, and what a step made of it. The Worker has proved who the peer is.
 */
import type { LobbyView } from "#shared/api/lobbies.ts";
import { APPLICANT_MS, LOBBIES_PER_HUB_MAX, LOBBIES_PER_PEER_MAX, SEATS_PER_PEER_MAX } from "#shared/limits.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { CODES, joinCode } from "#shared/lobby/ids.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import { isMember, viewOf } from "#shared/api/views.ts";
import type { LobbyIndex, LobbyTransaction } from "./lobby-index.ts";

/** How a request names a lobby: by its id, its join code, or the key under which whoever comes first hosts it. */
export type Target = { readonly id: string } | { readonly code: string } | { readonly key: string };

/** What somebody's request made of a lobby, as he may see it. */
export type Entry = {
  readonly id: string;
  readonly at: number;
  /** Null where it is over, or not his to see. */
  readonly view: LobbyView | null;
  /** He is a member and was none before. */
  readonly fresh: boolean;
  /** Until when he waits for the host to admit him, or null. */
  readonly waits_until: number | null;
};

export function entryOf(
  id: string,
  before: Lobby | undefined,
  after: Lobby | undefined,
  by: string,
  now: number,
): Entry {
  const inside = after !== undefined && isMember(after, by);
  const applicant = inside ? undefined : after?.applicants.find(({ peer }) => peer === by);
  return {
    id,
    at: now,
    view: after === undefined ? null : viewOf(after, by),
    fresh: inside && !(before !== undefined && isMember(before, by)),
    waits_until: applicant === undefined ? null : applicant.asked_at + APPLICANT_MS,
  };
}

/** Natively a lobby's name is its id, or this of its key: one name space, in which neither can be the other. */
export const nameOfKey = (key: string): string => `key/${key}`;

export function find(base: LobbyIndex, target: Target): Lobby | undefined {
  if ("id" in target) return base.byId(target.id);
  if ("code" in target) return base.byCode(target.code);
  return base.byName("native", nameOfKey(target.key));
}

/** Who knows the key of a lobby is as good as who has its code: its host made both to be passed on. */
export function invited(target: Target, lobby: Lobby, event: Event): Event {
  return "key" in target && event.kind === "join" && lobby.code !== null ? { ...event, code: lobby.code } : event;
}

/** A join code that no lobby of the game has. */
export function freeCode(base: LobbyIndex, shard: number, shards: number): string {
  for (;;) {
    const [random] = crypto.getRandomValues(new Uint32Array(1));
    const code = joinCode(shard, shards, random! % CODES);
    if (base.byCode(code) === undefined) return code;
  }
}

/** Makes a lobby; one of the same host's with the same `client_ref` makes room for it. */
export function open(draft: LobbyTransaction, event: Event & { kind: "host" }): RefusalCode | null {
  const { base } = draft;
  const hosted = base.seatsOf(event.peer).filter(({ host }) => host === event.peer);
  const again = hosted.find(({ name }) => name === event.name);
  const replaced = hosted.filter(({ client_ref }) => client_ref !== null && client_ref === event.client_ref);
  if (again === undefined) {
    if (base.size - replaced.length >= LOBBIES_PER_HUB_MAX) return "hub_full";
    if (hosted.length - replaced.length >= LOBBIES_PER_PEER_MAX) return "quota_exceeded";
    for (const lobby of replaced) draft.applyTo(lobby, { kind: "close", by: null, reason: "replaced" });
  }
  return refusalOf(draft, () => draft.apply(event.wire, event.name, event));
}

/** What a peer does to a lobby. What he does there is also a sign of his life. */
export function act(draft: LobbyTransaction, lobby: Lobby, by: string, event: Event): RefusalCode | null {
  const inside = isMember(lobby, by);
  if (event.kind === "join") {
    if (!inside && draft.base.seatsOf(by).length >= SEATS_PER_PEER_MAX) return "quota_exceeded";
  } else {
    const known = inside || lobby.applicants.some(({ peer }) => peer === by);
    // Whoever may not know of a lobby does not learn of it by being refused.
    if (!known && lobby.visibility === "private") return "lobby_not_found";
    if (!inside && event.kind === "heard") return "not_member";
  }
  const refusal = refusalOf(draft, () => draft.applyTo(lobby, event));
  if (refusal === null && inside && event.kind !== "heard") {
    draft.applyTo(lobby, { kind: "heard", peer: by, source: null });
  }
  return refusal;
}

/** What whoever asked is refused by the tells of a step. */
export function refusalOf(draft: LobbyTransaction, apply: () => void): RefusalCode | null {
  const before = draft.tells.length;
  apply();
  for (const { tell } of draft.tells.slice(before)) {
    if (tell.to === "asker" && tell.notice.kind === "refused") return tell.notice.code;
  }
  return null;
}
