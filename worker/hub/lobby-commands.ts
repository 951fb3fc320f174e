/**
 * The rules for lobbies over HTTP that need neither rows nor clock: which lobby a request means, quotas, and what the
 * peer sees of the result. The Worker has authenticated the peer.
 */
import { APPLICANT_MS, LOBBIES_PER_HUB_MAX, LOBBIES_PER_PEER_MAX, SEATS_PER_PEER_MAX } from "#shared/limits.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { CODES, joinCode } from "#shared/lobby/ids.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { LobbyView } from "#shared/api/lobbies.ts";
import { isMember, lobbyView } from "#shared/api/views.ts";
import type { LobbyIndex, LobbyTransaction } from "./lobby-index.ts";
import { type LobbyResult, type LobbySelector, nameOfKey } from "../rpc.ts";

export function toResult(
  id: string,
  before: Lobby | undefined,
  after: Lobby | undefined,
  by: string,
  now: number,
  seatExpiresAt: SeatExpiresAt,
): LobbyResult {
  const inside = after !== undefined && isMember(after, by);
  const applicant = inside ? undefined : after?.applicants.find(({ peer }) => peer === by);
  return {
    id,
    at: now,
    view: after === undefined ? null : readerView(after, by, seatExpiresAt),
    joined: inside && !(before !== undefined && isMember(before, by)),
    waits_until: applicant === undefined ? null : applicant.asked_at + APPLICANT_MS,
  };
}

/** When a member loses its seat without a sign of life (ms); null while its socket is open. */
export type SeatExpiresAt = (lobby: Lobby, peer: string) => number | null;

/** The lobby as the reader sees it; a member also sees how long it keeps its seat. */
export function readerView(lobby: Lobby, reader: string | null, seatExpiresAt: SeatExpiresAt): LobbyView | null {
  const view = lobbyView(lobby, reader);
  if (view === null || reader === null || !isMember(lobby, reader)) return view;
  const expires_at = seatExpiresAt(lobby, reader);
  return expires_at === null ? view : { ...view, seat_expires_at: new Date(expires_at).toISOString() };
}

export function findLobby(base: LobbyIndex, target: LobbySelector): Lobby | undefined {
  if ("id" in target) return base.byId(target.id);
  if ("code" in target) return base.byCode(target.code);
  return base.byName("native", nameOfKey(target.key));
}

/** A key invites like a join code: the host made both to be shared. */
export function withInviteCode(target: LobbySelector, lobby: Lobby, event: Event): Event {
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

/** Creates a lobby. A lobby of the same host with the same `client_ref` is replaced. */
export function createLobby(draft: LobbyTransaction, event: Event & { kind: "host" }): RefusalCode | null {
  const { base } = draft;
  const hosted = base.lobbiesOf(event.peer).filter(({ host }) => host === event.peer);
  const again = hosted.find(({ name }) => name === event.name);
  const replaced = hosted.filter(({ client_ref }) => client_ref !== null && client_ref === event.client_ref);
  if (again === undefined) {
    if (base.size - replaced.length >= LOBBIES_PER_HUB_MAX) return "hub_full";
    if (hosted.length - replaced.length >= LOBBIES_PER_PEER_MAX) return "quota_exceeded";
    for (const lobby of replaced) draft.applyTo(lobby, { kind: "close", by: null, reason: "replaced" });
  }
  return refusalFrom(draft, () => draft.apply(event.wire, event.name, event));
}

/** Applies a peer's event to a lobby. A member's event is also a sign of life. */
export function applyEvent(draft: LobbyTransaction, lobby: Lobby, by: string, event: Event): RefusalCode | null {
  const inside = isMember(lobby, by);
  if (event.kind === "join") {
    if (!inside && draft.base.lobbiesOf(by).length >= SEATS_PER_PEER_MAX) return "quota_exceeded";
  } else {
    const known = inside || lobby.applicants.some(({ peer }) => peer === by);
    // A refusal must not reveal that a private lobby exists.
    if (!known && lobby.visibility === "private") return "lobby_not_found";
    if (!inside && event.kind === "heartbeat") return "not_member";
  }
  const refusal = refusalFrom(draft, () => draft.applyTo(lobby, event));
  if (refusal === null && inside && event.kind !== "heartbeat") {
    draft.applyTo(lobby, { kind: "heartbeat", peer: by, source: null });
  }
  return refusal;
}

/** Runs a step and returns its refusal, if it has one. */
export function refusalFrom(draft: LobbyTransaction, apply: () => void): RefusalCode | null {
  const before = draft.notices.length;
  apply();
  for (const { notice: addressed } of draft.notices.slice(before)) {
    if (addressed.to === "requester" && addressed.notice.kind === "refused") return addressed.notice.code;
  }
  return null;
}
