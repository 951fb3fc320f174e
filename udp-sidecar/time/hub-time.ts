/**
 * The hub's wall clock, as this sidecar estimates it. Tickets and receipts carry the hub's time, so a wrong clock of this
 * machine does not invalidate them.
 *
 *     sidecar -- request -> hub -- Date -> sidecar       offset = Date - the middle between sending and receiving
 *
 * Between two measurements the estimate advances with the monotonic clock. Before the first one this machine's wall clock
 * is used.
 */
import { CLOCK_DRIFT_MS } from "#shared/limits.ts";

export class HubTime {
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  /** The hub's clock minus the monotonic clock, and the wall clock minus the monotonic one at the same moment. */
  #measured: { readonly hub_ms: number; readonly wall_ms: number } | null = null;

  constructor(monotonic: () => number, wall: () => number) {
    this.#monotonic = monotonic;
    this.#wall = wall;
  }

  /** The hub's time in whole milliseconds since the epoch. */
  now(): number {
    return this.#measured === null ? this.#wall() : Math.round(this.#monotonic() + this.#measured.hub_ms);
  }

  /** The monotonic time for `measure`. */
  stamp(): number {
    return this.#monotonic();
  }

  /** The hub read its clock between a request at `sent_at` (a `stamp`) and now. */
  measure(hub_now: number, sent_at: number): void {
    const received_at = this.#monotonic();
    this.#measured = { hub_ms: hub_now - (sent_at + received_at) / 2, wall_ms: this.#wall() - received_at };
  }

  /** How far this machine's wall clock is ahead of the hub's (ms; negative if behind), or null before a measurement. */
  get skew_ms(): number | null {
    return this.#measured === null ? null : Math.round(this.#wall() - this.#monotonic() - this.#measured.hub_ms);
  }

  /**
   * Whether the estimate may be wrong: the wall clock moved against the monotonic one since the measurement. Either the
   * wall clock stepped, or the machine slept and its monotonic clock with it.
   */
  get isDoubtful(): boolean {
    if (this.#measured === null) return false;
    return Math.abs(this.#wall() - this.#monotonic() - this.#measured.wall_ms) > CLOCK_DRIFT_MS;
  }
}
