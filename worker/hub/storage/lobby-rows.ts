/**
 * The rows of lobbies: one per lobby, keyed by a small integer. A random text key would cost SQLite a search in every
 * page and a page per row; this one appends. Memory knows the number of each lobby.
 *
 * A row is the lobby as JSON and its head (lobby-head.ts). A hub that wakes reads the heads alone.
 */
import { restored } from "#shared/lobby/step.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { decodeHead, encodeHead, type EncodedHead, type LobbyHead } from "./lobby-head.ts";

/** The table of the first version has the id of the lobby as its key; its rows are copied. */
export const NUMBERED_LOBBIES = `
  CREATE TABLE numbered_lobbies (n INTEGER PRIMARY KEY, json TEXT NOT NULL);
  INSERT INTO numbered_lobbies (json) SELECT json FROM lobbies;
  DROP TABLE lobbies;
  ALTER TABLE numbered_lobbies RENAME TO lobbies;`;

/** A version that does not know heads changes only the JSON, which makes the head wrong. */
export const HEADS_OF_LOBBIES = `
  ALTER TABLE lobbies ADD COLUMN head TEXT;
  CREATE TRIGGER lobbies_without_head AFTER UPDATE OF json ON lobbies WHEN NEW.head IS OLD.head
  BEGIN UPDATE lobbies SET head = NULL WHERE n = NEW.n; END;`;

type Row = Parameters<typeof restored>[0];

/** Rows that are read as one text, which is faster than row by row. */
const ROWS_PER_READ = 1_000;
/** Lobbies that a list reads at once: their numbers differ only in the last bits. */
const BLOCK_BITS = 6;

export class LobbyRows {
  readonly #sql: SqlStorage;
  readonly #numbers = new Map<string, number>();
  /** Lobbies whose rows the open transaction deletes. */
  readonly #ended: string[] = [];
  #last = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The heads of all lobbies, and the lobbies whose rows have none. Called once, before anything is written. */
  readHeads(): (LobbyHead | Lobby)[] {
    const found: (LobbyHead | Lobby)[] = [];
    for (;;) {
      const { text } = this.#sql
        .exec<{ text: string | null }>(
          `SELECT group_concat('[' || n || ',' || coalesce(head, json) || ']') AS text
           FROM (SELECT n, head, json FROM lobbies WHERE n > ? ORDER BY n LIMIT ${ROWS_PER_READ})`,
          this.#last,
        )
        .one();
      if (text === null) return found;
      for (const [n, row] of JSON.parse(`[${text}]`) as [n: number, EncodedHead | Row][]) {
        const lobby = isHead(row) ? decodeHead(row) : restored(row);
        this.#numbers.set(lobby.id, n);
        this.#last = Math.max(this.#last, n);
        found.push(lobby);
      }
    }
  }

  /** A lobby that has not changed since the hub woke. */
  read(id: string): Lobby {
    const n = this.#numbers.get(id)!;
    return parse(this.#sql.exec<{ json: string }>(`SELECT json FROM lobbies WHERE n = ?`, n).one());
  }

  /** The stored lobbies around one, with it: those that a list is likely to need next. */
  readBlock(id: string): Lobby[] {
    const first = (this.#numbers.get(id)! >> BLOCK_BITS) << BLOCK_BITS;
    const last = first + (1 << BLOCK_BITS) - 1;
    const rows = this.#sql.exec<{ json: string }>(`SELECT json FROM lobbies WHERE n BETWEEN ? AND ?`, first, last);
    return Array.from(rows, parse);
  }

  /** Writes the changed lobbies and deletes those that are null, in a transaction whose end `settle` reports. */
  write(lobbies: ReadonlyMap<string, Lobby | null>): void {
    const put = `INSERT INTO lobbies (n, json, head) VALUES (?, ?, ?)
      ON CONFLICT (n) DO UPDATE SET json = excluded.json, head = excluded.head`;
    for (const [id, lobby] of lobbies) {
      if (lobby === null) this.#delete(id);
      else this.#sql.exec(put, this.#numberOf(id), JSON.stringify(lobby), JSON.stringify(encodeHead(lobby)));
    }
  }

  /** The transaction ended. If it was rolled back, the rows that it deleted still exist. */
  settle(committed: boolean): void {
    for (const id of this.#ended.splice(0)) if (committed) this.#numbers.delete(id);
  }

  #delete(id: string): void {
    const n = this.#numbers.get(id);
    if (n === undefined) return;
    this.#sql.exec(`DELETE FROM lobbies WHERE n = ?`, n);
    this.#ended.push(id);
  }

  /** A number stays given out if the transaction is rolled back. */
  #numberOf(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, ++this.#last);
    return this.#last;
  }
}

const isHead = (row: EncodedHead | Row): row is EncodedHead => Array.isArray(row);

const parse = ({ json }: { readonly json: string }): Lobby => restored(JSON.parse(json) as Row);
