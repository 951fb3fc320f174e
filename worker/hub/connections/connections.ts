/**
 * The connections of a hub (shared/connect/connection.ts): who may ask whom, when two are introduced, who is told what, and how
 * it ended. What is remembered of them is in connection-table.ts.
 */
import type { ConnectionView, Meeting, OutcomeSaid, RelayView } from "#shared/connect/schema.ts";
import type { Stats } from "#shared/api/service.ts";
import * as step from "#shared/connect/connection.ts";
import type { Connection, End } from "#shared/connect/connection.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import { FAILURES, type FailureReason } from "#shared/connect/failures.ts";
import { introduce, type Present, type Proved, verdictOf, punchingOf } from "#shared/connect/introduction.ts";
import { CONNECTIONS_LISTED_MAX, CONNECTIONS_PER_PEER_MAX } from "#shared/limits.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import { isMember } from "#shared/api/views.ts";
import { consentOf, hidesAddresses, strangerRefusal } from "./consent.ts";
import { ConnectionTable } from "./connection-table.ts";
import type { LobbyChange } from "../change-listener.ts";
import type { Outcome } from "../../http/hub-client.ts";
import { randomKey, randomText } from "../../auth/random.ts";
import type { Grant, NoGrant, Relays } from "./relay-allocator.ts";
import { Scores } from "./outcome-stats.ts";
import type { Store } from "../store.ts";

/** What connections need of their hub. */
export type Around = {
  readonly shard: number;
  readonly lobby: (id: string) => Lobby | undefined;
  /** Whether a member watches this lobby over a WebSocket here, and telling him there. */
  readonly listens: (lobby: string, peer: string) => boolean;
  readonly tell: (lobby: string, peer: string, text: string) => void;
  /** There may be something to be woken for. */
  readonly arm: () => void;
};

export type Asking = {
  readonly peer: string;
  readonly reach: Proved | null;
  readonly relay: boolean;
  /** He showed a ticket of the peer whom he asks. */
  readonly invited: boolean;
};

type Told = { readonly [T in Meeting["type"]]: Omit<Extract<Meeting, { type: T }>["data"], keyof Whose> };
type Whose = Pick<ConnectionView, "connection_id" | "lobby_id" | "peer_id">;

export class Connections {
  readonly #around: Around;
  readonly #relays: Relays;
  readonly #scores: Scores;
  readonly #table: ConnectionTable;
  readonly #awaiting = new Map<string, ((given: Grant | NoGrant) => void)[]>();
  /** Nothing fails by itself before this. */
  #due_at = Infinity;

