/**
 * The audit trail of a game: one row per action, at its first hub. The table is created with the first row, and nothing
 * is in memory, because it is read rarely.
 */
import type { AuditEntry } from "#shared/api/moderation/audit.ts";
import { AUDIT_ENTRIES_MAX } from "#shared/limits.ts";
import type { AuditPage } from "../../rpc.ts";

export class AuditLog {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  add(entry: AuditEntry): void {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      sql.exec(`CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, json TEXT NOT NULL)`);
      sql.exec(`INSERT INTO audit (id, json) VALUES (?, ?)`, entry.id, JSON.stringify(entry));
      sql.exec(`DELETE FROM audit WHERE seq <= (SELECT MAX(seq) FROM audit) - ?`, AUDIT_ENTRIES_MAX);
    });
  }

  /** The newest first, from the entry after `after`. An id that is not there (any more) returns nothing. */
  page(limit: number, after: string | null): AuditPage {
    const { sql } = this.#storage;
    const known = sql.exec(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit'`).toArray();
    if (known.length === 0) return { entries: [], more: false };
    const rows = sql.exec<{ json: string }>(
      `SELECT json FROM audit WHERE ?1 IS NULL OR seq < (SELECT seq FROM audit WHERE id = ?1) ORDER BY seq DESC LIMIT ?2`,
      after,
      limit + 1,
    );
    const entries = Array.from(rows, ({ json }) => JSON.parse(json) as AuditEntry);
    return { entries: entries.slice(0, limit), more: entries.length > limit };
  }
}
