import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { SHARDS_MAX } from "#shared/limits.ts";
import type { Wire } from "#shared/lobby/lobby.ts";
import { canonicalCode, CODES, joinCode, lobbyId, shardOf, shardOfCode, shardOfId } from "#shared/lobby/ids.ts";

const RANDOM = "0123456789abcdefghijklmnop";

describe("the shard of a name", () => {
  // Computed apart from this code (FNV-1a over UTF-16 units). A change here would lose stored lobbies.
  test.each([
    ["rabid", "Nice", 3_141_506_809],
    ["rabid", "nice", 1_038_502_937],
    ["native", "Nice", 2_105_526_310],
    ["dowsett", "ABCD", 1_964_566_190],
    ["noray", "", 1_471_006_251],
    ["native", "Größe", 2_672_406_640],
    ["native", "🎲", 1_040_408_401],
  ] as const)("never changes: %s/%s", (wire, name, hash) => {
    for (const shards of [1, 2, 3, 8, SHARDS_MAX]) expect(shardOf(wire, name, shards)).toBe(hash % shards);
  });

  test.each([2, 5, 8, SHARDS_MAX])("is evenly distributed over %i shards", (shards) => {
    const names = 2_000 * shards;
    const counts = Array<number>(shards).fill(0);
    for (let at = 0; at < names; at++) counts[shardOf(WIRE, `Lobby${at}`, shards)]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(2_000 * 0.85);
    expect(Math.max(...counts)).toBeLessThan(2_000 * 1.15);
  });
});

test("the shard of a native lobby named by its id is the one in the id, if that shard exists", () => {
  expect([0, 1, 2].map((shard) => shardOf("native", lobbyId(shard, RANDOM), 3))).toStrictEqual([0, 1, 2]);
  const hashes = [2, 3].map((shards) => shardOf("native", lobbyId(60, RANDOM), shards));
  expect(hashes.every((shard, at) => shard < at + 2)).toBe(true);
  // Elsewhere players choose names, and any name is a name.
  const elsewhere = [0, 1, 2].map((shard) => shardOf("rabid", lobbyId(shard, RANDOM), 3));
  expect(elsewhere).not.toStrictEqual([0, 1, 2]);
});

describe("the shard in an id", () => {
  test("is read back from every generated id", () => {
    for (let shard = 0; shard < SHARDS_MAX; shard++) expect(shardOfId(lobbyId(shard, RANDOM))).toBe(shard);
  });

  test.each([
    ["nothing", ""],
    ["no shard", `-${RANDOM}`],
    ["no random part", "0-"],
    ["a random part that could be guessed", "0-0123456789abcdefghi"],
    ["a random part without end", `0-${"a".repeat(41)}`],
    ["a shard beyond the last", `${SHARDS_MAX.toString(36)}-${RANDOM}`],
    ["a shard far beyond", `zz-${RANDOM}`],
    ["a shard of three characters", `001-${RANDOM}`],
    ["capitals", `0-${RANDOM.toUpperCase()}`],
    ["a path", `0-../${RANDOM}`],
    ["something after it", `0-${RANDOM}\n`],
    ["something before it", ` 0-${RANDOM}`],
    ["two parts too many", `0-${RANDOM}-${RANDOM}`],
  ])("is not read from %s", (_, id) => {
    expect(shardOfId(id)).toBeNull();
  });
});

const WIRE: Wire = "rabid";

describe("a join code", () => {
  test("contains its shard for every random number", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: SHARDS_MAX }),
        fc.nat(),
        fc.integer({ min: 0, max: CODES - 1 }),
        (shards, at, random) => {
          const code = joinCode(at % shards, shards, random);
          expect(canonicalCode(code)).toBe(code);
          expect(shardOfCode(code, shards)).toBe(at % shards);
        },
      ),
    );
  });

  test("is read in every typed form, and no other text is accepted", () => {
    expect(["abc def", "ABC-DEF", " aBcDeF "].map(canonicalCode)).toStrictEqual(["ABCDEF", "ABCDEF", "ABCDEF"]);
    for (const typed of ["ABCDE", "ABCDEFG", "ABCDE0", "ABCDEI", "ABCDEO", "ABCDE1", "", "ÄBCDEF"]) {
      expect([typed, canonicalCode(typed)]).toStrictEqual([typed, null]);
    }
  });
});
