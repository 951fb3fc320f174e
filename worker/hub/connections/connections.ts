/**
 * The connections of a hub (shared/connect/connection.ts): requests, introductions, relays, events to the two members,
 * and outcomes. They are stored in connection-table.ts.
 */
import type { ConnectionView, OutcomeReport, RelayView } from "#shared/connect/schema.ts";
import type { Connection, End } from "#shared/connect/connection.ts";
import * as step from "#shared/connect/connection.ts";
import { FAILURES, type FailureReason } from "#shared/connect/failures.ts";
import { punchInstructions, type VerifiedReach } from "#shared/connect/introduction.ts";
import type { PairStats } from "#shared/connect/outcomes.ts";
import { webrtcInstructions } from "#shared/connect/webrtc.ts";
import { CONNECTIONS_LISTED_MAX, CONNECTIONS_PER_PEER_MAX } from "#shared/limits.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import { isMember } from "#shared/api/views.ts";
import { forbidsRelay, refusalForNonMember, resolveConsent } from "./consent.ts";
import { connectionEvent, type EventData, requestOf } from "./connection-events.ts";
import type { ConnectionsHost } from "./connections-host.ts";
import { ConnectionTable } from "./connection-table.ts";
import type { LobbyChange } from "../change-listener.ts";
import { randomId } from "../../auth/random.ts";
import type { RelayFailure, RelayAllocator } from "./relay-allocator.ts";
import { ConnectionRelays, type ConnectionRelaysHost } from "./connection-relays.ts";
import { introduceMembers, isBrowser } from "./introduction.ts";
import { OutcomeStats } from "./outcome-stats.ts";
import { StandingReaches } from "./standing-reaches.ts";
import type { Store } from "../store.ts";
import type { ConnectParams, Outcome, RelayParams } from "../../rpc.ts";

type Found = { readonly connection: Connection; readonly end: End };

export class Connections {
  readonly #host: ConnectionsHost;
  readonly #relays: ConnectionRelays;
  readonly standing: StandingReaches;
  readonly #stats: OutcomeStats;
  readonly #table: ConnectionTable;
  /** No connection expires before this (ms). */
  #due_at = Infinity;

