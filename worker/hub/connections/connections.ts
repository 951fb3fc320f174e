/**
 * The connections of a hub (shared/connect/connection.ts): requests, introductions, relays, events to the two members,
 * and outcomes. They are stored in connection-table.ts.
 */
import type { ConnectionView, ConnectionEvent, OutcomeReport, RelayView } from "#shared/connect/schema.ts";
import type { Stats } from "#shared/api/service.ts";
import * as step from "#shared/connect/connection.ts";
import type { Connection, End } from "#shared/connect/connection.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import { FAILURES, type FailureReason } from "#shared/connect/failures.ts";
import {
  introduce,
  type ReachedParty,
  type VerifiedReach,
  verdictOf,
  punchInstructions,
} from "#shared/connect/introduction.ts";
import { CONNECTIONS_LISTED_MAX, CONNECTIONS_PER_PEER_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import { isMember } from "#shared/api/views.ts";
import { resolveConsent, hidesAddresses, refusalForNonMember } from "./consent.ts";
import { ConnectionTable } from "./connection-table.ts";
import type { LobbyChange } from "../change-listener.ts";
import { randomKey, randomId } from "../../auth/random.ts";
import type { RelayPair, RelayFailure, RelayAllocator } from "./relay-allocator.ts";
import { OutcomeStats } from "./outcome-stats.ts";
import type { Store } from "../store.ts";
import type { ConnectionRequest, Outcome } from "../../rpc.ts";

/** What connections need of their hub. */
export type ConnectionsHost = {
  readonly shard: number;
  readonly lobby: (id: string) => Lobby | undefined;
  /** Whether a member subscribes to this lobby at this hub; `send` reaches it there. */
  readonly isSubscribed: (lobby: string, peer: string) => boolean;
  readonly send: (lobby: string, peer: string, text: string) => void;
  /** The deadline may have changed. */
  readonly scheduleAlarm: () => void;
};

type EventData = {
  readonly [T in ConnectionEvent["type"]]: Omit<Extract<ConnectionEvent, { type: T }>["data"], keyof ConnectionRef>;
};
type ConnectionRef = Pick<ConnectionView, "connection_id" | "lobby_id" | "peer_id">;

export class Connections {
  readonly #host: ConnectionsHost;
  readonly #relays: RelayAllocator;
  readonly #stats: OutcomeStats;
  readonly #table: ConnectionTable;
  readonly #relay_waiters = new Map<string, ((given: RelayPair | RelayFailure) => void)[]>();
  /** No connection expires before this (ms). */
  #due_at = Infinity;

  constructor(around: ConnectionsHost, store: Store, relays: RelayAllocator) {
    this.#host = around;
    this.#relays = relays;
    this.#stats = new OutcomeStats(store);
    this.#table = new ConnectionTable(store);
    for (const connection of this.#table.all()) this.#trackDeadline(connection);
  }

  // --- requests of the two members -----------------------------------------------------------------------------------

  /** One member requests a connection to another. If the other has already requested one, this accepts it. */
  request(
    lobby: string,
    asker: string,
    { peer, reach, relay, invited }: ConnectionRequest,
    now: number,
  ): Outcome<ConnectionView> {
    const asked = resolveConsent(this.#host.lobby(lobby), asker, { peer, invited });
    if ("refused" in asked && asked.refused !== "ticket_invalid") return asked;
    const known = this.#current(this.#table.ofPair(lobby, asker, peer), now);
    if (known !== undefined && isOpen(known)) {
      const wants_relay = known.wants_relay || relay;
      return this.#accept({ ...known, wants_relay }, step.endOf(known, asker)!, reach, now);
    }
    if (known?.failure?.reason === "remote_denied" && known.parties[0].peer === asker) {
      return { refused: "connection_denied", retry_after_s: Math.ceil((known.due_at - now) / 1_000) };
    }
    if ("refused" in asked) return asked;
    const { consent } = asked;
    const begun = this.#table
      .ofPeer(asker)
      .filter(({ state, parties }) => state !== "over" && parties[0].peer === asker);
    if (begun.length >= CONNECTIONS_PER_PEER_MAX) return { refused: "quota_exceeded" };
    if (known !== undefined) this.#forget(known, now);
    const inTheWay = this.#table.evictionCandidate();
    if (inTheWay === "full") return { refused: "hub_unavailable" };
    if (inTheWay !== null) this.#forget(inTheWay, now);
    const id = lobbyId(this.#host.shard, randomId());
    const opened = step.newConnection({ id, lobby, consent, wants_relay: relay, asker, asked: peer }, now);
    const next = reach === null ? opened : step.agree(opened, 0, reach, now);
    this.#put(next);
    this.#send(next, 1, "connect.requested", { consent, expires_in_ms: next.due_at - now });
    return { value: step.connectionView(next, 0, now) };
  }

  /** One of the two accepts, or updates its reach. */
  accept(id: string, peer: string, reach: VerifiedReach | null, now: number): Outcome<ConnectionView> {
    const found = this.#find(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (isOpen(connection)) return this.#accept(connection, end, reach, now);
    // Accepting twice has no further effect.
    return connection.state === "introduced"
      ? { value: step.connectionView(connection, end, now) }
      : { refused: "connection_over" };
  }

  /** Declines or withdraws a connection. Ended connections stay as they are. */
  decline(id: string, peer: string, now: number): Outcome<null> {
    const found = this.#find(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (isOpen(connection)) {
      const reason = end === 0 ? "remote_withdrew" : "remote_denied";
      this.#fail(connection, reason, peer, FAILURES[reason].message, now);
    } else if (connection.state === "introduced") this.#settle(connection, now);
    return { value: null };
  }

  report(id: string, peer: string, outcome: OutcomeReport, now: number): Outcome<null> {
    const found = this.#find(id, peer, now);
    if ("refused" in found) return found;
    if (found.connection.state !== "introduced") {
      return { refused: isOpen(found.connection) ? "not_introduced" : "connection_over" };
    }
    const next = step.recordOutcome(found.connection, found.end, outcome, now);
    this.#put(next);
    if (next.state === "over") this.#settle(next, now);
    return { value: null };
  }

  read(id: string, peer: string, now: number): Outcome<ConnectionView> {
    const found = this.#find(id, peer, now);
    return "refused" in found ? found : { value: step.connectionView(found.connection, found.end, now) };
  }

  /** The connections of a member in one lobby, the newest first. */
  list(lobby: string, peer: string, now: number): Outcome<ConnectionView[]> {
    const refused = refusalForNonMember(this.#host.lobby(lobby), peer);
    if (refused !== null) return { refused };
    const known = this.#table.ofPeer(peer).flatMap((connection) => this.#current(connection, now) ?? []);
    const mine = known.filter((connection) => connection.lobby === lobby).toReversed();
    const views = mine.map((connection) => step.connectionView(connection, step.endOf(connection, peer)!, now));
    return { value: views.slice(0, CONNECTIONS_LISTED_MAX) };
  }

  /** Allocates a relay for an introduced pair. The other peer gets its half by an event. */
  relay(id: string, lobby: string, peer: string, now: number): Outcome<Promise<Outcome<RelayView>>> {
    const found = this.#find(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (connection.lobby !== lobby) return { refused: "connection_not_found" };
    if (isOpen(connection)) return { refused: "not_introduced" };
    if (connection.failure !== null) return { refused: "connection_over" };
    if (connection.relay !== null && Date.parse(connection.relay[end].expires_at) > now) {
      return { value: Promise.resolve({ value: connection.relay[end] }) };
    }
    return {
      value: new Promise((resolve) => {
        const given = (grant: RelayPair | RelayFailure): void => {
          if (typeof grant !== "string") resolve({ value: grant[end] });
          else resolve({ refused: grant === "exhausted" ? "relay_budget_exhausted" : "relay_unavailable" });
        };
        this.#relay_waiters.set(id, [...(this.#relay_waiters.get(id) ?? []), given]);
        if (!this.#relays.isPending(id)) this.#allocateRelay(connection, now);
      }),
    };
  }

  /** The public statistics of outcomes. */
  publicStats(): Stats["connections"] {
    return this.#stats.outcomes.published();
  }

  // --- changes and deadlines -----------------------------------------------------------------------------------------

  /** Fails the open connections of members that left. */
  publish(_: unknown, changes: readonly LobbyChange[], now: number): void {
    for (const { old, next } of changes) {
      if (old === null || old.members === next?.members) continue;
      for (const connection of this.#table.ofLobby(old.id).filter(isOpen)) {
        const gone = connection.parties.find(({ peer }) => next === null || !isMember(next, peer));
        const by = next === null ? null : gone?.peer;
        if (by !== undefined) this.#fail(connection, "remote_left", by, FAILURES.remote_left.message, now);
      }
    }
  }

  tick(now: number): void {
    this.#relays.tick(now);
    this.#due_at = Infinity;
    for (const connection of this.#table.all()) {
      const next = this.#current(connection, now);
      if (next !== undefined) this.#trackDeadline(next);
    }
    this.#stats.tick(now);
  }

  deadline(): number {
    return Math.min(this.#due_at, this.#relays.deadline(), this.#stats.deadline());
  }

  // ---------------------------------------------------------------------------------------------------------------

  #accept(connection: Connection, end: End, reach: VerifiedReach | null, now: number): Outcome<ConnectionView> {
    const next = step.agree(connection, end, reach, now);
    this.#put(next);
    if (step.isReady(next, now)) return { value: step.connectionView(this.#introduce(next, now), end, now) };
    if (next.state === "gathering" && (connection.state === "waiting" || reach !== null)) {
      for (const other of [0, 1] as const) {
        if (step.isStale(next.parties[other], now)) this.#send(next, other, "connect.accepted", {});
      }
    }
    return { value: step.connectionView(next, end, now) };
  }

  #introduce(connection: Connection, now: number): Connection {
    const lobby = this.#host.lobby(connection.lobby)!;
    const present = connection.parties.map(({ peer, reach, reached_at }): ReachedParty => ({
      reach: reach!,
      reached_at,
      listens: this.#host.isSubscribed(connection.lobby, peer),
    })) as [ReachedParty, ReachedParty];
    const relay_only = hidesAddresses(
      lobby,
      connection.parties.map(({ peer }) => peer),
    );
    const circumstances = { key: randomKey(), relay_only, outcomes: this.#stats.outcomes.known };
    const introduction = introduce(present, circumstances, now);
    this.#stats.begin(connection.id, introduction, present, now);
    const next = step.setIntroduced(connection, introduction, now);
    this.#put(next);
    for (const end of [0, 1] as const) {
      const punch = punchInstructions(introduction, end, now);
      if (punch !== null) this.#send(next, end, "connect.punch", punch);
    }
    if (introduction.plans === null || connection.wants_relay) this.#allocateRelay(next, now);
    return this.#table.get(next.id)!;
  }

  #allocateRelay(connection: Connection, now: number): void {
    const { id, parties } = connection;
    const [a, b] = parties.map(({ peer, spoken }) => {
      const six = spoken.length > 0 && !spoken.some(isIPv4);
      return { peer, ...(six && { family: "v6" as const }) };
    });
    const order = { id, sides: [a!, b!], reachable: [parties[0].spoken, parties[1].spoken] } as const;
    this.#relays.allocate(order, now, {
      done: (given) => this.#onRelay(id, given, Date.now()),
      ended: () => {
        const held = this.#table.get(id);
        if (held !== undefined) this.#put({ ...held, relay: null });
      },
    });
  }

  #onRelay(id: string, given: RelayPair | RelayFailure, now: number): void {
    const connection = this.#table.get(id);
    const waiting = this.#relay_waiters.get(id) ?? [];
    this.#relay_waiters.delete(id);
    if (connection !== undefined && typeof given !== "string") {
      const next = step.setRelay(connection, given, now);
      this.#put(next);
      const { introduction } = next;
      for (const end of [0, 1] as const) {
        const more = introduction === null ? {} : verdictOf(introduction, end);
        this.#send(next, end, "connect.relay", { relay: given[end], ...more });
      }
    } else if (connection?.introduction?.verdict === "relay") {
      const reason = given === "exhausted" ? "misc_relay_exhausted" : "misc_relay_unavailable";
      this.#fail(connection, reason, null, connection.introduction.reason, now);
    }
    for (const resolve of waiting) resolve(given);
    this.#host.scheduleAlarm();
  }

  #fail(connection: Connection, reason: FailureReason, by: string | null, debug: string, now: number): void {
    const next = step.fail(connection, { reason, by, debug }, now);
    this.#put(next);
    const { state } = next.failure!;
    for (const end of [0, 1] as const) {
      // The peer that caused it knows.
      if (next.parties[end].peer === by) continue;
      this.#send(next, end, "connect.failed", { reason, code: FAILURES[reason].code, state, debug });
    }
  }

  /** Ends a connection and counts its outcome once. */
  #settle(connection: Connection, now: number): void {
    if (connection.state !== "over") this.#put(step.finish(connection, now));
    this.#stats.end(connection, now);
  }

  #expire(connection: Connection, now: number): void {
    if (connection.due_at > now) return;
    if (connection.state === "over") return this.#forget(connection, now);
    if (connection.state === "introduced") return this.#settle(connection, now);
    const late = connection.parties.find((party) => !party.agreed || step.isStale(party, now));
    this.#fail(connection, "remote_timeout", null, `no answer of ${late?.peer ?? "either"}`, now);
  }

  #send<T extends ConnectionEvent["type"]>(connection: Connection, end: End, type: T, data: EventData[T]): void {
    const { id, lobby, parties } = connection;
    const whose: ConnectionRef = { connection_id: id, lobby_id: lobby, peer_id: parties[1 - end]!.peer };
    this.#host.send(lobby, parties[end].peer, JSON.stringify({ type, data: { ...whose, ...data } }));
  }

  /** The connection after expiry is applied. */
  #current(connection: Connection | undefined, now: number): Connection | undefined {
    if (connection === undefined) return undefined;
    this.#expire(connection, now);
    return this.#table.get(connection.id);
  }

  /** The connection, if the peer is one of its two. Other peers must not learn that it exists. */
  #find(
    id: string,
    peer: string,
    now: number,
  ): { readonly connection: Connection; readonly end: End } | { readonly refused: "connection_not_found" } {
    const connection = this.#current(this.#table.get(id), now);
    const end = connection === undefined ? null : step.endOf(connection, peer);
    return end === null ? { refused: "connection_not_found" } : { connection: connection!, end };
  }

  #put(connection: Connection): void {
    this.#table.put(connection);
    this.#trackDeadline(connection);
  }

  #trackDeadline(connection: Connection): void {
    if (isOpen(connection)) this.#due_at = Math.min(this.#due_at, connection.due_at);
  }

  #forget(connection: Connection, now: number): void {
    if (connection.state === "introduced") this.#settle(connection, now);
    this.#table.forget(connection);
    this.#relays.forget(connection.id);
    for (const resolve of this.#relay_waiters.get(connection.id) ?? []) resolve("unavailable");
    this.#relay_waiters.delete(connection.id);
  }
}

const isOpen = ({ state }: Connection): boolean => state === "waiting" || state === "gathering";
