/** A relay with a simulated clock and ports that are only numbers. */
import { type Endpoint, endpoint } from "#shared/net/endpoint.ts";
import type { RelayLimits, RelayNotice } from "../../../udp-sidecar/relay/allocation.ts";
import { Relay } from "../../../udp-sidecar/relay/relay.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { T0 } from "../../support/exchange.ts";

export const ALICE: Endpoint = { address: "45.1.1.1", port: 1_111 };
export const BOB: Endpoint = { address: "45.2.2.2", port: 2_222 };
export const STRANGER: Endpoint = { address: "45.9.9.9", port: 9_999 };
export const SIDECAR = "45.0.0.1";

const LIMITS: RelayLimits = {
  side: { per_s: 100_000, burst: 100_000 },
  source: { per_s: 1_000_000, burst: 1_000_000 },
  game: { per_s: 10_000_000, burst: 10_000_000 },
  slots_per_source_max: 100,
  bytes_max: 1_000_000_000,
  lifetime_ms: 3_600_000,
  idle_ms: 30_000,
  relatch_ms: 3_000,
  special: false,
};

export type Pair = {
  readonly a: number;
  readonly b: number;
  readonly allocation: Parameters<Relay["release"]>[0];
  readonly notices: RelayNotice[];
};

export class RelayHarness {
  readonly counters = new Counters();
  readonly relay: Relay;
  /** Free ports, the next one first. */
  readonly free: number[];
  now = T0;

  constructor({ ports = 100, ...limits }: Partial<RelayLimits> & { readonly ports?: number } = {}) {
    this.free = Array.from({ length: ports }, (_, at) => 50_000 + at);
    const pool = { acquire: () => this.free.shift() ?? null, release: (port: number) => void this.free.push(port) };
    const isOurs = ({ address, port }: Endpoint): boolean => address === SIDECAR && port >= 50_000;
    this.relay = new Relay({ ...LIMITS, ...limits }, pool, isOurs, this.counters);
  }

  /** Ports for two peers, or the refusal. */
  request(
    a = "alice",
    b = "bob",
    { seen = [ALICE, BOB], game = "default", notices = [] as RelayNotice[], proved = true, wakes = false } = {},
  ) {
    const parties = [
      { peer: a, observed: seen[0]!, proved },
      { peer: b, observed: seen[1]!, proved },
    ] as const;
    return this.relay.allocate(
      { game, parties, wakes, onNotice: (notice) => void (notice.kind !== "latched" && notices.push(notice)) },
      this.now,
    );
  }

  /** The same; throws on a refusal. */
  pair(
    a = "alice",
    b = "bob",
    options: { seen?: Endpoint[]; game?: string; proved?: boolean; wakes?: boolean } = {},
  ): Pair {
    const notices: RelayNotice[] = [];
    const result = this.request(a, b, { ...options, notices });
    if ("none" in result) throw new Error(result.none);
    return { a: result.ports[0], b: result.ports[1], allocation: result.allocation, notices };
  }

  /** A pair whose sides have both sent from the endpoint that their wire observed. */
  authenticatedPair(): Pair {
    const pair = this.pair();
    this.send(ALICE, pair.a);
    this.send(BOB, pair.b);
    return pair;
  }

  /** A datagram to a relay port: the port and endpoint it is forwarded to, or why it is dropped. */
  send(from: Endpoint, port: number, length = 100): readonly [number, Endpoint] | string {
    const before = new Map(this.counters.entries("relay_dropped"));
    const hop = this.relay.route(port, from.address, from.port, length, this.now);
    if (hop !== null) return [hop.port, hop.endpoint];
    const dropped = [...this.counters.entries("relay_dropped")].filter(([why, times]) => times !== before.get(why));
    return dropped.map(([why]) => why).join();
  }

  advance(ms: number): void {
    this.now += ms;
    this.relay.expire(this.now);
  }
}

export const at = (address: string, port: number): Endpoint => endpoint(address, port)!;
