/**
 * Every ordered pair of NATs in the virtual network, with the real advice and punch code: thousands of introductions in
 * seconds. `nat.ts` describes the routers.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Behaviour } from "./nat.ts";
import { type Home, KINDS, type Kind, introduce, type IntroductionResult, type Options } from "./introduction.ts";
import { type Cell, matrix, median, renderTables, RUNS, LINK_CASES } from "./table.ts";

// Each test has hundreds of introductions, whose duration depends on the load of the machine.

const results = LINK_CASES.map((weather) => [weather, matrix(weather)] as const);

/** Both sides are unpredictable, or UDP is blocked. */
const relayed = ({ a, b }: Pick<Cell, "a" | "b">): boolean =>
  a === "blocked" || b === "blocked" || (isHard(a) && isHard(b) && (a === "random" || b === "random"));
const isHard = (kind: Kind): boolean => kind === "sequential" || kind === "random";
/** One side has random ports, and the other one filters by port. */
const lucky = ({ a, b }: Cell): boolean =>
  [a, b].includes("random") && [a, b].some((kind) => kind === "port-restricted" || kind === "cgn");

describe.each(results)("$title", (_, cells) => {
  test("26 of the 28 pairs with UDP connect directly in either order, every time", () => {
    const pairs = new Set(cells.filter((cell) => cell.direct === RUNS).map(({ a, b }) => [a, b].toSorted().join(" ")));
    expect(pairs.size).toBe(26);
    expect(cells.filter((cell) => cell.direct !== (relayed(cell) ? 0 : RUNS))).toStrictEqual([]);
  });

  test("the others get no punch plan, only the relay", () => {
    for (const { verdicts } of cells.filter(relayed)) expect([...verdicts]).toStrictEqual(["relay"]);
  });

  test("plain punches succeed at the first attempt within a second, birthday punches within two attempts of some seconds", () => {
    const met = cells.filter((cell) => !relayed(cell));
    expect(met.filter((cell) => !lucky(cell) && cell.again > 0)).toStrictEqual([]);
    expect(met.filter((cell) => !lucky(cell) && cell.ms.at(-1)! > 1_000)).toStrictEqual([]);
    expect(met.filter((cell) => lucky(cell) && cell.ms.at(-1)! > 9_500)).toStrictEqual([]);
    expect(met.filter((cell) => lucky(cell) && median(cell) > 2_500)).toStrictEqual([]);
  });
});

test("a plain punch takes one round trip after the common start", () => {
  const [, cells] = results[0]!;
  const plain = cells.filter(({ a, b }) => !isHard(a) && !isHard(b) && !relayed({ a, b }));
  expect(plain).toHaveLength(25);
  // 20 ms for the hub's message, 20 ms until the start, 80 ms for the round trip.
  for (const cell of plain) expect(Math.abs(median(cell) - 124)).toBeLessThan(6);
});

test("docs/internals/nat.md shows these tables", () => {
  const page = readFileSync(new URL("../../docs/internals/nat.md", import.meta.url), "utf8");
  const cellsOf = (text: string): string[] => text.split(/[|\n]/).map((cell) => cell.trim());
  const shown = new Set(cellsOf(page));
  expect(cellsOf(renderTables(results)).filter((cell) => !/^-*$/.test(cell) && !shown.has(cell))).toStrictEqual([]);
});

describe("sequential routers are predicted", () => {
  const counting = (step: number, foreign_per_s: number): Behaviour => ({
    mapping: "port",
    filtering: "port",
    allocation: { step },
    foreign_per_s,
  });

  test.each([1, -1, 3])("with step %d, while other hosts create 100 mappings a second", (step) => {
    const noisy = counting(step, 100);
    expect(share(noisy, "port-restricted", {})).toBe(1);
    expect(share(noisy, noisy, {})).toBeGreaterThanOrEqual(0.9);
    expect(share(noisy, noisy, { attempts: 2 })).toBe(1);
  });

  test("with step 8, without other mappings", () => {
    expect(share(counting(8, 0), counting(8, 0), {})).toBe(1);
  });
});

describe("routers that remap after an early datagram", () => {
  test.each<Home>(["linux", "port-restricted", "remapping"])("connect to %s if both start together", (other) => {
    expect(share("remapping", other, {})).toBe(1);
    expect(share(other, "remapping", {})).toBe(1);
  });

  test("match a port of a random NAT, although its early datagrams would occupy their ports", () => {
    expect(share("random", "remapping", {})).toBeGreaterThanOrEqual(0.95);
    expect(share("random", "remapping", { attempts: 3 })).toBe(1);
  });

  test.each([-200, -60, 60, 200])("fail once if one side starts %d ms off, and not again", (skew_ms) => {
    expect(share("remapping", "remapping", { skew_ms })).toBe(0);
    expect(share("remapping", "remapping", { skew_ms, attempts: 2 })).toBe(1);
  });
});

