/** Messages that the game has not read yet, by channel, from all peers, in the order of arrival. */
import type { ReceivedMessage } from "./transport/receive-stream.ts";
import { UNREAD_BYTES_MAX, UNREAD_MAX } from "./limits.ts";
import type { Session } from "./session.ts";

export type Unread = {
  readonly session: Session;
  readonly arrived: ReceivedMessage;
  /** Counts the peer's messages on this channel. */
  readonly number: number;
  readonly at: number;
};

/** Per peer. Reliable messages are bounded by their channel's window. */
type Count = { unreliable: number; bytes: number; readonly numbers: Map<number, number> };

export class Inbox {
  readonly #channels = new Map<number, Unread[]>();
  readonly #counts = new Map<Session, Count>();

  add(session: Session, arrived: ReceivedMessage, now: number): void {
    const { channel, bytes, isReliable } = arrived;
    let count = this.#counts.get(session);
    if (count === undefined) this.#counts.set(session, (count = { unreliable: 0, bytes: 0, numbers: new Map() }));
    const number = (count.numbers.get(channel) ?? 0) + 1;
    // Unreliable channels cost the peer nothing, so the counters of channels are bounded too.
    if (count.numbers.size < UNREAD_MAX || count.numbers.has(channel)) count.numbers.set(channel, number);
    let waiting = this.#channels.get(channel);
    if (waiting === undefined) this.#channels.set(channel, (waiting = []));
    waiting.push({ session, arrived, number, at: now });
    if (isReliable) return;
    count.unreliable++;
    count.bytes += bytes.length;
    while (count.unreliable > UNREAD_MAX || count.bytes > UNREAD_BYTES_MAX) this.#dropOldest(session);
  }

  /** Removes and returns the oldest messages, at most `max`. */
  read(channel: number, max: number): readonly Unread[] {
    const waiting = this.#channels.get(channel);
    if (waiting === undefined) return [];
    const taken = waiting.splice(0, Math.max(0, max));
    if (waiting.length === 0) this.#channels.delete(channel);
    for (const { session, arrived } of taken) this.#uncount(session, arrived);
    return taken;
  }

  /** Drops the peer's messages on the channel. Returns the bytes that they took of its window. */
  drop(session: Session, channel: number): number {
    const waiting = this.#channels.get(channel) ?? [];
    const others = waiting.filter((one) => one.session !== session);
    if (others.length > 0) this.#channels.set(channel, others);
    else this.#channels.delete(channel);
    let taken = 0;
    for (const { session: owner, arrived } of waiting) {
      if (owner !== session) continue;
      this.#uncount(session, arrived);
      taken += arrived.taken;
    }
    return taken;
  }

  /** Drops the session's messages and counters. */
  removeSession(session: Session): void {
    for (const channel of this.#channels.keys()) this.drop(session, channel);
    this.#counts.delete(session);
  }

  #dropOldest(session: Session): void {
    for (const [channel, waiting] of this.#channels) {
      const at = waiting.findIndex((one) => one.session === session && !one.arrived.isReliable);
      if (at < 0) continue;
      this.#uncount(session, waiting.splice(at, 1)[0]!.arrived);
      if (waiting.length === 0) this.#channels.delete(channel);
      return;
    }
  }

  #uncount(session: Session, { isReliable, bytes }: ReceivedMessage): void {
    const count = this.#counts.get(session);
    if (isReliable || count === undefined) return;
    count.unreliable--;
    count.bytes -= bytes.length;
  }
}