  constructor(around: Around, store: Store, relays: Relays) {
    this.#around = around;
    this.#relays = relays;
    this.#scores = new Scores(store);
    this.#table = new ConnectionTable(store);
    for (const connection of this.#table.all()) this.#await(connection);
  }

  // --- what the two ask --------------------------------------------------------------------------------------------

  /** One member asks for another. Whoever is asked by whom he asks, accepts by that. */
  ask(lobby: string, asker: string, { peer, reach, relay, invited }: Asking, now: number): Outcome<ConnectionView> {
    const asked = consentOf(this.#around.lobby(lobby), asker, { peer, invited });
    if ("refused" in asked && asked.refused !== "ticket_invalid") return asked;
    const known = this.#fresh(this.#table.ofPair(lobby, asker, peer), now);
    if (known !== undefined && isOpen(known)) {
      const wants_relay = known.wants_relay || relay;
      return this.#agree({ ...known, wants_relay }, step.endOf(known, asker)!, reach, now);
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
    const inTheWay = this.#table.inTheWay();
    if (inTheWay === "full") return { refused: "hub_unavailable" };
    if (inTheWay !== null) this.#forget(inTheWay, now);
    const id = lobbyId(this.#around.shard, randomText());
    const opened = step.asking({ id, lobby, consent, wants_relay: relay, asker, asked: peer }, now);
    const next = reach === null ? opened : step.agree(opened, 0, reach, now);
    this.#put(next);
    this.#tell(next, 1, "connect.requested", { consent, expires_in_ms: next.due_at - now });
    return { value: step.viewOf(next, 0, now) };
  }

  /** One of the two agrees, or says anew where he is. */
  agree(id: string, peer: string, reach: Proved | null, now: number): Outcome<ConnectionView> {
    const found = this.#of(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (isOpen(connection)) return this.#agree(connection, end, reach, now);
    // Said twice it is heard once.
    return connection.state === "introduced"
      ? { value: step.viewOf(connection, end, now) }
      : { refused: "connection_over" };
  }

  /** He does not want it, or not any more. What is over stays as it was. */
  decline(id: string, peer: string, now: number): Outcome<null> {
    const found = this.#of(id, peer, now);
    if ("refused" in found) return found;
    const { connection, end } = found;
    if (isOpen(connection)) {
      const reason = end === 0 ? "remote_withdrew" : "remote_denied";
      this.#fail(connection, reason, peer, FAILURES[reason].says, now);
    } else if (connection.state === "introduced") this.#settle(connection, now);
    return { value: null };
  }

  report(id: string, peer: string, outcome: OutcomeSaid, now: number): Outcome<null> {
    const found = this.#of(id, peer, now);
    if ("refused" in found) return found;
    if (found.connection.state !== "introduced") {
      return { refused: isOpen(found.connection) ? "not_introduced" : "connection_over" };
    }
    const next = step.report(found.connection, found.end, outcome, now);
    this.#put(next);
    if (next.state === "over") this.#settle(next, now);
    return { value: null };
  }

  read(id: string, peer: string, now: number): Outcome<ConnectionView> {
    const found = this.#of(id, peer, now);
    return "refused" in found ? found : { value: step.viewOf(found.connection, found.end, now) };
  }

  /** What goes on between a member and others of his lobby, the newest first. */
  list(lobby: string, peer: string, now: number): Outcome<ConnectionView[]> {
    const refused = strangerRefusal(this.#around.lobby(lobby), peer);
    if (refused !== null) return { refused };
    const known = this.#table.ofPeer(peer).flatMap((connection) => this.#fresh(connection, now) ?? []);
    const mine = known.filter((connection) => connection.lobby === lobby).toReversed();
    const views = mine.map((connection) => step.viewOf(connection, step.endOf(connection, peer)!, now));
    return { value: views.slice(0, CONNECTIONS_LISTED_MAX) };
  }

  /** A relay for two who were introduced. The other one is told of his end. */
  relay(id: string, lobby: string, peer: string, now: number): Outcome<Promise<Outcome<RelayView>>> {
    const found = this.#of(id, peer, now);
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
        const given = (grant: Grant | NoGrant): void => {
          if (typeof grant !== "string") resolve({ value: grant[end] });
          else resolve({ refused: grant === "exhausted" ? "relay_budget_exhausted" : "relay_unavailable" });
        };
        this.#awaiting.set(id, [...(this.#awaiting.get(id) ?? []), given]);
        if (!this.#relays.isPending(id)) this.#order(connection, now);
      }),
    };
  }

  /** How tries ended, as far as everybody may know it. */
  shown(): Stats["connections"] {
    return this.#scores.outcomes.shown();
  }

  // --- what happens by itself --------------------------------------------------------------------------------------

  /** Who is no member any more is connected to nobody. */
  publish(_: unknown, changes: readonly LobbyChange[], now: number): void {
    for (const { old, next } of changes) {
      if (old === null || old.members === next?.members) continue;
      for (const connection of this.#table.ofLobby(old.id).filter(isOpen)) {
        const gone = connection.parties.find(({ peer }) => next === null || !isMember(next, peer));
        const by = next === null ? null : gone?.peer;
        if (by !== undefined) this.#fail(connection, "remote_left", by, FAILURES.remote_left.says, now);
      }
    }
  }

  tick(now: number): void {
    this.#relays.tick(now);
    this.#due_at = Infinity;
    for (const connection of this.#table.all()) {
      const next = this.#fresh(connection, now);
      if (next !== undefined) this.#await(next);
    }
    this.#scores.tick(now);
  }

  deadline(): number {
    return Math.min(this.#due_at, this.#relays.deadline(), this.#scores.deadline());
  }

  // ---------------------------------------------------------------------------------------------------------------

  #agree(connection: Connection, end: End, reach: Proved | null, now: number): Outcome<ConnectionView> {
    const next = step.agree(connection, end, reach, now);
    this.#put(next);
    if (step.isReady(next, now)) return { value: step.viewOf(this.#introduce(next, now), end, now) };
    if (next.state === "gathering" && (connection.state === "waiting" || reach !== null)) {
      for (const other of [0, 1] as const) {
        if (step.isStale(next.parties[other], now)) this.#tell(next, other, "connect.accepted", {});
      }
    }
    return { value: step.viewOf(next, end, now) };
  }

  #introduce(connection: Connection, now: number): Connection {
    const lobby = this.#around.lobby(connection.lobby)!;
    const present = connection.parties.map(({ peer, reach, reached_at }): Present => ({
      reach: reach!,
      reached_at,
      listens: this.#around.listens(connection.lobby, peer),
    })) as [Present, Present];
    const relay_only = hidesAddresses(
      lobby,
      connection.parties.map(({ peer }) => peer),
    );
    const circumstances = { key: randomKey(), relay_only, outcomes: this.#scores.outcomes.known };
    const introduction = introduce(present, circumstances, now);
    this.#scores.begin(connection.id, introduction, present, now);
    const next = step.introduced(connection, introduction, now);
    this.#put(next);
    for (const end of [0, 1] as const) {
      const punch = punchingOf(introduction, end, now);
      if (punch !== null) this.#tell(next, end, "connect.punch", punch);
    }
    if (introduction.plans === null || connection.wants_relay) this.#order(next, now);
    return this.#table.get(next.id)!;
  }

  #order(connection: Connection, now: number): void {
    const { id, parties } = connection;
    const [a, b] = parties.map(({ peer, spoken }) => {
      const six = spoken.length > 0 && !spoken.some(isIPv4);
      return { peer, ...(six && { family: "v6" as const }) };
    });
    const order = { id, sides: [a!, b!], spokenWith: [parties[0].spoken, parties[1].spoken] } as const;
    this.#relays.order(order, now, {
      done: (given) => this.#given(id, given, Date.now()),
      ended: () => {
        const held = this.#table.get(id);
        if (held !== undefined) this.#put({ ...held, relay: null });
      },
    });
  }

  #given(id: string, given: Grant | NoGrant, now: number): void {
    const connection = this.#table.get(id);
    const waiting = this.#awaiting.get(id) ?? [];
    this.#awaiting.delete(id);
    if (connection !== undefined && typeof given !== "string") {
      const next = step.relayed(connection, given, now);
      this.#put(next);
      const { introduction } = next;
      for (const end of [0, 1] as const) {
        const more = introduction === null ? {} : verdictOf(introduction, end);
        this.#tell(next, end, "connect.relay", { relay: given[end], ...more });
      }
    } else if (connection?.introduction?.verdict === "relay") {
      const reason = given === "exhausted" ? "misc_relay_exhausted" : "misc_relay_unavailable";
      this.#fail(connection, reason, null, connection.introduction.reason, now);
    }
    for (const resolve of waiting) resolve(given);
    this.#around.arm();
  }

  #fail(connection: Connection, reason: FailureReason, by: string | null, debug: string, now: number): void {
    const next = step.fail(connection, { reason, by, debug }, now);
    this.#put(next);
    const { state } = next.failure!;
    for (const end of [0, 1] as const) {
      // Whoever did it knows.
      if (next.parties[end].peer === by) continue;
      this.#tell(next, end, "connect.failed", { reason, code: FAILURES[reason].code, state, debug });
    }
  }

