import { describe, expect, test } from "vitest";
import { BIRTHDAY_AFTER_MS } from "#shared/limits.ts";
import type { Nat } from "#shared/connect/nat.ts";
import { advise, type Advice, startsIn } from "#shared/connect/nat-advice.ts";
import { type Candidate, type Side, windowOf } from "#shared/connect/punch-plan.ts";

const CONE: Nat = {
  kind: "nat",
  mapping: "independent",
  allocation: { kind: "preserving" },
  filtering: "port",
  hairpin: null,
  remaps: null,
};
const COUNTS: Nat = {
  ...CONE,
  mapping: "per_port",
  allocation: { kind: "sequential", step: 2, last: 20_000, at_ms: 0, foreign_per_s: 0 },
};
const DICE: Nat = { ...CONE, mapping: "per_port", allocation: { kind: "random", first: 1_024, last: 65_535 } };
const BLOCKED: Nat = { kind: "blocked", mapping: null, allocation: null, filtering: null, hairpin: null, remaps: null };

const seen = (address: string, port: number, observed_at = 0): Candidate => ({
  kind: "reflexive",
  endpoint: { address, port },
  via: "one",
  observed_at,
});
const own = (address: string, port: number): Candidate => ({
  kind: "host",
  endpoint: { address, port },
  via: null,
  observed_at: null,
});

function side(nat: Nat, address: string, more: Partial<Side> = {}): Side {
  const local = own("192.168.1.2", 4_000);
  const candidates = nat.kind === "blocked" ? [local] : [seen(address, 5_000), local];
  return { candidates, nat, rtt_ms: 40, sampled_ms_ago: 0, relay_only: false, birthday: true, ...more };
}

const A = "20.0.0.1";
const B = "20.0.0.2";
const between = (a: Nat, b: Nat): Advice => advise(side(a, A), side(b, B));
const endpoints = (targets: readonly { address: string; port: number }[]): string[] =>
  targets.map(({ address, port }) => `${address} ${port}`);

describe("the verdict", () => {
  test.each<[string, Nat, Nat, string]>([
    ["two cones", CONE, CONE, "direct"],
    ["a sequential one, an address-restricted one", COUNTS, { ...CONE, filtering: "address" }, "direct"],
    ["one at random, one that lets in everybody", { ...CONE, filtering: "independent" }, DICE, "direct"],
    ["one that counts, one that filters by port", COUNTS, CONE, "predict"],
    ["one that counts, one that nobody tested", COUNTS, { ...CONE, filtering: null }, "predict"],
    ["two that count", COUNTS, COUNTS, "predict"],
    ["one at random, one that filters by port", CONE, DICE, "birthday"],
    ["one at random, one that counts", DICE, COUNTS, "relay"],
    ["two at random", DICE, DICE, "relay"],
    ["one that is blocked", CONE, BLOCKED, "relay"],
    ["a new mapping per address is a new mapping", { ...DICE, mapping: "per_address" }, DICE, "relay"],
  ])("%s: %#", (_, a, b, verdict) => {
    for (const advice of [between(a, b), between(b, a)]) {
      expect(advice.verdict).toBe(verdict);
      expect(advice.plans === null).toBe(verdict === "relay");
      expect(advice.reason).toMatch(/^[A-Z].*\.$/);
    }
  });

  test("no punch is tried if one peer hides its address or no sidecar observed one", () => {
    expect(advise(side(CONE, A, { relay_only: true }), side(CONE, B)).verdict).toBe("relay");
    const six = side(CONE, A, { candidates: [seen("2a00::1", 5_000)] });
    expect(advise(six, side(CONE, B)).verdict).toBe("relay");
  });

  test("a birthday needs the agreement of both", () => {
    expect(advise(side(DICE, A), side(CONE, B, { birthday: false })).verdict).toBe("relay");
    const untested = side({ ...CONE, filtering: null }, B, { birthday: false });
    expect(advise(side(DICE, A), untested).verdict).toBe("direct");
  });

  test("a pair that measurably fails is skipped, and one with few outcomes is tried", () => {
    const [a, b] = [side(CONE, A), side(DICE, B)];
    const after = (tries: number, direct: number): string => advise(a, b, 0, () => ({ tries, direct })).verdict;
    expect([after(49, 0), after(50, 0), after(100, 1), after(100, 2)]).toStrictEqual([
      "birthday",
      "relay",
      "relay",
      "birthday",
    ]);
    const asked: string[] = [];
    advise(a, b, 0, (pair) => (asked.push(pair), null));
    expect(asked).toStrictEqual(["port_restricted/random"]);
  });

  test("IPv6 on both sides is enough if IPv4 is blocked", () => {
    const [a, b] = [1, 2].map((at) => side(BLOCKED, A, { candidates: [seen(`2a00:${at}::1`, 6_000)] })) as [Side, Side];
    expect(advise(a, b)).toMatchObject({ verdict: "direct", pair: "ipv6/ipv6" });
  });

  test("IPv6 on both sides is direct, whatever the IPv4 NATs are", () => {
    const [a, b] = [A, B].map((address, at) =>
      side(DICE, address, { candidates: [seen(address, 5_000), seen(`2a00:${at}::1`, 6_000)] }),
    ) as [Side, Side];
    const advice = advise(a, b);
    // IPv4 is hopeless, so only IPv6 decides.
    expect(advice).toMatchObject({ verdict: "direct", pair: "ipv6/ipv6" });
    expect(endpoints(advice.plans![0].targets)).toStrictEqual(["2a00:1::1 6000", `${B} 5000`]);
  });

  test("IPv4 gets what it needs, with IPv6 beside it, so that neither family's failure hides the other's path", () => {
    const both = (nat: Nat, address: string, at: number): Side =>
      side(nat, address, { candidates: [seen(address, 5_000), seen(`2a00:${at}::1`, 6_000)] });
    const [a, b] = [both(DICE, A, 0), both(CONE, B, 1)];
    const advice = advise(a, b);
    expect(advice).toMatchObject({ verdict: "birthday", pair: "port_restricted/random", byIPv6: true });
    // All sockets of the first peer send to the first target.
    expect(endpoints(advice.plans![0].targets)).toStrictEqual([`${B} 5000`, "2a00:1::1 6000"]);
    // A healthy IPv6 is faster than the search.
    expect(advice.plans![1].spray).toMatchObject({ address: A, after_ms: BIRTHDAY_AFTER_MS });
    const [c, d] = [both(COUNTS, A, 0), both(COUNTS, B, 1)];
    const crossing = advise(c, d).plans!;
    expect(crossing.map(({ targets }) => targets.map(({ address }) => address))).toStrictEqual([
      [B, "2a00:1::1"],
      ["2a00:0::1"],
    ]);
  });
});

