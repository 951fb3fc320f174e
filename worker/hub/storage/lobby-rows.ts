/**
 * The rows of lobbies: one per lobby, keyed by a small integer. A random text key would cost SQLite a search in every
 * page and a page per row; this one appends. Memory knows the number of each lobby.
 */
import { restored } from "#shared/lobby/step.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";

/** The table of the first version has the id of the lobby as its key; its rows are copied. */
export const NUMBERED_LOBBIES = `
  CREATE TABLE numbered_lobbies (n INTEGER PRIMARY KEY, json TEXT NOT NULL);
  INSERT INTO numbered_lobbies (json) SELECT json FROM lobbies;
  DROP TABLE lobbies;
  ALTER TABLE numbered_lobbies RENAME TO lobbies;`;

export class LobbyRows {
  readonly #sql: SqlStorage;
  readonly #numbers = new Map<string, number>();
  /** Lobbies whose rows the open transaction deletes. */
  readonly #ended: string[] = [];
  #last = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Called once, before anything is written. */
  readAll(): Lobby[] {
    const rows = this.#sql.exec<{ n: number; json: string }>(`SELECT n, json FROM lobbies ORDER BY n`);
    return Array.from(rows, ({ n, json }) => {
      const lobby = restored(JSON.parse(json) as Parameters<typeof restored>[0]);
      this.#numbers.set(lobby.id, (this.#last = n));
      return lobby;
    });
  }

  /** Writes the changed lobbies and deletes those that are null, in a transaction whose end `settle` reports. */
  write(lobbies: ReadonlyMap<string, Lobby | null>): void {
    for (const [id, lobby] of lobbies) {
      if (lobby === null) this.#delete(id);
      else {
        const put = `INSERT INTO lobbies (n, json) VALUES (?, ?) ON CONFLICT (n) DO UPDATE SET json = excluded.json`;
        this.#sql.exec(put, this.#numberOf(id), JSON.stringify(lobby));
      }
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
