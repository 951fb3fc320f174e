/**
 * At most one update per key and interval: the first change is sent at once, later ones are merged and sent when the
 * interval ends. Pure: the caller passes the time, and calls `due` at `deadline`.
 */
import type { RemovalCause } from "../api/events.ts";

export type Change<T> = {
  readonly id: string;
  /** As last sent, and as it is now; null where it did not exist or exists no more. */
  readonly old: T | null;
  readonly next: T | null;
  /** Why it was removed, where it was. */
  readonly cause: RemovalCause;
};

type PendingChange<T> = { readonly sent: T | null; next: T | null; cause: RemovalCause; readonly due: number };

export class Coalescer<T> {
  readonly #interval_ms: number;
  /** When each key was last sent, oldest first. Entries older than an interval are dropped. */
  readonly #sent_at = new Map<string, number>();
  readonly #pending = new Map<string, PendingChange<T>>();

  constructor(interval_ms: number) {
    this.#interval_ms = interval_ms;
  }

  /** Returns the changes to send now; the rest is merged and waits. */
  push(changes: readonly Change<T>[], now: number): Change<T>[] {
    this.#forget(now);
    const ready: Change<T>[] = [];
    for (const change of changes) {
      const { id, old, next, cause } = change;
      const waiting = this.#pending.get(id);
      const sent_at = this.#sent_at.get(id);
      if (waiting !== undefined) Object.assign(waiting, { next, cause });
      else if (sent_at === undefined) ready.push(this.#markSent(change, now));
      else this.#pending.set(id, { sent: old, next, cause, due: sent_at + this.#interval_ms });
    }
    return ready;
  }

  /** The changes whose interval has ended. A key that appeared and disappeared meanwhile is dropped. */
  due(now: number): Change<T>[] {
    this.#forget(now);
    const ready: Change<T>[] = [];
    for (const [id, { sent: old, next, cause, due }] of this.#pending) {
      // A due time beyond an interval is left over from before the clock was set back.
      if (due > now && due <= now + this.#interval_ms) continue;
      this.#pending.delete(id);
      if (old !== null || next !== null) ready.push(this.#markSent({ id, old, next, cause }, now));
    }
    return ready;
  }

  /** When the next change is due, or Infinity. */
  deadline(): number {
    let due = Infinity;
    for (const pending of this.#pending.values()) due = Math.min(due, pending.due);
    return due;
  }

  /** Waiting keys with the value last sent. A new subscriber's snapshot must contain this value. */
  waiting(): ReadonlyMap<string, T | null> {
    return new Map(Array.from(this.#pending, ([id, { sent }]) => [id, sent]));
  }

  /** Forgets a key whose removal was sent. */
  drop(id: string): void {
    this.#pending.delete(id);
    this.#sent_at.delete(id);
  }

  #markSent(change: Change<T>, now: number): Change<T> {
    this.#sent_at.delete(change.id);
    this.#sent_at.set(change.id, now);
    return change;
  }

  #forget(now: number): void {
    for (const [id, at] of this.#sent_at) {
      if (at + this.#interval_ms > now && at <= now) return;
      this.#sent_at.delete(id);
    }
  }
}