describe("one public address", () => {
  test("puts local endpoints first", () => {
    const [a, b] = [side(DICE, A), side(DICE, A, { candidates: [seen(A, 6_000), own("192.168.1.3", 4_001)] })];
    const advice = advise(a, b);
    expect(advice.verdict).toBe("direct");
    expect(advice.plans!.map(({ same_network }) => same_network)).toStrictEqual([true, true]);
    expect(endpoints(advice.plans![0].targets)).toStrictEqual(["192.168.1.3 4001", `${A} 6000`]);
  });

  test("without local endpoints and without hairpinning needs a relay", () => {
    const candidates = [seen(A, 6_000)];
    const [a, b] = [side({ ...CONE, hairpin: false }, A, { candidates }), side(CONE, A, { candidates })];
    expect(advise(a, b).verdict).toBe("relay");
    expect(advise(b, b).verdict).toBe("direct");
  });

  test("of IPv6 is one /64", () => {
    const [a, b] = [side(CONE, "2a00::1"), side(CONE, "2a00::2")];
    expect(advise(a, b).plans![0].same_network).toBe(true);
    expect(advise(a, side(CONE, "2a00:0:0:1::2")).plans![0].same_network).toBe(false);
  });
});

describe("what a peer claims", () => {
  const LIES = ["8.8.8.8", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "2a00::5", "::1", "ff02::1"];

  test("makes the other peer send only into its own network", () => {
    const liar = (address: string): Side =>
      side(CONE, address, { candidates: [seen(address, 5_000), ...LIES.map((lie) => own(lie, 53))] });
    for (const advice of [advise(side(CONE, A), liar(B)), advise(side(CONE, A), liar(A))])
      expect(endpoints(advice.plans![0].targets).every((text) => text.startsWith("20."))).toBe(true);
    const local = Array.from({ length: 50 }, (_, at) => own(`10.0.0.${at + 1}`, 53));
    const flooder = side(CONE, A, { candidates: [seen(A, 5_000), ...local] });
    expect(advise(side(CONE, A), flooder).plans![0].targets).toHaveLength(9);
    expect(advise(side(CONE, B), flooder).plans![0].targets).toHaveLength(1);
  });

  test("delays the other peer only up to the cap", () => {
    expect(Math.max(...startsIn(1e9, 40), ...startsIn(-5, Number.MAX_VALUE))).toBeLessThanOrEqual(1_020);
  });
});