  constructor(host: ConnectionsHost, store: Store, relays: RelayAllocator) {
    this.#host = host;
    this.standing = new StandingReaches(host);
    this.#stats = new OutcomeStats(store);
    this.#table = new ConnectionTable(store);
    const relaysHost: ConnectionRelaysHost = {
      shard: host.shard,
      put: (connection) => this.#put(connection),
      send: (connection, end, data) => this.#send(connection, end, "connect.relay", data),
      failed: (connection, result, now) => this.#failWithoutRelay(connection, result, now),
      scheduleAlarm: () => host.scheduleAlarm(),
    };
    this.#relays = new ConnectionRelays(relaysHost, this.#table, relays);
    for (const connection of this.#table.all()) this.#trackDeadline(connection);
  }

  // --- requests of the two members -----------------------------------------------------------------------------------

  /** One member requests a connection to another. If the other has already requested one, this accepts it. */
  request(
    lobby: string,
    requester: string,
    { peer, reach, relay, invited }: ConnectParams,
    now: number,
  ): Outcome<ConnectionView> {
    const resolved = resolveConsent(this.#host.lobby(lobby), requester, { peer, invited });
    if ("refused" in resolved && resolved.refused !== "ticket_invalid") return resolved;
    const known = this.#current(this.#table.ofPair(lobby, requester, peer), now);
    // The socket of its standing reach is in use from now on.
    this.standing.drop(lobby, requester);
    if (known !== undefined && isOpen(known)) {
      const wants_relay = known.wants_relay || relay;
      return this.#accept({ ...known, wants_relay }, step.endOf(known, requester)!, reach, now);
    }
    if (known !== undefined && step.isRepeated(known, requester, reach, now))
      return { value: step.connectionView(known, step.endOf(known, requester)!, now) };
    if (known?.failure?.reason === "remote_denied" && known.parties[0].peer === requester) {
      return { refused: "connection_denied", retry_after_s: Math.ceil((known.due_at - now) / 1_000) };
    }
    if ("refused" in resolved) return resolved;
    const requested = this.#table
      .ofPeer(requester)
      .filter(({ state, parties }) => state !== "over" && parties[0].peer === requester);
    if (requested.length >= CONNECTIONS_PER_PEER_MAX) return { refused: "quota_exceeded" };
    const relayed = known !== undefined && step.keepsRelay(known, reach, now) ? known : undefined;
    if (known !== undefined) this.#forget(known, now, relayed !== undefined);
    const evicted = this.#table.evictionCandidate();
    if (evicted === "full") return { refused: "hub_unavailable" };
    if (evicted !== null) this.#forget(evicted, now);
    const id = lobbyId(this.#host.shard, randomId());
    const members = { asker: requester, asked: peer, consent: resolved.consent };
    const opened = step.newConnection({ id, lobby, wants_relay: relay, relayed, ...members }, now);
    const next = this.standing.agree(reach === null ? opened : step.agree(opened, 0, reach, now), now);
    this.#put(next);
    if (step.isReady(next, now)) return { value: step.connectionView(this.#introduce(next, now), 0, now) };
    this.#send(next, 1, "connect.requested", requestOf(next, now));
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
    if (isOpen(connection)) this.#fail(connection, end === 0 ? "remote_withdrew" : "remote_denied", peer, now);
    else if (connection.state === "introduced") this.#settle(connection, now);
    this.#relays.release(connection.relay_id);
    return { value: null };
  }

  report(id: string, peer: string, outcome: OutcomeReport, now: number): Outcome<null> {
    const found = this.#find(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (connection.state !== "introduced") {
      return { refused: isOpen(connection) ? "not_introduced" : "connection_over" };
    }
    const next = step.recordOutcome(connection, end, outcome, now);
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
    const in_lobby = known.filter((connection) => connection.lobby === lobby).toReversed();
    const listed = in_lobby.slice(0, CONNECTIONS_LISTED_MAX);
    return { value: listed.map((connection) => step.connectionView(connection, step.endOf(connection, peer)!, now)) };
  }

  /** The relay of an introduced pair, or a new one. The other peer gets its half by an event. */
  relay({ id, lobby, lost }: RelayParams, peer: string, now: number): Outcome<Promise<Outcome<RelayView>>> {
    const found = this.#find(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (connection.lobby !== lobby) return { refused: "connection_not_found" };
    if (isOpen(connection)) return { refused: "not_introduced" };
    if (connection.failure !== null) return { refused: "connection_over" };
    if (forbidsRelay(this.#host.lobby(lobby), connection)) return { refused: "relay_forbidden" };
    return { value: this.#relays.request(connection, end, lost, now) };
  }

  publicStats(): PairStats[] {
    return this.#stats.outcomes.published();
  }

  // --- changes and deadlines -----------------------------------------------------------------------------------------

  /** Fails the open connections of members that left. */
  publish(_: unknown, changes: readonly LobbyChange[], now: number): void {
    for (const { old, next } of changes) {
      if (old === null || old.members === next?.members) continue;
      this.#relays.releaseLeft(old.id, (peer) => next !== null && isMember(next, peer));
      for (const connection of this.#table.ofLobby(old.id).filter(isOpen)) {
        const left = connection.parties.find(({ peer }) => next === null || !isMember(next, peer));
        const by = next === null ? null : left?.peer;
        if (by !== undefined) this.#fail(connection, "remote_left", by, now);
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

  #accept(connection: Connection, end: End, reach: VerifiedReach | null, now: number): Outcome<ConnectionView> {
    const next = step.agree(connection, end, reach, now);
    this.#put(next);
    this.standing.drop(connection.lobby, connection.parties[end].peer);
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
    const [a, b] = connection.parties;
    if (isBrowser(a) !== isBrowser(b)) return this.#fail(connection, "misc_no_common_path", null, now);
    const isSubscribed = (peer: string): boolean => this.#host.isSubscribed(lobby.id, peer);
    const introduction = introduceMembers(connection, lobby, isSubscribed, this.#stats, now);
    const next = step.setIntroduced(connection, introduction, now);
    this.#put(next);
    // A member with a standing reach learns of the connection by its plan. Without one it only gets a relay.
    if (introduction.plans === null && introduction.used[1].isStanding)
      this.#send(next, 1, "connect.requested", requestOf(next, now));
    for (const end of [0, 1] as const) {
      const punch = punchInstructions(introduction, end, now);
      if (punch !== null) this.#send(next, end, "connect.punch", punch);
      const webrtc = webrtcInstructions(introduction, end);
      if (webrtc !== null) this.#send(next, end, "connect.webrtc", webrtc);
    }
    if (introduction.webrtc !== null) return next;
    if (!forbidsRelay(lobby, next)) this.#relays.introduce(next, now);
    else if (introduction.plans === null) this.#fail(next, "misc_nat_firewall", null, now);
    return this.#table.get(next.id)!;
  }

  /** A punch can still succeed without a relay. */
  #failWithoutRelay(connection: Connection, result: RelayFailure, now: number): void {
    if (connection.introduction?.verdict !== "relay") return;
    const reason = result === "exhausted" ? "misc_relay_exhausted" : "misc_relay_unavailable";
    this.#fail(connection, reason, null, now, connection.introduction.reason);
  }

  #fail(connection: Connection, reason: FailureReason, by: string | null, now: number, message?: string): Connection {
    const next = step.fail(connection, { reason, by, message: message ?? FAILURES[reason].message }, now);
    this.#put(next);
    for (const end of [0, 1] as const) {
      // The peer that caused it knows.
      if (next.parties[end].peer === by) continue;
      this.#send(next, end, "connect.failed", { code: FAILURES[reason].code, ...next.failure! });
    }
    return next;
  }

  /** Ends a connection and counts its outcome once. */
  #settle(connection: Connection, now: number): void {
    if (connection.state !== "over") this.#put(step.finish(connection, now));
    this.#stats.end(connection, now);
    this.#relays.settle(connection, now);
  }

  #expire(connection: Connection, now: number): void {
    if (connection.due_at > now) return;
    // A relay can be found and replaced while it lasts.
    if (connection.state === "over" && step.isRelayed(connection, now)) return;
    if (connection.state === "over") return this.#forget(connection, now);
    if (connection.state === "introduced") return this.#settle(connection, now);
    const late = connection.parties.find((party) => !party.agreed || step.isStale(party, now));
    this.#fail(connection, "remote_timeout", null, now, `No response from ${late?.peer ?? "either peer"}.`);
  }

  #send<T extends keyof EventData>(connection: Connection, end: End, type: T, data: EventData[T]): void {
    this.#host.send(connection.lobby, connection.parties[end].peer, connectionEvent(connection, end, type, data));
  }

  /** The connection after expiry is applied. */
  #current(connection: Connection | undefined, now: number): Connection | undefined {
    if (connection === undefined) return undefined;
    this.#expire(connection, now);
    return this.#table.get(connection.id);
  }

  /** The connection, if the peer is one of its two. Other peers must not learn that it exists. */
  #find(id: string, peer: string, now: number): Found | { readonly refused: "connection_not_found" } {
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

  #forget(connection: Connection, now: number, keepsRelay = false): void {
    if (connection.state === "introduced") this.#settle(connection, now);
    this.#table.forget(connection);
    if (!keepsRelay) this.#relays.forget(connection.relay_id);
  }
}

const isOpen = ({ state }: Connection): boolean => state === "waiting" || state === "gathering";
