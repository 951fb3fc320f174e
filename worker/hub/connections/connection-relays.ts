/**
 * The relays of connections: every introduction brings one, if a sidecar has room, so that a pair has a path while its
 * punch goes on. A relay is carried over to the pair's next connection, and freed when both have a direct path.
 */
import * as step from "#shared/connect/connection.ts";
import type { Connection, End } from "#shared/connect/connection.ts";
import { verdictOf } from "#shared/connect/introduction.ts";
import type { RelayView } from "#shared/connect/schema.ts";
import { RELAY_LINGER_MS, RELAY_SPARE_PAUSE_MS } from "#shared/limits.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import { type Endpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { randomId } from "../../auth/random.ts";
import type { Outcome } from "../../rpc.ts";
import type { EventData } from "./connection-events.ts";
import type { ConnectionTable } from "./connection-table.ts";
import type { RelayAllocator, RelayFailure, RelayPair } from "./relay-allocator.ts";
import { RelayRequests } from "./relay-requests.ts";

export type ConnectionRelaysHost = {
  readonly shard: number;
  readonly put: (connection: Connection) => void;
  readonly send: (connection: Connection, end: End, data: EventData["connect.relay"]) => void;
  /** A relay was needed, and there is none. */
  readonly failed: (connection: Connection, result: RelayFailure, now: number) => void;
  /** The deadline may have changed. */
  readonly scheduleAlarm: () => void;
};

export class ConnectionRelays {
  readonly #host: ConnectionRelaysHost;
  readonly #table: ConnectionTable;
  readonly #requests: RelayRequests;
  /** Relays that neither peer needs any more, with the time at which they are freed. */
  readonly #releases = new Map<string, number>();
  #noSparesUntil = -Infinity;

  constructor(host: ConnectionRelaysHost, table: ConnectionTable, allocator: RelayAllocator) {
    this.#host = host;
    this.#table = table;
    this.#requests = new RelayRequests(allocator, {
      done: (id, result) => this.#onResult(id, result, Date.now()),
      ended: (id) => {
        const connection = table.ofRelay(id);
        if (connection !== undefined) host.put({ ...connection, relay: null });
      },
    });
  }

  /** Brings a relay to an introduction. */
  introduce(connection: Connection, now: number): void {
    this.#releases.delete(connection.relay_id);
    if (step.isRelayed(connection, now)) return this.#tell(connection);
    const isNeeded = connection.introduction?.plans === null || connection.wants_relay;
    const isSpare = this.#requests.isAvailable(now) && now >= this.#noSparesUntil;
    if (isNeeded || isSpare) this.#requests.allocate(connection, now);
  }

  /** One of the two needs a relay; `lost`: its end of the present one, if that no longer answers. */
  request(connection: Connection, end: End, lost: Endpoint | undefined, now: number): Promise<Outcome<RelayView>> {
    const { relay, relay_id } = connection;
    const isLost = relay !== null && lost !== undefined && sameEndpoint(relay[end], lost);
    if (relay !== null && step.isRelayed(connection, now) && !isLost) {
      this.#releases.delete(relay_id);
      return Promise.resolve({ value: relay[end] });
    }
    if (!isLost) {
      this.#host.put({ ...connection, wants_relay: true });
      return this.#requests.wait(connection, end, now);
    }
    const next = { ...connection, wants_relay: true, relay: null, relay_id: this.#newId() };
    this.#host.put(next);
    const result = this.#requests.wait(next, end, now, relay_id);
    this.#requests.release(relay_id);
    return result;
  }

  /** Both outcomes are known, or no longer awaited. */
  settle(connection: Connection, now: number): void {
    if (connection.relay !== null && step.needsNoRelay(connection))
      this.#releases.set(connection.relay_id, now + RELAY_LINGER_MS);
  }

  forget(id: string): void {
    this.#requests.forget(id);
  }

  /** The pair ended its connection. */
  release(id: string): void {
    this.#requests.release(id);
  }

  releaseLeft(lobby: string, isMember: (peer: string) => boolean): void {
    this.#requests.releaseLeft(lobby, isMember);
  }

  tick(now: number): void {
    this.#requests.tick(now);
    for (const [id, due_at] of this.#releases) {
      if (due_at > now) continue;
      this.#releases.delete(id);
      this.#requests.release(id);
      // The pair's next introduction gets another one, because this one may end at any time.
      const connection = this.#table.ofRelay(id);
      if (connection !== undefined) this.#host.put({ ...connection, relay: null, relay_id: this.#newId() });
    }
  }

  deadline(): number {
    return Math.min(this.#requests.deadline(), ...this.#releases.values());
  }

  #newId = (): string => lobbyId(this.#host.shard, randomId());

  #onResult(id: string, result: RelayPair | RelayFailure, now: number): void {
    const connection = this.#table.ofRelay(id);
    if (result === "exhausted") this.#noSparesUntil = now + RELAY_SPARE_PAUSE_MS;
    if (connection !== undefined && typeof result !== "string") {
      const next = step.setRelay(connection, result, now);
      this.#host.put(next);
      if (step.needsNoRelay(next) && !next.wants_relay) this.settle(next, now);
      else this.#tell(next);
    } else if (connection !== undefined && typeof result === "string") this.#host.failed(connection, result, now);
    this.#host.scheduleAlarm();
  }

  #tell(connection: Connection): void {
    const { introduction, relay } = connection;
    for (const end of [0, 1] as const) {
      const more = introduction === null ? {} : verdictOf(introduction, end);
      this.#host.send(connection, end, { relay: relay![end], ...more });
    }
  }
}