describe("the plans", () => {
  test("both start together for all round trips", () => {
    expect(startsIn(200, 40)).toStrictEqual([20, 100]);
  });

  test("a second attempt starts with a short TTL, and later ones start one side first in turn", () => {
    const tries = [0, 1, 2, 3].map((attempt) => advise(side(CONE, A), side(CONE, B), attempt));
    expect(tries.map(({ plans }) => plans![0].first_hops)).toStrictEqual([null, 2, null, null]);
    expect(tries.map(({ start_in_ms }) => start_in_ms)).toStrictEqual([
      [20, 20],
      [20, 20],
      [270, 20],
      [20, 270],
    ]);
  });

  test("exactly one peer nominates", () => {
    expect(between(CONE, CONE).plans!.map(({ nominates }) => nominates)).toStrictEqual([true, false]);
  });

  test("the next ports of a sequential NAT are tried by the other peer", () => {
    const [counting, other] = between(COUNTS, CONE).plans!;
    expect(counting.spray).toBeNull();
    expect(other.spray).toMatchObject({ address: A, first_port: 20_002, step: 2, ports: 64, order: "in_a_row" });
  });

  test("the window moves with foreign mappings and wraps at the last port", () => {
    const busy: Nat = {
      ...COUNTS,
      allocation: { ...COUNTS.allocation, step: 1, foreign_per_s: 400 } as Nat["allocation"],
    };
    const { spray } = advise(side(busy, A, { sampled_ms_ago: 260 }), side(CONE, B)).plans![1];
    // 300 ms with the start: 120 mappings, from half of them less the slack to beyond one and a half.
    expect(spray).toMatchObject({ first_port: 20_053, ports: 180 });
    const late: Nat = { ...COUNTS, allocation: { ...COUNTS.allocation, last: 65_535 } as Nat["allocation"] };
    expect(advise(side(late, A), side(CONE, B)).plans![1].spray!.first_port).toBe(1_025);
  });

  test("fresh samples give another window, and a NAT that is not sequential none", () => {
    expect(windowOf(side(COUNTS, A), 0)).toMatchObject({ first_port: 20_002, ports: 64 });
    expect(windowOf(side(COUNTS, A), 100)).toMatchObject({ first_port: 20_086, ports: 150 });
    expect(windowOf(side(CONE, A), 0)).toBeNull();
    expect(windowOf(side(COUNTS, "2a00::1"), 0)).toBeNull();
  });

  test("with two sequential NATs many sockets aim at the middle of the other's sequence", () => {
    const [aims, walks] = between(COUNTS, COUNTS).plans!;
    expect(aims).toMatchObject({ sockets: 96, spray: null });
    expect(aims.targets).toStrictEqual([{ kind: "predicted", address: B, port: 20_082 }]);
    expect(walks).toMatchObject({ sockets: 1, targets: [] });
    expect(walks.spray).toMatchObject({ address: A, first_port: 20_018, step: 2, ports: 96 });
  });

  test("a birthday uses many sockets on the random side and ports of its block on the other", () => {
    const [other, random] = between(CONE, DICE).plans!;
    expect(random).toMatchObject({ sockets: 256, spray: null, per_s: 200 });
    expect(other.spray).toMatchObject({ address: B, ports: 64_512, probes: 1_536, order: "shuffled", after_ms: 0 });
    const block: Nat = { ...DICE, allocation: { kind: "random", first: 30_000, last: 30_799 } };
    const [careful, few] = between({ ...CONE, filtering: null }, block).plans!;
    expect(few.sockets).toBe(50);
    expect(careful.spray).toMatchObject({ first_port: 30_000, ports: 800, probes: 800, after_ms: 300 });
  });

  test.each<[boolean | null, readonly (number | null)[]]>([
    [true, [2, null, 2]],
    [false, [null, null, null]],
    [null, [null, 2, null]],
  ])("a birthday with a router that remaps %j sends datagrams that expire in the attempts %j", (remaps, wanted) => {
    const attempts = [0, 1, 2].map((attempt) => advise(side({ ...CONE, remaps }, A), side(DICE, B), attempt));
    expect(attempts.map(({ plans }) => plans![1].first_hops)).toStrictEqual(wanted);
  });
});
