/**
 * What operators set for the relays of native connections: whether there are any, and how many bytes a day they may carry.
 * The whole budget of a relay is charged when it is allocated and what it did not carry is refunded at its end, so the
 * sum never exceeds the volume. A row is written only if a volume is set.
 */
import type { RelaySettings } from "#shared/api/moderation/relay-settings.ts";
import { RELAY_BYTES_MAX, RELAY_DAY_BYTES_MIN, RELAY_DAY_PART } from "#shared/limits.ts";
import type { RelayedVolume, Store } from "../store.ts";

const DAY_MS = 86_400_000;

export class RelayQuota {
  readonly #store: Store;
  readonly #shards: number;
  #settings: RelaySettings;
  #volume: RelayedVolume;

  constructor(store: Store, settings: RelaySettings, shards: number) {
    this.#store = store;
    this.#shards = shards;
    this.#settings = settings;
    this.#volume = store.relayedVolume();
  }

  get settings(): RelaySettings {
    return this.#settings;
  }

  set(settings: RelaySettings): void {
    this.#settings = settings;
  }

  /** The bytes that the next relay may carry: 0 for none, null for what its sidecar allows. */
  allowance(now: number): number | null {
    const { enabled, day_bytes_max } = this.#settings;
    if (!enabled) return 0;
    if (day_bytes_max === null) return null;
    const left = Math.floor(day_bytes_max / this.#shards) - this.#bytesOf(now);
    if (left < RELAY_DAY_BYTES_MIN) return 0;
    return Math.min(RELAY_BYTES_MAX, Math.max(RELAY_DAY_BYTES_MIN, Math.floor(left / RELAY_DAY_PART)));
  }

  /** Charges bytes to the day (UTC), or refunds them if negative. */
  charge(bytes: number, now: number): void {
    if (this.#settings.day_bytes_max === null) return;
    this.#volume = { day: dayOf(now), bytes: Math.max(0, this.#bytesOf(now) + bytes) };
    this.#store.saveRelayedVolume(this.#volume);
  }

  #bytesOf(now: number): number {
    return this.#volume.day === dayOf(now) ? this.#volume.bytes : 0;
  }
}

const dayOf = (now: number): number => Math.floor(now / DAY_MS);
