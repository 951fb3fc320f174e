/**
 * The hub's rows: one per lobby and one per sidecar, without indexes, because each index entry is another row written.
 * Tables are created with the first row, so that reading an unused game stores nothing.
 */
import type { Report } from "#shared/api/moderation/reports.ts";
import type { RelaySettings } from "#shared/api/moderation/relay-settings.ts";
import type { Ban } from "#shared/auth/bans.ts";
import type { SnapshotInfo } from "#shared/api/snapshots.ts";
import type { Hello } from "#shared/link/messages.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import type { KeptOutcomes } from "#shared/connect/outcomes.ts";
import type { Expiries } from "./presence.ts";
import type { IdempotencyKey, Outcome } from "../rpc.ts";
import type { LobbyHead } from "./storage/lobby-head.ts";
import { HEADS_OF_LOBBIES, LobbyRows, NUMBERED_LOBBIES } from "./storage/lobby-rows.ts";

export type SidecarRow = {
  readonly id: string;
  readonly epoch: string;
  /** The highest report number stored in this epoch. */
  readonly ack: number;
  /** When its link went down (ms), or null if it is up. */
  readonly down_since: number | null;
  /** Its members were marked away because of this outage. */
  readonly away: boolean;
  readonly hello: Hello;
};

/** What operators have set. */
export type OperatorAction =
  | (Ban & { readonly kind: "ban" })
  | { readonly kind: "drain"; readonly since: number }
  | (RelaySettings & { readonly kind: "relays" });

/** What relays were allowed to carry on a day, which is a number of days since 1970 (UTC). */
export type RelayedVolume = { readonly day: number; readonly bytes: number };

/** A report that waits for the webhook; `tries`: attempts so far. */
export type QueuedReport = { readonly report: Report; readonly tries: number; readonly due_at: number };

/** The stored response of a request with an idempotency key. */
export type StoredResponse = IdempotencyKey & { readonly at: number; readonly outcome: Outcome<unknown> };

/** A requested connection that waits for a user to accept it. */
export type PendingConnection = {
  readonly id: string;
  readonly lobby: string;
  readonly asker: string;
  readonly asked: string;
  readonly wants_relay: boolean;
  readonly at: number;
};

export type RowChanges = {
  readonly lobbies: ReadonlyMap<string, Lobby | null>;
  readonly sidecars: ReadonlyMap<string, SidecarRow | null>;
  /** Null if unchanged. */
  readonly suspects: Expiries | null;
  readonly graces: Expiries | null;
  /** Lobbies whose snapshots are deleted. */
  readonly dropped_snapshots?: readonly string[];
};

type Table = "sidecars" | "orders" | "notes";

