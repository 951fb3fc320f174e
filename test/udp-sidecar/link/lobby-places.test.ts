import { describe, expect, test } from "vitest";
import { LOBBY_PLACES_MAX } from "#shared/limits.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import { LobbyPlaces } from "../../../udp-sidecar/link/lobby-places.ts";

const NAMES = Array.from({ length: 60 }, (_, at) => `Lobby ${at}`);
const at = (name: string, shards: number): number => shardOf("rabid", name, shards);
const moved = NAMES.filter((name) => at(name, 4) !== at(name, 2));
const stays = NAMES.filter((name) => at(name, 4) === at(name, 2));

function placesOf(present: number, former: number | null): LobbyPlaces {
  const places = new LobbyPlaces();
  places.set({ present, former });
  return places;
}

describe("the hub of a lobby", () => {
  test("is not known before the number of shards is", () => {
    const places = new LobbyPlaces();
    expect([places.hubs, places.of("rabid", "Nice"), places.isAt("rabid", "Nice", 0)]).toStrictEqual([0, null, false]);
    expect(places.next("rabid", "Nice", 0)).toBeNull();
  });

  test("follows from its name while the number stays", () => {
    const places = placesOf(4, null);
    expect(NAMES.map((name) => places.of("rabid", name))).toStrictEqual(NAMES.map((name) => at(name, 4)));
    expect(NAMES.every((name) => places.isAt("rabid", name, at(name, 4)))).toBe(true);
    expect(NAMES.map((name) => places.next("rabid", name, at(name, 4)))).toStrictEqual(NAMES.map(() => null));
  });

  test.each([
    [4, 2],
    [2, 4],
  ])("of %i instead of %i shards is looked for at the former one first, and then at the new one", (present, former) => {
    const places = placesOf(present, former);
    expect(places.hubs).toBe(4);
    for (const name of moved) {
      expect(places.of("rabid", name)).toBe(at(name, former));
      expect(places.isAt("rabid", name, at(name, former))).toBe(false);
      expect(places.next("rabid", name, at(name, former))).toBe(at(name, present));
      expect(places.next("rabid", name, at(name, present))).toBeNull();
    }
    for (const name of stays) {
      expect(places.of("rabid", name)).toBe(at(name, present));
      expect(places.isAt("rabid", name, at(name, present))).toBe(true);
      expect(places.next("rabid", name, at(name, present))).toBeNull();
    }
  });

  test("is where a hub said that it is, until the change is over", () => {
    const places = placesOf(4, 2);
    const [name] = moved as [string];
    places.learn("rabid", name, at(name, 4));
    expect([places.of("rabid", name), places.isAt("rabid", name, at(name, 2))]).toStrictEqual([at(name, 4), false]);
    places.learn("rabid", name, at(name, 2));
    expect([places.of("rabid", name), places.isAt("rabid", name, at(name, 2))]).toStrictEqual([at(name, 2), true]);
    places.set({ present: 4, former: null });
    expect(places.of("rabid", name)).toBe(at(name, 4));
  });

  test("of a native lobby is in its id, also where the number shrinks", () => {
    const places = placesOf(2, 4);
    expect(places.of("native", "3-aaaaaaaaaaaaaaaaaaaaaaaaaa")).toBe(3);
    expect(places.isAt("native", "3-aaaaaaaaaaaaaaaaaaaaaaaaaa", 3)).toBe(true);
  });

  test("is remembered for a bounded number of lobbies", () => {
    const places = placesOf(4, 2);
    const [name] = moved as [string];
    places.learn("rabid", name, at(name, 4));
    for (let n = 0, learnt = 0; learnt < LOBBY_PLACES_MAX; n++) {
      const other = `Other ${n}`;
      if (at(other, 4) === at(other, 2)) continue;
      places.learn("rabid", other, at(other, 4));
      learnt++;
    }
    expect(places.of("rabid", name)).toBe(at(name, 2));
  });
});