describe("behind one public address", () => {
  test.each<Home>(["linux", "random", "sequential"])(
    "peers of one home behind %s connect by local endpoints at once",
    (kind) => {
      const met = many(kind, kind, { together: "home" });
      expect(met.every(({ path, ms }) => path === "direct" && ms! < 60)).toBe(true);
      expect(met.every(({ players }) => players[0].punch?.outcome?.kind === "opened")).toBe(true);
      const to = met
        .map(({ players }) => players[0].punch!.outcome!)
        .map((outcome) => "to" in outcome && outcome.to.address);
      expect(new Set(to)).toStrictEqual(new Set(["192.168.1.11"]));
    },
  );

  test("two homes of one carrier connect directly if it supports hairpinning", () => {
    expect(share("linux", "linux", { together: "carrier", router: { hairpin: true } })).toBe(1);
    expect(share("linux", "linux", { together: "carrier" })).toBe(0);
  });
});

describe("with IPv6 on both sides", () => {
  const familyOf = (met: IntroductionResult): string => {
    const outcome = met.players[0].punch?.outcome;
    return outcome?.kind === "opened" ? (outcome.to.address.includes(":") ? "IPv6" : "IPv4") : "none";
  };

  test("random and blocking NATs do not prevent a direct path", () => {
    for (const [a, b] of [
      ["random", "random"],
      ["blocked", "random"],
      ["sequential", "blocked"],
    ] as const) {
      const met = many(a, b, { six_ms: 0 }, 20);
      expect(new Set(met.map(familyOf))).toStrictEqual(new Set(["IPv6"]));
      expect(Math.max(...met.map(({ ms }) => ms!))).toBeLessThan(250);
    }
  });

  test("IPv6 that does not reach the peer does not hide the direct path over IPv4, and no search delays a healthy one", () => {
    for (const [a, b, least] of [
      ["random", "port-restricted", 0.95],
      ["port-restricted", "linux", 1],
      ["sequential", "port-restricted", 1],
    ] as const) {
      const met = many(a, b, { six_ms: 0, isSixCut: true }, 20);
      const direct = met.filter(({ path }) => path === "direct");
      expect([a, b, direct.length >= least * met.length]).toStrictEqual([a, b, true]);
      expect(new Set(direct.map(familyOf))).toStrictEqual(new Set(["IPv4"]));
      const healthy = many(a, b, { six_ms: 0 }, 20);
      expect(Math.max(...healthy.map(({ ms }) => ms!))).toBeLessThan(300);
      expect(Math.max(...healthy.flatMap(({ players }) => players.map(({ open }) => open.length)))).toBeLessThan(100);
    }
  });

  test("IPv6 is preferred if both work, unless its delay is much longer", () => {
    expect(new Set(many("linux", "linux", { six_ms: 0 }).map(familyOf))).toStrictEqual(new Set(["IPv6"]));
    expect(new Set(many("linux", "linux", { six_ms: 15 }).map(familyOf))).toStrictEqual(new Set(["IPv4"]));
  });
});

test("unknown filtering does not prevent a connection", () => {
  const untested = { untested: true, attempts: 2 };
  for (const other of ["none", "full-cone", "address-restricted", "port-restricted", "cgn"] as const)
    for (const hard of ["sequential", "random"] as const)
      expect([other, hard, share(other, hard, untested, 20)]).toStrictEqual([other, hard, 1]);
});

test("a mapping that expired between join and introduction is observed again", () => {
  for (const kind of ["full-cone", "port-restricted", "sequential"] as const)
    expect([kind, share(kind, "port-restricted", { router: { timeout_ms: 1_000 } })]).toStrictEqual([kind, 1]);
});

test("searching a block of ports is faster than searching all", () => {
  const met = many("block", "port-restricted", {});
  expect(met.every(({ path, ms }) => path === "direct" && ms! < 1_000)).toBe(true);
});

test("20 % loss prevents no possible connection", () => {
  expect(share("port-restricted", "cgn", { loss: 0.2 })).toBe(1);
  expect(share("port-restricted", "random", { loss: 0.2, attempts: 2 })).toBe(1);
});

test("a peer sends a bounded number of datagrams, and only to endpoints of the plan", () => {
  for (const met of many("port-restricted", "random", { attempts: 1 })) {
    for (const { sentTo } of met.players) {
      expect([...sentTo.keys()].every((address) => address.startsWith("20.0."))).toBe(true);
      expect(Math.max(...sentTo.values())).toBeLessThanOrEqual(2_048);
    }
  }
});

test("the same seed gives the same events", () => {
  const once = (seed: number): unknown => {
    const { ms, players } = introduce("cgn", "random", { seed, loss: 0.05 });
    return [ms, ...players.map(({ punch }) => punch?.counts)];
  };
  expect(once(5)).toStrictEqual(once(5));
  expect(once(5)).not.toStrictEqual(once(6));
});

test("every kind is in the table", () => {
  expect(results.map(([, cells]) => cells.length)).toStrictEqual([KINDS.length ** 2, KINDS.length ** 2]);
});

// --- helpers ---------------------------------------------------------------------------------------------------

const many = (a: Home, b: Home, options: Omit<Options, "seed">, runs = 50): IntroductionResult[] =>
  Array.from({ length: runs }, (_, run) => introduce(a, b, { seed: 31 * run + 3, ...options }));

function share(a: Home, b: Home, options: Omit<Options, "seed">, runs?: number): number {
  const met = many(a, b, options, runs);
  return met.filter(({ path }) => path === "direct").length / met.length;
}
