import { describe, expect, test } from "vitest";
import * as limits from "#shared/limits.ts";
import { ALICE, at, BOB, RelayHarness } from "../support/relays.ts";

/** The cost of a datagram beside its payload. */
const HEAD = limits.RELAY_OVERHEAD_BYTES;

describe("a limit drops, counts, and notifies once", () => {
  test("per side: its own rate and burst", () => {
    const table = new RelayHarness({ side: { per_s: 1_000, burst: 2 * (100 + HEAD) } });
    const { a, b, notices } = table.authenticatedPair();
    table.advance(1_000);
    expect([1, 2, 3].map(() => table.send(ALICE, a))).toStrictEqual([[b, BOB], [b, BOB], "rate"]);
    // The other side has a separate budget.
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
    table.advance(127);
    expect(table.send(ALICE, a)).toBe("rate");
    table.advance(1);
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
    for (let times = 0; times < 100; times++) table.send(ALICE, a);
    expect(notices).toStrictEqual([{ kind: "limited", reason: "rate" }]);
    expect(table.counters.get("relay_dropped", "rate")).toBe(102);
  });

  test("per source: all its sides together, in all games", () => {
    const table = new RelayHarness({ source: { per_s: 1_000, burst: 3 * (100 + HEAD) } });
    const one = table.pair("alice", "bob");
    const two = table.pair("alicia", "carol", { seen: [at(ALICE.address, 9), at("45.3.3.3", 3)], game: "chess" });
    table.send(BOB, one.b);
    table.send(at("45.3.3.3", 3), two.b);
    const sends = [one.a, two.a, one.a, two.a].map((port) =>
      table.send(port === one.a ? ALICE : at(ALICE.address, 9), port),
    );
    expect(sends.map((said) => (typeof said === "string" ? said : "carried"))).toStrictEqual([
      "carried",
      "carried",
      "carried",
      "source_rate",
    ]);
    expect(table.send(BOB, one.b)).toStrictEqual([one.a, ALICE]);
    expect([one.notices, two.notices]).toStrictEqual([[], [{ kind: "limited", reason: "source_rate" }]]);
  });

  test("per source: IPv6 addresses of one /64 share a budget", () => {
    const table = new RelayHarness({ source: { per_s: 1, burst: 100 + HEAD } });
    const seen = [at("2a00:1::1", 1), at("2a00:1::2", 2)];
    const { a, b } = table.pair("alice", "bob", { seen });
    table.send(seen[0]!, a);
    expect(table.send(seen[1]!, b)).toStrictEqual([a, seen[0]]);
    expect(table.send(seen[0]!, a)).toBe("source_rate");
  });

  test("per game: all its pairs together; another game has another budget", () => {
    const table = new RelayHarness({ game: { per_s: 1_000, burst: 2 * (100 + HEAD) } });
    const [one, two] = [table.pair("a", "b"), table.pair("c", "d")];
    const other = table.pair("a", "b", { game: "chess" });
    for (const { a, b } of [one, two, other]) {
      table.send(ALICE, a);
      table.send(BOB, b);
    }
    expect([one, two].map(({ a }) => table.send(ALICE, a))).toStrictEqual(["game_rate", "game_rate"]);
    expect(table.send(ALICE, other.a)).toStrictEqual([other.b, BOB]);
    expect([one.notices, two.notices, other.notices].map((notices) => notices.length)).toStrictEqual([1, 1, 0]);
  });

  test("of bytes per pair: ends the allocation", () => {
    const table = new RelayHarness({ bytes_max: 4 * (100 + HEAD) });
    const { a, b, notices } = table.authenticatedPair();
    // One datagram was forwarded when Bob authenticated.
    expect([table.send(ALICE, a), table.send(BOB, b), table.send(ALICE, a)]).not.toContain("bytes");
    expect([table.send(BOB, b), table.send(BOB, b)]).toStrictEqual(["bytes", "unallocated"]);
    expect(notices).toStrictEqual([
      { kind: "limited", reason: "bytes" },
      { kind: "ended", why: "bytes" },
    ]);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, 100]);
  });

  test("of a pair's lifetime: ends the allocation, with a datagram or without", () => {
    for (const speaks of [true, false]) {
      const table = new RelayHarness({ lifetime_ms: 10_000 });
      const { a, b, notices } = table.authenticatedPair();
      table.advance(9_999);
      expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
      table.now += 1;
      if (speaks) expect(table.send(ALICE, a)).toBe("lifetime");
      table.advance(0);
      expect(notices).toStrictEqual([
        { kind: "limited", reason: "lifetime" },
        { kind: "ended", why: "lifetime" },
      ]);
      expect(table.free).toHaveLength(100);
    }
  });

  test("each reason is notified separately", () => {
    const table = new RelayHarness({ side: { per_s: 1, burst: 200 }, bytes_max: 1_000, lifetime_ms: 10_000 });
    const { a, notices } = table.authenticatedPair();
    table.send(ALICE, a, 200);
    table.send(ALICE, a, 5_000);
    expect(notices).toStrictEqual([
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
      const table = new RelayHarness({ side });
      const { a, b, notices } = table.authenticatedPair();
      const times = 24_000 / length;
      for (let sent = 0; sent < times; sent++) {
        table.now += 100 / times;
        expect(table.send(ALICE, a, length)).toStrictEqual([b, BOB]);
      }
      expect(notices).toStrictEqual([]);
    }
  });

  test("the longest and the shortest datagram pass; the shortest have a cost", () => {
    const table = new RelayHarness({ side });
    const { a, b } = table.authenticatedPair();
    expect(table.send(ALICE, a, 65_507)).toStrictEqual([b, BOB]);
    let empty = 0;
    while (table.send(ALICE, a, 0) !== "rate") empty++;
    expect(empty).toBeGreaterThan(2_000);
    expect(empty).toBeLessThan(limits.RELAY_SIDE_PER_S / HEAD);
  });

  test("a clock that is set back neither removes nor adds budget", () => {
    const table = new RelayHarness({ side: { per_s: 1_000, burst: 1_000 } });
    const { a, b, notices } = table.authenticatedPair();
    table.advance(-3_600_000);
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(() => table.send(ALICE, a)).at(-1)).toBe("rate");
    expect(notices).toHaveLength(1);
  });
});
