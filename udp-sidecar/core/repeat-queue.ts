/** Datagrams that are sent several times, because a member may not have received the first. */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Contact } from "../protocols/wire.ts";
import { TimerQueue } from "./timer-queue.ts";

/** Datagrams to be sent again: `after_ms[next]` after `since`, unless the contact has confirmed. */
export type Repeat = {
  readonly via: number;
  readonly endpoint: Endpoint;
  readonly datagrams: readonly Uint8Array[];
  readonly after_ms: readonly number[];
  readonly since: number;
  readonly unless: Contact;
  next: number;
};

export class RepeatQueue {
  readonly #queue = new TimerQueue<Repeat>();
  readonly #size_max: number;

  constructor(size_max: number) {
    this.#size_max = size_max;
  }

  /** When the next repetition is due (ms on the clock of the caller), or null. */
  get nextAt(): number | null {
    return this.#queue.nextAt;
  }

  /** Schedules the next repetition of an item. If the queue is full, the item is dropped. */
  add(item: Repeat): void {
    const after_ms = item.after_ms[item.next];
    if (after_ms === undefined || this.#queue.size >= this.#size_max) return;
    this.#queue.push(item.since + after_ms, item);
  }

  /** The items to be sent now. Items whose contact has confirmed or is superseded are dropped. */
  *due(now: number, isSuperseded: (contact: Contact) => boolean): Generator<Repeat> {
    for (let item = this.#queue.pop(now); item !== undefined; item = this.#queue.pop(now)) {
      if (item.unless.confirmed || isSuperseded(item.unless)) continue;
      yield item;
      item.next++;
      this.add(item);
    }
  }
}
