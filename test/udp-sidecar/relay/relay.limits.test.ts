import { describe, expect, test } from "vitest";
import * as limits from "#shared/limits.ts";
import { ALICE, at, BOB, Table } from "../support/relays.ts";

/** What a datagram costs besides its own bytes. */
const HEAD = limits.RELAY_OVERHEAD_BYTES;

describe("a limit drops, counts, and is told once", () => {
  test("of a side: its own bytes per second, and what may come at once", () => {
    const table = new Table({ side: { per_s: 1_000, burst: 2 * (100 + HEAD) } });
    const { a, b, told } = table.proved();
    table.passes(1_000);
    expect([1, 2, 3].map(() => table.sends(ALICE, a))).toStrictEqual([[b, BOB], [b, BOB], "rate"]);
    // The other side has its own.
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
    table.passes(127);
    expect(table.sends(ALICE, a)).toBe("rate");
    table.passes(1);
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
    for (let times = 0; times < 100; times++) table.sends(ALICE, a);
    expect(told).toStrictEqual([{ kind: "limited", reason: "rate" }]);
    expect(table.counters.get("relay_dropped", "rate")).toBe(102);
  });

  test("of a source: all its sides together, whatever their games", () => {
    const table = new Table({ source: { per_s: 1_000, burst: 3 * (100 + HEAD) } });
    const one = table.pair("alice", "bob");
    const two = table.pair("alicia", "carol", { seen: [at(ALICE.address, 9), at("45.3.3.3", 3)], game: "chess" });
    table.sends(BOB, one.b);
    table.sends(at("45.3.3.3", 3), two.b);
    const sends = [one.a, two.a, one.a, two.a].map((port) =>
      table.sends(port === one.a ? ALICE : at(ALICE.address, 9), port),
    );
    expect(sends.map((said) => (typeof said === "string" ? said : "carried"))).toStrictEqual([
      "carried",
      "carried",
      "carried",
      "source_rate",
    ]);
    expect(table.sends(BOB, one.b)).toStrictEqual([one.a, ALICE]);
    expect([one.told, two.told]).toStrictEqual([[], [{ kind: "limited", reason: "source_rate" }]]);
  });

  test("of IPv6 neighbours: they are one source by their /64", () => {
    const table = new Table({ source: { per_s: 1, burst: 100 + HEAD } });
    const seen = [at("2a00:1::1", 1), at("2a00:1::2", 2)];
    const { a, b } = table.pair("alice", "bob", { seen });
    table.sends(seen[0]!, a);
    expect(table.sends(seen[1]!, b)).toStrictEqual([a, seen[0]]);
    expect(table.sends(seen[0]!, a)).toBe("source_rate");
  });

  test("of a game: all its pairs together; another game has its own", () => {
    const table = new Table({ game: { per_s: 1_000, burst: 2 * (100 + HEAD) } });
    const [one, two] = [table.pair("a", "b"), table.pair("c", "d")];
    const other = table.pair("a", "b", { game: "chess" });
    for (const { a, b } of [one, two, other]) {
      table.sends(ALICE, a);
      table.sends(BOB, b);
    }
    expect([one, two].map(({ a }) => table.sends(ALICE, a))).toStrictEqual(["game_rate", "game_rate"]);
    expect(table.sends(ALICE, other.a)).toStrictEqual([other.b, BOB]);
    expect([one.told, two.told, other.told].map((told) => told.length)).toStrictEqual([1, 1, 0]);
  });

  test("of what a pair may carry in all: that ends it", () => {
    const table = new Table({ bytes_max: 4 * (100 + HEAD) });
    const { a, b, told } = table.proved();
    // One was carried when Bob proved himself.
    expect([table.sends(ALICE, a), table.sends(BOB, b), table.sends(ALICE, a)]).not.toContain("bytes");
    expect([table.sends(BOB, b), table.sends(BOB, b)]).toStrictEqual(["bytes", "unallocated"]);
    expect(told).toStrictEqual([
      { kind: "limited", reason: "bytes" },
      { kind: "ended", why: "bytes" },
    ]);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, 100]);
  });

  test("of how long a pair may last: that ends it, with the next datagram or without", () => {
    for (const speaks of [true, false]) {
      const table = new Table({ lifetime_ms: 10_000 });
      const { a, b, told } = table.proved();
      table.passes(9_999);
      expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
      table.now += 1;
      if (speaks) expect(table.sends(ALICE, a)).toBe("lifetime");
      table.passes(0);
      expect(told).toStrictEqual([
        { kind: "limited", reason: "lifetime" },
        { kind: "ended", why: "lifetime" },
      ]);
      expect(table.free).toHaveLength(100);
    }
  });

  test("each reason by itself", () => {
    const table = new Table({ side: { per_s: 1, burst: 200 }, bytes_max: 1_000, lifetime_ms: 10_000 });
    const { a, told } = table.proved();
    table.sends(ALICE, a, 200);
    table.sends(ALICE, a, 5_000);
    expect(told).toStrictEqual([
      { kind: "limited", reason: "rate" },
      { kind: "limited", reason: "bytes" },
      { kind: "ended", why: "bytes" },
    ]);
  });
});

describe("by default", () => {
  const side = { per_s: limits.RELAY_SIDE_PER_S, burst: limits.RELAY_SIDE_PER_S };

  test("24 kB in 100 ms pass, in datagrams of any length", () => {
    for (const length of [24_000, 1_200, 100, 60]) {
      const table = new Table({ side });
      const { a, b, told } = table.proved();
      const times = 24_000 / length;
      for (let sent = 0; sent < times; sent++) {
        table.now += 100 / times;
        expect(table.sends(ALICE, a, length)).toStrictEqual([b, BOB]);
      }
      expect(told).toStrictEqual([]);
    }
  });

  test("the longest and the shortest datagram pass; the shortest are not free", () => {
    const table = new Table({ side });
    const { a, b } = table.proved();
    expect(table.sends(ALICE, a, 65_507)).toStrictEqual([b, BOB]);
    let empty = 0;
    while (table.sends(ALICE, a, 0) !== "rate") empty++;
    expect(empty).toBeGreaterThan(2_000);
    expect(empty).toBeLessThan(limits.RELAY_SIDE_PER_S / HEAD);
  });

  test("a clock that is set back takes nothing away and gives nothing", () => {
    const table = new Table({ side: { per_s: 1_000, burst: 1_000 } });
    const { a, b, told } = table.proved();
    table.passes(-3_600_000);
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(() => table.sends(ALICE, a)).at(-1)).toBe("rate");
    expect(told).toHaveLength(1);
  });
});
