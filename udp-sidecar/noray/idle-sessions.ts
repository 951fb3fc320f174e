/** Sessions that have registered no host yet, the oldest first: they are closed after a time, or to make room. */
import type { NoraySession } from "./session.ts";

export class IdleSessions {
  readonly #openedAt = new Map<NoraySession, number>();

  add(session: NoraySession, now: number): void {
    this.#openedAt.set(session, now);
  }

  remove(session: NoraySession): void {
    this.#openedAt.delete(session);
  }

  /** The oldest one, if any. */
  *oldest(): Generator<NoraySession> {
    for (const session of this.#openedAt.keys()) return yield session;
  }

  /** Those that were opened by then. */
  *openedBy(time: number): Generator<NoraySession> {
    for (const [session, opened_at] of this.#openedAt) {
      if (opened_at > time) return;
      yield session;
    }
  }
}
