/**
 * What a peer's request does to a lobby, as one unit of work: find the lobby, apply the event, commit, and describe the
 * result to the peer. Rules that need neither rows nor clock are in lobby-commands.ts.
 */
import { isMember } from "#shared/api/views.ts";
import type { SnapshotInfo } from "#shared/api/snapshots.ts";
import { CODE_RETRY_AFTER_S } from "#shared/limits.ts";
import { sourceOf } from "#shared/net/endpoint.ts";
import { type Summary, toSummary } from "#shared/listing/summary.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type {
  LobbyResult,
  LobbySelector,
  NorayListing,
  Outcome,
  PasswordCheck,
  Refused,
  SnapshotWrite,
} from "../rpc.ts";
import * as commands from "./lobby-commands.ts";
import type { LobbyTransaction } from "./lobby-index.ts";
import { listNorayHost, toListed } from "./noray-listing.ts";
import type { HubState } from "./state.ts";

export class LobbyService {
  readonly #state: HubState;

  constructor(state: HubState) {
    this.#state = state;
  }

  /** Creates the lobby of a `host` event, with a join code that leads to this shard. */
  create(
    subject: RateLimitSubject,
    event: Event & { kind: "host" },
    shard: number,
    shards: number,
    now: number,
  ): Outcome<LobbyResult> {
    const find = () => this.#state.lobbies.byName(event.wire, event.name);
    const coded = { ...event, ...networkOf(subject), code: commands.freeCode(this.#state.lobbies, shard, shards) };
    return this.#transact(event.peer, now, find, (draft) => commands.createLobby(draft, coded));
  }

  /** Applies an event to the lobby that the request names. */
  apply(subject: RateLimitSubject, selector: LobbySelector, event: Event, now: number): Outcome<LobbyResult> {
    const found = this.#find(subject, selector, event, now);
    return "refused" in found ? found : this.applyTo(found.lobby, subject.peer!, found.event, now);
  }

  /** Runs an event whose password is not derived yet, and commits nothing. A `target` of null creates a lobby. */
  checkPassword(
    subject: RateLimitSubject,
    target: LobbySelector | null,
    event: Event,
    now: number,
  ): Outcome<PasswordCheck> {
    const draft = this.#state.begin(now);
    if (event.kind === "host") {
      const refused = commands.createLobby(draft, event);
      return refused === null ? { value: { salt: event.id }, interim: true } : { refused };
    }
    const found = this.#find(subject, target!, event, now);
    if ("refused" in found) return found;
    const refused = commands.applyEvent(draft, found.lobby, subject.peer!, found.event);
    if (refused !== null && refused !== "password_mismatch") return { refused };
    return { value: { salt: refused === null && event.kind === "join" ? null : found.lobby.id }, interim: true };
  }

  /** The lobby that a request names, and the event as the core needs it. */
  #find(
    subject: RateLimitSubject,
    selector: LobbySelector,
    event: Event,
    now: number,
  ): { readonly lobby: Lobby; readonly event: Event } | Refused {
    const found = this.#lobbyOf(subject, selector, now);
    if ("refused" in found) return found;
    const located = event.kind === "join" ? this.#locate(event, subject, now) : event;
    return { lobby: found.value, event: commands.withInviteCode(selector, found.value, located) };
  }

  #lobbyOf(subject: RateLimitSubject, selector: LobbySelector, now: number): Outcome<Lobby> {
    const by_code = "code" in selector;
    if (by_code && !this.#state.guard.mayTryCode(subject, now)) {
      return { refused: "rate_limited", retry_after_s: CODE_RETRY_AFTER_S };
    }
    const lobby = commands.findLobby(this.#state.lobbies, selector);
    if (lobby !== undefined) return { value: lobby };
    if (by_code) this.#state.guard.countWrongCode(subject, now);
    return { refused: by_code ? "code_invalid" : "lobby_not_found" };
  }

  /** A lobby for a peer that was invited to it by code or key. A wrong join code counts as a guess. */
  preview(subject: RateLimitSubject, selector: LobbySelector, now: number): Outcome<Summary> {
    const found = this.#lobbyOf(subject, selector, now);
    return "refused" in found ? found : { value: toSummary(found.value) };
  }

  applyTo(lobby: Lobby, peer: string, event: Event, now: number): Outcome<LobbyResult> {
    const find = () => this.#state.lobbies.byId(lobby.id);
    return this.#transact(peer, now, find, (draft) => commands.applyEvent(draft, lobby, peer, event));
  }

  /** Stores a host's snapshot. It is also a sign of life. */
  putSnapshot(id: string, peer: string, write: SnapshotWrite, now: number): Outcome<SnapshotInfo> {
    const stored = this.#state.snapshots.put(this.#state.lobbies.byId(id), peer, write, now);
    if ("value" in stored) this.recordHeartbeat(peer, now);
    return stored;
  }

  /** A sign of life in every lobby of a peer whose socket is open. */
  recordHeartbeat(peer: string, now: number): void {
    const event = { kind: "heartbeat", peer, source: null } as const;
    for (const lobby of this.#state.lobbies.lobbiesOf(peer)) this.applyTo(lobby, peer, event, now);
  }

  listNorayHost(event: Event & { kind: "publish" }, now: number): Outcome<NorayListing> {
    const lobby = this.#state.lobbies.byName("noray", event.peer);
    if (lobby === undefined) return { refused: "lobby_not_found" };
    const draft = this.#state.begin(now);
    const refused = listNorayHost(draft, lobby, event, this.#state.sidecars);
    this.#state.commit(draft, new Map(), now);
    return refused === null ? toListed(lobby, this.#state.lobbies.byId(lobby.id)) : { refused };
  }

  /** Ends a lobby for an operator; false if there is none of this id. */
  close(id: string, now: number): boolean {
    const lobby = this.#state.lobbies.byId(id);
    if (lobby === undefined) return false;
    const draft = this.#state.begin(now);
    draft.applyTo(lobby, { kind: "close", by: null, reason: "banned" });
    this.#state.commit(draft, new Map(), now);
    return true;
  }

  /** The join with the peer's network, and whether operators banned a peer from there. */
  #locate(event: Event & { kind: "join" }, subject: RateLimitSubject, now: number): Event {
    const { network } = networkOf(subject);
    if (network === undefined) return event;
    return { ...event, network, ...(this.#state.guard.bans.isNear(network, now) && { near_ban: true }) };
  }

  /** Commits also if the peer's event is refused: the step may have expired other members. */
  #transact(
    peer: string,
    now: number,
    find: () => Lobby | undefined,
    work: (draft: LobbyTransaction) => RefusalCode | null,
  ): Outcome<LobbyResult> {
    const before = find();
    const draft = this.#state.begin(now);
    const refused = work(draft);
    if (refused === null && before !== undefined && isMember(before, peer)) {
      this.#state.presence.recordSign(before.id, peer, now);
    }
    this.#state.commit(draft, new Map(), now);
    if (refused !== null) return { refused };
    const after = find();
    return { value: commands.toResult((after ?? before)!.id, before, after, peer, now, this.#state.seatExpiresAt) };
  }
}

const networkOf = ({ source }: RateLimitSubject): { readonly network?: string } =>
  source === null ? {} : { network: sourceOf(source) };
