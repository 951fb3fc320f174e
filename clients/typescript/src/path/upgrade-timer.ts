/**
 * When a direct path is tried next: often in the first minutes, because most obstacles are short, then more and more
 * rarely. Without a plan nothing has changed at the routers, so those tries are rare from the start.
 */
import * as limits from "./limits.ts";

export class UpgradeTimer {
  #at = Infinity;
  #after_ms = limits.UPGRADE_FIRST_MS;
  #unavailable_ms = limits.UPGRADE_UNAVAILABLE_MS;
  /** Since when there is no direct path. */
  #since: number | null = null;

  get at(): number {
    return this.#at;
  }

  /** There is a direct path. */
  opened(): void {
    this.#at = Infinity;
    this.#since = null;
    this.#reset();
  }

  /** The direct path is silent or lost, or the network has changed: try at once, and often again. */
  lost(now: number): void {
    this.#at = Math.min(this.#at, now);
    this.#since = now;
    this.#reset();
  }

  failed(now: number): void {
    this.#since ??= now;
    if (now - this.#since > limits.UPGRADE_OFTEN_MS)
      this.#after_ms = Math.min(2 * this.#after_ms, limits.UPGRADE_LAST_MS);
    this.#at = now + this.#after_ms;
  }

  /** The hub has no plan for a direct path. */
  unavailable(now: number): void {
    this.#since ??= now;
    this.#at = now + this.#unavailable_ms;
    this.#unavailable_ms = Math.min(2 * this.#unavailable_ms, limits.UPGRADE_LAST_MS);
  }

  /** A try has begun. Its result replaces this time. */
  started(now: number): void {
    this.#at = now + limits.UPGRADE_UNAVAILABLE_MS;
  }

  #reset(): void {
    this.#after_ms = limits.UPGRADE_FIRST_MS;
    this.#unavailable_ms = limits.UPGRADE_UNAVAILABLE_MS;
  }
}
