import { describe, expect, test } from "vitest";
import { endpoint } from "#shared/net/endpoint.ts";
import { type Allocation, classify, natPair, natLabel, type Sample } from "#shared/connect/nat.ts";

const LOCAL_PORT = 40_000;

/** What was seen through the four ports of two sidecars, and of three fresh sockets through the first. */
function samples(main: readonly [number, number, number, number], fresh: readonly number[] = []): Sample[] {
  const via = ["45.0.0.1 3478", "45.0.0.1 3479", "45.0.0.2 3478", "45.0.0.2 3479"].map((text) => {
    const [address = "", port] = text.split(" ");
    return endpoint(address, Number(port))!;
  });
  const seen = (port: number): Sample["seen"] => endpoint("20.0.0.1", port)!;
  return [
    ...main.map((port, at) => ({ socket: 0, local_port: LOCAL_PORT, via: via[at]!, seen: seen(port), at_ms: at })),
    ...fresh.map((port, at) => ({
      socket: at + 1,
      local_port: LOCAL_PORT + 1 + at,
      via: via[0]!,
      seen: seen(port),
      at_ms: 4 + at,
    })),
  ];
}

describe("mapping", () => {
  test.each<[string, [number, number, number, number], string]>([
    ["the same everywhere", [7, 7, 7, 7], "independent"],
    ["one per sidecar", [7, 7, 8, 8], "per_address"],
    ["another through each port", [7, 8, 9, 10], "per_port"],
    ["another through one port only", [7, 7, 7, 9], "per_port"],
  ])("%s", (_, ports, mapping) => {
    expect(classify(samples(ports), []).mapping).toBe(mapping);
  });

  test("ignores observations between which the mapping may have expired", () => {
    const [before, after] = [samples([7, 7, 7, 7]), samples([8, 8, 8, 8])];
    const later = after.map((sample) => ({ ...sample, at_ms: sample.at_ms + 30_000 }));
    expect(classify([...before, ...later], []).mapping).toBe("independent");
  });

  test("is unknown with one observation", () => {
    expect(classify(samples([7, 7, 7, 7]).slice(0, 1), [])).toMatchObject({ kind: "nat", mapping: null });
  });

  test("of a public host is none, even if some ports differ", () => {
    const own = samples([LOCAL_PORT, LOCAL_PORT, LOCAL_PORT, LOCAL_PORT], [LOCAL_PORT + 1, LOCAL_PORT + 2]);
    expect(classify(own, ["20.0.0.1"])).toMatchObject({ kind: "none", mapping: "independent" });
    expect(classify(own, ["192.168.1.2"]).kind).toBe("nat");
  });

  test("no observation means blocked", () => {
    expect(classify([], ["192.168.1.2"])).toMatchObject({ kind: "blocked", mapping: null, allocation: null });
  });
});

describe("allocation", () => {
  const allocation = (main: [number, number, number, number], fresh: number[] = []): Allocation | null =>
    classify(samples(main, fresh), []).allocation;

  test("preserves the socket's port", () => {
    expect(
      allocation([LOCAL_PORT, LOCAL_PORT, LOCAL_PORT, LOCAL_PORT], [LOCAL_PORT + 1, LOCAL_PORT + 2]),
    ).toStrictEqual({
      kind: "preserving",
    });
  });

  test.each<[string, [number, number, number, number], number[], { step: number; last: number }]>([
    ["counts up", [20_000, 20_001, 20_002, 20_003], [20_004, 20_005, 20_006], { step: 1, last: 20_006 }],
    ["counts down by two", [20_000, 19_998, 19_996, 19_994], [19_992, 19_990], { step: -2, last: 19_990 }],
    ["counts by 256", [20_000, 20_256, 20_512, 20_768], [21_024], { step: 256, last: 21_024 }],
    ["counts by one while others map", [20_000, 20_003, 20_004, 20_008], [20_009, 20_011], { step: 1, last: 20_011 }],
    ["counts by four while others map", [20_000, 20_008, 20_012, 20_028], [20_032, 20_036], { step: 4, last: 20_036 }],
    ["restarted its counter in between", [65_533, 65_534, 65_535, 1_024], [1_025, 1_026], { step: 1, last: 1_026 }],
    ["was asked again", [20_000, 20_001, 20_002, 20_005], [20_004, 20_003, 20_006], { step: 1, last: 20_006 }],
  ])("%s", (_, main, fresh, wanted) => {
    expect(allocation(main, fresh)).toMatchObject({ kind: "sequential", ...wanted });
  });

  test("ignores a common factor of few steps", () => {
    expect(allocation([20_000, 20_000, 20_002, 20_002], [20_006])).toMatchObject({ kind: "sequential", step: 1 });
  });

  test("estimates the rate of foreign mappings", () => {
    const before = samples([20_000, 20_001, 20_002, 20_003]);
    const later = samples([20_000, 20_001, 20_002, 20_003], [20_054, 20_055, 20_056]).slice(4);
    const all = [...before, ...later.map((sample, at) => ({ ...sample, at_ms: 503 + at / 1_000 }))];
    const { allocation } = classify(all, []);
    expect(allocation?.kind === "sequential" && Math.round(allocation.foreign_per_s)).toBe(99);
  });

  test("random uses all ports or an estimated block", () => {
    expect(allocation([1_500, 60_000, 33_333, 12_000], [41_000])).toStrictEqual({
      kind: "random",
      first: 1_024,
      last: 65_535,
    });
    expect(allocation([30_100, 30_420, 30_150, 30_010], [30_390, 30_044, 30_300])).toStrictEqual({
      kind: "random",
      first: 29_600,
      last: 30_830,
    });
  });
});

test("outcomes are counted under labels that identify no network, in either order", () => {
  const cone = classify(samples([7, 7, 7, 7]), []);
  const sequential = classify(samples([20_000, 20_001, 20_002, 20_003]), []);
  const words = (["independent", "address", "port"] as const).map((filtering) => natLabel({ ...cone, filtering }));
  expect(words).toStrictEqual(["full_cone", "address_restricted", "port_restricted"]);
  expect([cone, sequential].map(natLabel)).toStrictEqual(["cone", "sequential"]);
  expect(natPair(sequential, cone)).toBe("cone/sequential");
  expect(natPair(cone, sequential)).toBe("cone/sequential");
});
