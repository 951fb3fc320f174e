import { describe, expect, test } from "vitest";
import { hubsOf, parseShards, placesOf } from "#shared/settings/shards.ts";

describe("HUB_SHARDS", () => {
  test.each([
    ["1", { present: 1, former: null }, 1],
    ["64", { present: 64, former: null }, 64],
    ["4,2", { present: 4, former: 2 }, 4],
    ["2, 4", { present: 2, former: 4 }, 4],
    ["3,3", { present: 3, former: null }, 3],
  ])("%s", (setting, shards, hubs) => {
    expect(parseShards(setting)).toStrictEqual(shards);
    expect(hubsOf(parseShards(setting)!)).toBe(hubs);
  });

  test.each(["", "0", "65", "many", "2,", ",2", "2,0", "4,2,1", "2.5", "-1"])("%j is not valid", (setting) => {
    expect(parseShards(setting)).toBeNull();
  });

  test("a lobby is at one place, or at two while the number changes, that of the new number first", () => {
    expect(placesOf({ present: 4, former: null }, (shards) => 7 % shards)).toStrictEqual([3]);
    expect(placesOf({ present: 4, former: 2 }, (shards) => 7 % shards)).toStrictEqual([3, 1]);
    expect(placesOf({ present: 4, former: 2 }, (shards) => 5 % shards)).toStrictEqual([1]);
  });
});
