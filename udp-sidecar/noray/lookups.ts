/**
 * Lookups that wait for the hub's answer. They survive an outage of the link, because clients send each lookup only
 * once.
 */
import { NORAY_ANSWER_MS } from "#shared/limits.ts";
import type { NoraySession, PendingLookup } from "./session.ts";

export class PendingLookups {
  /** Oldest first. */
  readonly #all = new Set<PendingLookup>();

  [Symbol.iterator](): Iterator<PendingLookup> {
    return this.#all.values();
  }

  find({ lookups }: NoraySession, name: string, relayed: boolean): PendingLookup | undefined {
    return lookups.get(lookupKey(name, relayed));
  }

  /** Whether it still waits: its connection is open, and it has no answer yet. */
  has(lookup: PendingLookup): boolean {
    return this.#all.has(lookup);
  }

  add(lookup: PendingLookup): void {
    lookup.session.lookups.set(lookupKey(lookup.name, lookup.relayed), lookup);
    this.#all.add(lookup);
  }

  /** Removes a lookup and sends its last line, if there is one. Closes a session that waited only for this. */
  finish(lookup: PendingLookup, line?: string): void {
    const { session, name, relayed } = lookup;
    session.lookups.delete(lookupKey(name, relayed));
    this.#all.delete(lookup);
    if (line !== undefined) session.connection.send(line);
    if (session.ended && session.lookups.size === 0) session.connection.end();
  }

  /** Forgets the lookups of a closed connection. */
  removeSession({ lookups }: NoraySession): void {
    for (const lookup of lookups.values()) this.#all.delete(lookup);
  }

  /** Lookups that have waited too long. */
  *expired(now: number): Generator<PendingLookup> {
    for (const lookup of this.#all) {
      if (now - lookup.since < NORAY_ANSWER_MS) return;
      yield lookup;
    }
  }
}

const lookupKey = (name: string, relayed: boolean): string => `${relayed ? "relay" : "punch"} ${name}`;