/** Each is applied once, in order, in a transaction. Only add to the list: two versions may run at once. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE lobbies (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE sidecars (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE answers (id TEXT PRIMARY KEY, at INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE orders (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE notes (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;`,
  `CREATE TABLE snapshots (id TEXT PRIMARY KEY, json TEXT NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID;`,
  NUMBERED_LOBBIES,
  HEADS_OF_LOBBIES,
];

export class Store {
  readonly #storage: DurableObjectStorage;
  readonly lobbies: LobbyRows;
  #applied: number;
  /** The writes that `atomically` collects, or null outside of it. */
  #collected: (() => void)[] | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.lobbies = new LobbyRows(storage.sql);
    this.#applied = this.#countApplied();
    if (this.#applied > 0) this.#migrate();
  }

  /** The heads of all lobbies, and the lobbies whose rows have none. */
  lobbyHeads(): (LobbyHead | Lobby)[] {
    return this.#applied === 0 ? [] : this.lobbies.readHeads();
  }

  sidecars(): SidecarRow[] {
    return this.#read<SidecarRow>("sidecars");
  }

  /** All suspects are in one row. */
  suspects(): Expiries {
    return this.#readKv<Expiries>("suspects")[0] ?? {};
  }

  /** All members whose sockets closed are in one row. */
  graces(): Expiries {
    return this.#readKv<Expiries>("graces")[0] ?? {};
  }

  outcomes(): KeptOutcomes {
    return this.#readKv<KeptOutcomes>("outcomes")[0] ?? {};
  }

  saveOutcomes(outcomes: KeptOutcomes): void {
    this.#putKv("outcomes", outcomes);
  }

  /** Connections that wait for a user. */
  pendingConnections(): PendingConnection[] {
    return this.#readKv<PendingConnection>("asked ");
  }

  savePendingConnection(id: string, pending: PendingConnection | null): void {
    this.#putKv(`asked ${id}`, pending);
  }

  reports(): QueuedReport[] {
    return this.#readKv<QueuedReport>("report ");
  }

  saveReport(id: string, queued: QueuedReport | null): void {
    this.#putKv(`report ${id}`, queued);
  }

  relayedVolume(): RelayedVolume {
    return this.#readKv<RelayedVolume>("relayed")[0] ?? { day: 0, bytes: 0 };
  }

  saveRelayedVolume(volume: RelayedVolume): void {
    this.#putKv("relayed", volume);
  }

  operatorActions(): OperatorAction[] {
    return this.#read<OperatorAction>("orders");
  }

  /** Keys of the stored responses, the oldest first. */
  responseAges(): { key: string; at: number }[] {
    if (this.#applied === 0) return [];
    return this.#storage.sql
      .exec<{ key: string; at: number }>(`SELECT id AS key, at FROM answers ORDER BY at`)
      .toArray();
  }

  response(key: string): StoredResponse | null {
    const [row] = this.#storage.sql.exec<{ json: string }>(`SELECT json FROM answers WHERE id = ?`, key).toArray();
    return row === undefined ? null : (JSON.parse(row.json) as StoredResponse);
  }

  saveResponse(answer: StoredResponse): void {
    const put = `INSERT OR REPLACE INTO answers (id, at, json) VALUES (?, ?, ?)`;
    this.#change(() => this.#storage.sql.exec(put, answer.key, answer.at, JSON.stringify(answer)));
  }

  deleteResponse(key: string): void {
    this.#change(() => this.#storage.sql.exec(`DELETE FROM answers WHERE id = ?`, key));
  }

  saveOperatorActions(orders: ReadonlyMap<string, OperatorAction | null>): void {
    this.#change(() => this.#write("orders", orders));
  }

  /** Writes all changes in one transaction. A null row is deleted. */
  save(changes: RowChanges): void {
    const { lobbies, sidecars, suspects, graces } = changes;
    if (lobbies.size === 0 && sidecars.size === 0 && suspects === null && graces === null) return;
    this.#change(() => {
      this.lobbies.write(lobbies);
      this.#write("sidecars", sidecars);
      if (suspects !== null) this.#write("notes", new Map([["suspects", suspects]]));
      for (const id of changes.dropped_snapshots ?? [])
        this.#storage.sql.exec(`DELETE FROM snapshots WHERE id = ?`, id);
      if (graces !== null) this.#write("notes", new Map([["graces", graces]]));
    });
  }

  /**
   * Runs `work`, and then writes what it saved here in one savepoint. If `work` or a write throws, no row is written and
   * the rows of other requests in the same transaction stay.
   */
  atomically<T>(work: () => T): T {
    const collected: (() => void)[] = (this.#collected = []);
    try {
      const result = work();
      this.#collected = null;
      if (collected.length > 0) this.#change(() => collected.forEach((write) => write()));
      return result;
    } finally {
      this.#collected = null;
    }
  }

  /** What the hub knows of the stored snapshots, by lobby. Their bytes stay on disk. */
  snapshots(): Map<string, SnapshotInfo> {
    if (this.#applied === 0) return new Map();
    const rows = this.#storage.sql.exec<{ id: string; json: string }>(`SELECT id, json FROM snapshots`);
    return new Map(Array.from(rows, ({ id, json }) => [id, JSON.parse(json) as SnapshotInfo]));
  }

  snapshotBytes(lobby: string): ArrayBuffer {
    return this.#storage.sql.exec<{ bytes: ArrayBuffer }>(`SELECT bytes FROM snapshots WHERE id = ?`, lobby).one()
      .bytes;
  }

  saveSnapshot(lobby: string, info: SnapshotInfo, bytes: ArrayBuffer): void {
    const put = `INSERT INTO snapshots (id, json, bytes) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET json = excluded.json, bytes = excluded.bytes`;
    this.#change(() => this.#storage.sql.exec(put, lobby, JSON.stringify(info), bytes));
  }

  /** A row whose only purpose is that it can be written. */
  saveCheck(at: number): void {
    this.#putKv("check", { at });
  }

  /** Writes rows in a savepoint: all or none. */
  #change(write: () => void): void {
    if (this.#collected !== null) return void this.#collected.push(write);
    this.#migrate();
    let committed = false;
    try {
      this.#storage.transactionSync(write);
      committed = true;
    } finally {
      this.lobbies.settle(committed);
    }
  }

  #putKv(id: string, note: object | null): void {
    this.#change(() => this.#write("notes", new Map([[id, note]])));
  }

  /** Entries whose key starts with this. */
  #readKv<T>(name: string): T[] {
    if (this.#applied === 0) return [];
    const rows = this.#storage.sql.exec<{ id: string; json: string }>(`SELECT id, json FROM notes`).toArray();
    return rows.filter(({ id }) => id.startsWith(name)).map(({ json }) => JSON.parse(json) as T);
  }

  #read<T>(table: Table): T[] {
    if (this.#applied === 0) return [];
    const rows = this.#storage.sql.exec<{ json: string }>(`SELECT json FROM ${table}`);
    return Array.from(rows, (row) => JSON.parse(row.json) as T);
  }

  #write(table: Table, rows: ReadonlyMap<string, object | null>): void {
    for (const [id, row] of rows) {
      if (row === null) this.#storage.sql.exec(`DELETE FROM ${table} WHERE id = ?`, id);
      else {
        const put = `INSERT INTO ${table} (id, json) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json`;
        this.#storage.sql.exec(put, id, JSON.stringify(row));
      }
    }
  }

  #countApplied(): number {
    const sql = this.#storage.sql;
    const known = sql.exec(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_migrations'`).toArray();
    return known.length === 0 ? 0 : sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM _migrations`).one().n;
  }

  #migrate(): void {
    if (this.#applied >= MIGRATIONS.length) return;
    this.#storage.transactionSync(() => {
      const sql = this.#storage.sql;
      sql.exec(`CREATE TABLE IF NOT EXISTS _migrations (id INTEGER PRIMARY KEY, at TEXT NOT NULL)`);
      for (let id = this.#applied; id < MIGRATIONS.length; id++) {
        sql.exec(MIGRATIONS[id]!);
        sql.exec(`INSERT INTO _migrations (id, at) VALUES (?, datetime('now'))`, id);
      }
    });
    this.#applied = MIGRATIONS.length;
  }
}
