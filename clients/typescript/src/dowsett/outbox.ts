/**
 * Packets that await a reply, and periodic packets, with their timers.
 *
 * A packet is sent, and resent after `await_ms`, up to `attempts_max` times; then it expires. A periodic packet is
 * first sent after its period, and again a period after each reply. Every reply is awaited equally long and time never
 * runs backwards, so the insertion order is the order of deadlines.
 */
import type { Address } from "./wire/address.ts";
import type { PacketData } from "./wire/packet.ts";

export type PendingPacket = {
  readonly type: string;
  /** The receiver's name. */
  readonly peer: string;
  /** Distinguishes packets of one type to one peer. */
  readonly id: number;
  readonly says: PacketData;
  readonly bytes: Uint8Array;
  readonly to: Address;
  /** null: not periodic. */
  readonly period_ms: number | null;
  /** The promise to settle, or null. */
  readonly ticket: number | null;
};

export type DuePacket =
  | { readonly what: "send"; readonly pending: PendingPacket; readonly again: boolean }
  | { readonly what: "expire"; readonly pending: PendingPacket };

type Entry = { readonly pending: PendingPacket; due: number; sends: number };

export class Outbox {
  readonly #await_ms: number;
  readonly #attempts_max: number;
  /** Sent and unanswered, the oldest first. */
  readonly #awaiting = new Map<string, Entry>();
  /** Periodic and not due. At most one per peer and one more, so iterating is cheap. */
  readonly #resting = new Map<string, Entry>();
  #bytes = 0;

  constructor(await_ms: number, attempts_max: number) {
    this.#await_ms = await_ms;
    this.#attempts_max = attempts_max;
  }

  /** Bytes of all packets. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#awaiting.size + this.#resting.size;
  }

  /** Adds a packet that was just sent for the first time. It replaces one of the same type, peer and id. */
  await(pending: PendingPacket, now: number): void {
    this.#insert(this.#awaiting, pending, now + this.#await_ms, 1);
  }

  /** Adds a periodic packet, which is first sent after its period. */
  schedule(pending: PendingPacket, now: number): void {
    this.#insert(this.#resting, pending, now + (pending.period_ms ?? 0), 0);
  }

  has(type: string, peer: string, id = 0): boolean {
    const key = keyOf(type, peer, id);
    return this.#awaiting.has(key) || this.#resting.has(key);
  }

  /** Attempts without an answer. */
  sends(type: string, peer: string, id = 0): number {
    return this.#awaiting.get(keyOf(type, peer, id))?.sends ?? 0;
  }

  /**
   * Handles a reply: a periodic packet waits for its period, any other is removed. Returns the packet, or null if none
   * awaited it.
   */
  answer(type: string, peer: string, id: number, now: number): PendingPacket | null {
    const entry = this.#awaiting.get(keyOf(type, peer, id));
    if (entry === undefined) return null;
    this.remove(type, peer, id);
    if (entry.pending.period_ms !== null) this.schedule(entry.pending, now);
    return entry.pending;
  }

  remove(type: string, peer: string, id = 0): void {
    const key = keyOf(type, peer, id);
    for (const table of [this.#awaiting, this.#resting]) {
      const entry = table.get(key);
      if (entry === undefined) continue;
      table.delete(key);
      this.#bytes -= entry.pending.bytes.length;
    }
  }

  /** Removes and returns the packets to one peer. */
  removePeer(peer: string): PendingPacket[] {
    return this.#removeWhere((pending) => pending.peer === peer);
  }

  clear(): PendingPacket[] {
    return this.#removeWhere(() => true);
  }

  /** The next deadline (ms), or null. */
  get next(): number | null {
    let next = this.#awaiting.values().next().value?.due ?? null;
    for (const { due } of this.#resting.values()) if (next === null || due < next) next = due;
    return next;
  }

  /** Returns and books one packet that is due. Call it until it returns null. */
  pop(now: number): DuePacket | null {
    const oldest = this.#awaiting.values().next().value;
    if (oldest !== undefined && oldest.due <= now) {
      const { pending, sends } = oldest;
      this.remove(pending.type, pending.peer, pending.id);
      if (sends >= this.#attempts_max) return { what: "expire", pending };
      this.#insert(this.#awaiting, pending, now + this.#await_ms, sends + 1);
      return { what: "send", pending, again: true };
    }
    for (const { pending, due } of this.#resting.values()) {
      if (due > now) continue;
      this.await(pending, now);
      return { what: "send", pending, again: false };
    }
    return null;
  }

  #insert(table: Map<string, Entry>, pending: PendingPacket, due: number, sends: number): void {
    this.remove(pending.type, pending.peer, pending.id);
    table.set(keyOf(pending.type, pending.peer, pending.id), { pending, due, sends });
    this.#bytes += pending.bytes.length;
  }

  #removeWhere(goes: (pending: PendingPacket) => boolean): PendingPacket[] {
    const gone = [...this.#awaiting.values(), ...this.#resting.values()].filter(({ pending }) => goes(pending));
    for (const { pending } of gone) this.remove(pending.type, pending.peer, pending.id);
    return gone.map(({ pending }) => pending);
  }
}

/** Types contain no slash and ids are numbers, so keys are unique. */
const keyOf = (type: string, peer: string, id: number): string => `${type}/${id}/${peer}`;