  /** How it ended counts once. */
  #settle(connection: Connection, now: number): void {
    if (connection.state !== "over") this.#put(step.over(connection, now));
    this.#scores.end(connection, now);
  }

  #expire(connection: Connection, now: number): void {
    if (connection.due_at > now) return;
    if (connection.state === "over") return this.#forget(connection, now);
    if (connection.state === "introduced") return this.#settle(connection, now);
    const late = connection.parties.find((party) => !party.agreed || step.isStale(party, now));
    this.#fail(connection, "remote_timeout", null, `no answer of ${late?.peer ?? "either"}`, now);
  }

  #tell<T extends Meeting["type"]>(connection: Connection, end: End, type: T, data: Told[T]): void {
    const { id, lobby, parties } = connection;
    const whose: Whose = { connection_id: id, lobby_id: lobby, peer_id: parties[1 - end]!.peer };
    this.#around.tell(lobby, parties[end].peer, JSON.stringify({ type, data: { ...whose, ...data } }));
  }

  /** As it is by now. */
  #fresh(connection: Connection | undefined, now: number): Connection | undefined {
    if (connection === undefined) return undefined;
    this.#expire(connection, now);
    return this.#table.get(connection.id);
  }

  /** The connection as one of its two knows it; nobody else learns that there is one. */
  #of(
    id: string,
    peer: string,
    now: number,
  ): { readonly connection: Connection; readonly end: End } | { readonly refused: "connection_not_found" } {
    const connection = this.#fresh(this.#table.get(id), now);
    const end = connection === undefined ? null : step.endOf(connection, peer);
    return end === null ? { refused: "connection_not_found" } : { connection: connection!, end };
  }

  #put(connection: Connection): void {
    this.#table.put(connection);
    this.#await(connection);
  }

  #await(connection: Connection): void {
    if (isOpen(connection)) this.#due_at = Math.min(this.#due_at, connection.due_at);
  }

  #forget(connection: Connection, now: number): void {
    if (connection.state === "introduced") this.#settle(connection, now);
    this.#table.forget(connection);
    this.#relays.forget(connection.id);
    for (const resolve of this.#awaiting.get(connection.id) ?? []) resolve("unavailable");
    this.#awaiting.delete(connection.id);
  }
}

const isOpen = ({ state }: Connection): boolean => state === "waiting" || state === "gathering";
