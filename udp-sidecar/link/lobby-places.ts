/**
 * Which hub holds a lobby: a hash of its name says so, by the number of shards. While that number changes, a lobby is where
 * the new number or the former one puts it. What a hub has said of it decides; a lobby that is not known yet is looked for
 * at the hub of the former number first, so that no name is used twice.
 */
import { LOBBY_PLACES_MAX } from "#shared/limits.ts";
import { shardOf, shardOfId } from "#shared/lobby/ids.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import { hubsOf, placesOf, type Shards } from "#shared/settings/shards.ts";

export class LobbyPlaces {
  #shards: Shards | null = null;
  /** Shards of lobbies that may be at two, the first known first. Bounded: one that is forgotten is looked for again. */
  readonly #known = new Map<string, number>();

  /** How many hubs may hold lobbies; 0 until the number of shards is known. */
  get hubs(): number {
    return this.#shards === null ? 0 : hubsOf(this.#shards);
  }

  set(shards: Shards): void {
    this.#shards = shards;
    if (shards.former === null) this.#known.clear();
  }

  /** The shard to ask about a lobby; null until the number of shards is known. */
  of(wire: WireName, name: string): number | null {
    if (this.#shards === null) return null;
    const places = this.#places(wire, name);
    return places.length === 1 ? places[0]! : (this.#known.get(keyOf(wire, name)) ?? places[1]!);
  }

  /** Whether the lobby is at this shard for certain. */
  isAt(wire: WireName, name: string, shard: number): boolean {
    const places = this.#shards === null ? [] : this.#places(wire, name);
    return (places.length > 1 ? this.#known.get(keyOf(wire, name)) : places[0]) === shard;
  }

  /** A hub has said that it holds this lobby. */
  learn(wire: WireName, name: string, shard: number): void {
    if (this.#shards === null || this.#places(wire, name).length === 1) return;
    const key = keyOf(wire, name);
    if (this.#known.get(key) === shard) return;
    this.#known.delete(key);
    this.#known.set(key, shard);
    const [oldest] = this.#known.keys();
    if (this.#known.size > LOBBY_PLACES_MAX) this.#known.delete(oldest!);
  }

  /** The shard to ask next, because `shard` has no such lobby; null if there is none. */
  next(wire: WireName, name: string, shard: number): number | null {
    if (this.#shards === null) return null;
    const [present, former] = this.#places(wire, name);
    return former === shard ? present! : null;
  }

  /** The shard by the present number, and that by the former one where it differs. */
  #places(wire: WireName, name: string): readonly number[] {
    const shards = this.#shards!;
    // A native lobby is named by its id, which contains its shard.
    const own = wire === "native" ? shardOfId(name) : null;
    return own !== null && own < hubsOf(shards) ? [own] : placesOf(shards, (count) => shardOf(wire, name, count));
  }
}

const keyOf = (wire: WireName, name: string): string => `${wire}/${name}`;
