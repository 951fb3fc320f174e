/** Properties of the relay for any requests and any datagrams. */
import * as fc from "../../support/fc.ts";
import { expect, test } from "vitest";
import { RELAY_OVERHEAD_BYTES } from "#shared/limits.ts";
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { isSpecial } from "#shared/net/special-ranges.ts";
import type { RelayNotice } from "../../../udp-sidecar/relay/allocation.ts";
import { at, type Pair, SIDECAR, RelayHarness } from "../support/relays.ts";

const PORTS = 6;
const SIDE = { per_s: 1_000, burst: 4_000 };
const SHARE = 3;

test("it sends only to an endpoint that authenticated on that allocation, within the limits", () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 120, size: "max" }), (script) => {
      play(script);
    }),
    { numRuns: 300 },
  );
});

test("the scripts reach every outcome", () => {
  const seen = new Set<string>();
  for (const script of fc.sample(fc.array(acts, { maxLength: 120, size: "max" }), { numRuns: 300, seed: 7 })) {
    for (const what of play(script)) seen.add(what);
  }
  const dropped = ["loop", "rate", "silent", "source_port_0", "stranger", "unallocated", "unproved"];
  const rest = [
    "carried",
    "ended idle",
    "ended released",
    "moved",
    "none exhausted",
    "none loop",
    "none source_share",
    "none special",
  ];
  expect([...seen].toSorted()).toStrictEqual([...dropped, ...rest, "requested again", "proved"].toSorted());
});

// --- scripts ---------------------------------------------------------------------------------------------------

type Act =
  | { readonly do: "ask"; readonly peers: readonly [number, number]; readonly seen: readonly [Endpoint, Endpoint] }
  | { readonly do: "send"; readonly port: number; readonly from: Endpoint; readonly length: number }
  /** The last accepted sender repeats its datagram a few times. */
  | { readonly do: "talk"; readonly port: number; readonly times: number; readonly length: number }
  | { readonly do: "prove"; readonly port: number; readonly at: Endpoint }
  | { readonly do: "move"; readonly peer: number; readonly seen: Endpoint }
  | { readonly do: "release"; readonly port: number }
  | { readonly do: "pass"; readonly ms: number };

const hosts = fc.constantFrom("45.1.1.1", "45.2.2.2", "45.3.3.3", "45.4.4.4", SIDECAR);
const where = fc.record({ address: hosts, port: fc.constantFrom(1_000, 1_001, 50_000, 50_001) });
const anywhere = fc.oneof(
  { weight: 9, arbitrary: where },
  { weight: 1, arbitrary: fc.constant(at("10.0.0.1", 1_000)) },
);
const port = fc.integer({ min: 50_000, max: 50_000 + PORTS - 1 });
const peer = fc.integer({ min: 0, max: 3 });
const acts = fc.oneof<fc.WeightedArbitrary<Act>[]>(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("ask"), peers: fc.tuple(peer, peer), seen: fc.tuple(anywhere, anywhere) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("send"),
      port,
      from: fc.oneof(
        { weight: 20, arbitrary: where },
        { weight: 1, arbitrary: fc.constant({ address: "45.1.1.1", port: 0 }) },
      ),
      length: fc.constantFrom(0, 100, 1_200),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("talk"),
      port,
      times: fc.integer({ min: 1, max: 5 }),
      length: fc.constantFrom(0, 100, 1_200),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("prove"), port, at: anywhere }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("move"), peer, seen: anywhere }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release"), port }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.constantFrom(1, 500, 3_000, 29_000, 31_000) }) },
);

/** The model of a side: its accepted endpoints, its current one, and its remaining budget. */
type Known = {
  readonly pair: Pair;
  readonly peer: string;
  seen: string;
  accepted: Set<string>;
  last?: Endpoint;
  tokens: number;
  at: number;
};

