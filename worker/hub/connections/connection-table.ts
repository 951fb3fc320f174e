/**
 * The hub's connections, by id, pair, lobby and peer. They are in memory only, except those that wait for a user: a
 * user may take longer than the hub stays awake, so each has a row. Rows contain no keys and no addresses.
 */
import { newConnection, type Connection } from "#shared/connect/connection.ts";
import { CONNECTIONS_MAX } from "#shared/limits.ts";
import type { PendingConnection, Store } from "../store.ts";

export class ConnectionTable {
  readonly #store: Store;
  readonly #all = new Map<string, Connection>();
  /** The newest of each pair in a lobby; all of a lobby; all of a peer. */
  readonly #pairs = new Map<string, string>();
  readonly #lobbies = new Map<string, Set<string>>();
  readonly #peers = new Map<string, Set<string>>();
  /** The newest connection that has a relay, by the relay's id. */
  readonly #relays = new Map<string, string>();
  /** Ended connections, the oldest first. */
  readonly #ended = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
    for (const { at, ...asked } of store.pendingConnections())
      this.#put(newConnection({ ...asked, consent: "ask" }, at));
  }

  get(id: string): Connection | undefined {
    return this.#all.get(id);
  }

  all(): Iterable<Connection> {
    return this.#all.values();
  }

  ofPair(lobby: string, a: string, b: string): Connection | undefined {
    return this.#all.get(this.#pairs.get(pairKey(lobby, a, b)) ?? "");
  }

  ofRelay(relay_id: string): Connection | undefined {
    return this.#all.get(this.#relays.get(relay_id) ?? "");
  }

  ofLobby(lobby: string): Connection[] {
    return Array.from(this.#lobbies.get(lobby) ?? [], (id) => this.#all.get(id)!);
  }

  /** The oldest first. */
  ofPeer(peer: string): Connection[] {
    return Array.from(this.#peers.get(peer) ?? [], (id) => this.#all.get(id)!);
  }

  /** The ended connection to evict for a new one, null if there is room, or "full" if all are in progress. */
  evictionCandidate(): Connection | null | "full" {
    if (this.#all.size < CONNECTIONS_MAX) return null;
    const [oldest] = this.#ended;
    return oldest === undefined ? "full" : this.#all.get(oldest)!;
  }

  /** Inserts or updates a connection. */
  put(connection: Connection): void {
    const old = this.#all.get(connection.id);
    this.#put(connection);
    this.#saveRow(old, connection);
  }

  forget(connection: Connection): void {
    const { id, lobby, parties } = connection;
    const key = pairKey(lobby, parties[0].peer, parties[1].peer);
    this.#all.delete(id);
    this.#ended.delete(id);
    if (this.#pairs.get(key) === id) this.#pairs.delete(key);
    if (this.#relays.get(connection.relay_id) === id) this.#relays.delete(connection.relay_id);
    leave(this.#lobbies, lobby, id);
    for (const { peer } of parties) leave(this.#peers, peer, id);
    this.#saveRow(connection, undefined);
  }

  #put(connection: Connection): void {
    const { id, lobby, parties } = connection;
    if (!this.#all.has(id)) {
      this.#pairs.set(pairKey(lobby, parties[0].peer, parties[1].peer), id);
      enter(this.#lobbies, lobby, id);
      for (const { peer } of parties) enter(this.#peers, peer, id);
    }
    const known = this.#all.get(id);
    if (known !== undefined && known.relay_id !== connection.relay_id) this.#relays.delete(known.relay_id);
    this.#relays.set(connection.relay_id, id);
    this.#all.set(id, connection);
    if (connection.state === "over") this.#ended.add(id);
  }

  #saveRow(old: Connection | undefined, next: Connection | undefined): void {
    const [had, has] = [old, next].map((one) => one !== undefined && awaitsUser(one));
    if (had !== has) this.#store.savePendingConnection((next ?? old)!.id, has === true ? rowOf(next!) : null);
  }
}

const awaitsUser = ({ state, consent }: Connection): boolean => state === "waiting" && consent === "ask";

const rowOf = ({ id, lobby, parties, wants_relay, timeline }: Connection): PendingConnection => ({
  id,
  lobby,
  asker: parties[0].peer,
  asked: parties[1].peer,
  wants_relay,
  at: timeline[0]!.at,
});

const pairKey = (lobby: string, a: string, b: string): string => [lobby, ...[a, b].toSorted()].join(" ");

function enter(table: Map<string, Set<string>>, key: string, id: string): void {
  table.set(key, (table.get(key) ?? new Set()).add(id));
}

function leave(table: Map<string, Set<string>>, key: string, id: string): void {
  const ids = table.get(key);
  if (ids?.delete(id) === true && ids.size === 0) table.delete(key);
}
