/** Every endpoint that was ever a relay's: datagrams from there never show a direct path to the peer. */
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";
import { RELAYS_REMEMBERED_MAX } from "./limits.ts";
import type { Place } from "./paths.ts";

export class RelayEndpoints {
  /** The oldest first. */
  readonly #all: Endpoint[] = [];

  add(to: Endpoint): void {
    if (this.has(to)) return;
    this.#all.push(to);
    if (this.#all.length > RELAYS_REMEMBERED_MAX) this.#all.shift();
  }

  has(to: Endpoint): boolean {
    return this.#all.some((relay) => sameEndpoint(relay, to));
  }

  includes = (place: Place): boolean => place !== "tunnel" && this.has(place.to);
}