/** Runs a script against a simple model, and returns the outcomes. */
function play(script: readonly Act[]): string[] {
  const table = new RelayHarness({ ports: PORTS, side: SIDE, slots_per_source_max: SHARE });
  const sides = new Map<number, Known>();
  const happened: string[] = [];
  const run = (act: Act): void => {
    switch (act.do) {
      case "ask": {
        const [a, b] = act.peers.map((one) => `peer${one}`) as [string, string];
        const notices: RelayNotice[] = [];
        const result = table.request(a, b, { seen: [...act.seen], notices });
        if ("none" in result) return void happened.push(`none ${result.none}`);
        const pair = { a: result.ports[0], b: result.ports[1], allocation: result.allocation, notices };
        for (const [which, port] of result.ports.entries()) {
          const seen = act.seen[which]!.address;
          const known = sides.get(port);
          if (known?.pair.allocation === result.allocation) {
            happened.push("requested again");
            if (known.seen !== seen) known.accepted = new Set();
            sides.set(port, { ...known, pair, seen });
          } else
            sides.set(port, {
              pair,
              peer: which === 0 ? a : b,
              seen,
              accepted: new Set(),
              tokens: SIDE.burst,
              at: table.now,
            });
        }
        return;
      }
      case "send": {
        const known = sides.get(act.port);
        const said = table.send(act.from, act.port, act.length);
        if (known !== undefined && act.from.address === known.seen) {
          known.accepted.add(formatEndpoint(act.from));
          known.last = act.from;
        }
        if (typeof said === "string") return void happened.push(said);
        happened.push("carried");
        const [through, to] = said;
        const other = sides.get(through)!;
        // The sender is known, and the receiver authenticated on this allocation; both belong to one pair.
        expect(known!.accepted).toContain(formatEndpoint(act.from));
        expect(other.accepted).toContain(formatEndpoint(to));
        expect(other.pair.allocation).toBe(known!.pair.allocation);
        expect([isSpecial(to.address), to.port === 0, to.address === SIDECAR && to.port >= 50_000]).toStrictEqual([
          false,
          false,
          false,
        ]);
        known!.tokens = Math.min(SIDE.burst, known!.tokens + ((table.now - known!.at) * SIDE.per_s) / 1_000);
        known!.at = table.now;
        known!.tokens -= act.length + RELAY_OVERHEAD_BYTES;
        expect(known!.tokens).toBeGreaterThanOrEqual(0);
        return;
      }
      case "talk": {
        const known = sides.get(act.port);
        if (known?.last === undefined) return;
        const { port, length } = act;
        for (let times = 0; times < act.times; times++) run({ do: "send", port, from: known.last, length });
        return;
      }
      case "prove": {
        const known = sides.get(act.port);
        if (known === undefined || !table.relay.bindEndpoint(known.pair.allocation, act.port, act.at, table.now))
          return;
        happened.push("proved");
        known.accepted.add(formatEndpoint(act.at));
        return;
      }
      case "move":
        table.relay.peerMoved("default", { peer: `peer${act.peer}`, observed: act.seen }, table.now);
        if (isSpecial(act.seen.address) || (act.seen.address === SIDECAR && act.seen.port >= 50_000)) return;
        happened.push("moved");
        for (const side of sides.values()) {
          if (side.peer !== `peer${act.peer}`) continue;
          if (side.seen !== act.seen.address) side.accepted = new Set();
          side.seen = act.seen.address;
        }
        return;
      case "release": {
        const known = sides.get(act.port);
        if (known !== undefined) table.relay.release(known.pair.allocation);
        return;
      }
      case "pass":
        table.advance(act.ms);
    }
  };
  for (const act of script) {
    run(act);
    for (const [port, { pair }] of sides) {
      const ends = pair.notices.filter(({ kind }) => kind === "ended");
      if (ends.length > 0) sides.delete(port);
      happened.push(...ends.map((notice) => `ended ${notice.kind === "ended" ? notice.why : ""}`));
      const texts = pair.notices.map((notice) => JSON.stringify(notice));
      expect(new Set(texts).size).toBe(texts.length);
    }
    expect([sides.size, table.free.length]).toStrictEqual([2 * table.relay.size, PORTS - 2 * table.relay.size]);
    expect(new Set([...table.free, ...sides.keys()]).size).toBe(PORTS);
  }
  table.relay.close();
  expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, PORTS]);
  return happened;
}
