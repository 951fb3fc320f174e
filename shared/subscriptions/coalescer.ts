/**
 * Not more than one telling per thing and interval: the first change at once, further ones merged into one when the
 * interval is over. Pure: the time is an argument, and whoever owns it looks again at `deadline`.
 */
import type { LobbyRemovedReason } from "../api/events.ts";

export type Change<T> = {
  readonly id: string;
  /** As it was last told, and as it is now: null where it was not, or is not any more. */
  readonly old: T | null;
  readonly next: T | null;
  /** Why it is gone, where it is. */
  readonly reason: LobbyRemovedReason;
};

type PendingChange<T> = { readonly sent: T | null; next: T | null; reason: LobbyRemovedReason; readonly due: number };

export class Coalescer<T> {
  readonly #interval_ms: number;
  /** When each was last told, the longest ago first. Only what is younger than an interval is remembered. */
  readonly #sent_at = new Map<string, number>();
  readonly #pending = new Map<string, PendingChange<T>>();

  constructor(interval_ms: number) {
    this.#interval_ms = interval_ms;
  }

  /** What is to be told now of these changes; the rest waits. */
  push(changes: readonly Change<T>[], now: number): Change<T>[] {
    this.#forget(now);
    const ready: Change<T>[] = [];
    for (const change of changes) {
      const { id, old, next, reason } = change;
      const waiting = this.#pending.get(id);
      const told_at = this.#sent_at.get(id);
      if (waiting !== undefined) Object.assign(waiting, { next, reason });
      else if (told_at === undefined) ready.push(this.#markSent(change, now));
      else this.#pending.set(id, { sent: old, next, reason, due: told_at + this.#interval_ms });
    }
    return ready;
  }

  /** What has waited long enough. What came and went meanwhile is not told. */
  due(now: number): Change<T>[] {
    this.#forget(now);
    const ready: Change<T>[] = [];
    for (const [id, { sent: old, next, reason, due }] of this.#pending) {
      if (due > now) continue;
      this.#pending.delete(id);
      if (old !== null || next !== null) ready.push(this.#markSent({ id, old, next, reason }, now));
    }
    return ready;
  }

  /** When to look again, or Infinity. */
  deadline(): number {
    let due = Infinity;
    for (const pending of this.#pending.values()) due = Math.min(due, pending.due);
    return due;
  }

  /** What waits, as it was last told: whoever comes now must begin there. */
  waiting(): ReadonlyMap<string, T | null> {
    return new Map(Array.from(this.#pending, ([id, { sent: told }]) => [id, told]));
  }

  /** What is over, and was told so. */
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
      if (at + this.#interval_ms > now) return;
      this.#sent_at.delete(id);
    }
  }
}
