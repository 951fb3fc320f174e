/**
 * Classifies a NAT by what sidecars observed of one peer's sockets, in the terms of RFC 4787.
 *
 *     mapping      the outer endpoint of a socket: the same for every destination, or one per address, or per port
 *     allocation   how the port is chosen: the socket's own, sequential, random, or random within a small block
 *     filtering    who can send in: any endpoint, addresses sent to, or endpoints sent to; null where not tested
 *
 * Mapping and allocation come from samples: the game's socket, observed through two ports of each sidecar, and a few fresh
 * sockets, each observed once. Unknown properties are null; later stages do not guess them.
 */
import { type Endpoint, isIPv4, sameEndpoint } from "../net/endpoint.ts";
import {
  CHUNK_PORTS_MAX,
  FOREIGN_PER_S_MAX,
  PORT_FIRST,
  PORT_LAST,
  ROUND_MS,
  SEQUENTIAL_STEP_DENSE,
  SEQUENTIAL_STEP_MAX,
  SEQUENTIAL_TREND_MIN,
  STRIDE_STEPS_MIN,
} from "../limits.ts";

/** One observation of one of a peer's sockets. */
export type Sample = {
  /** Index of the socket; 0 is the one that the game will use. */
  readonly socket: number;
  /** The port that the socket is bound to. */
  readonly local_port: number;
  /** The sidecar endpoint that the request was sent to. */
  readonly via: Endpoint;
  /** The endpoint that the sidecar observed. */
  readonly seen: Endpoint;
  /** When the request was sent, by the peer's clock. Equal times: in list order. */
  readonly at_ms: number;
};

export type Mapping = "independent" | "per_address" | "per_port";
export type Filtering = "independent" | "address" | "port";
export type Allocation =
  | { readonly kind: "preserving" }
  | {
      readonly kind: "sequential";
      /** Ports from one mapping to the next, negative if descending; 1 or -1 where uncertain. */
      readonly step: number;
      /** The newest allocated port, its time (peer's clock), and mappings per second by other hosts behind the NAT. */
      readonly last: number;
      readonly at_ms: number;
      readonly foreign_per_s: number;
    }
  | { readonly kind: "random"; readonly first: number; readonly last: number };

export type Nat = {
  /** `none`: the outer endpoint is the local one. `blocked`: no sidecar answered. */
  readonly kind: "none" | "nat" | "blocked";
  readonly mapping: Mapping | null;
  readonly allocation: Allocation | null;
  readonly filtering: Filtering | null;
  /** Whether it forwards datagrams from inside to its own outer endpoints (hairpinning); null where not tested. */
  readonly hairpin: boolean | null;
  /**
   * Whether a socket gets another port for a destination that was received from first, as with a router that has no firewall;
   * null where not tested.
   */
  readonly remaps: boolean | null;
};

/** Properties that need an active test: a sender that the peer has not sent to. */
export type Tested = { readonly filtering?: Filtering; readonly hairpin?: boolean; readonly remaps?: boolean };

/** Classifies the NAT of these samples, which are of one address family; `hosts` are the peer's local addresses. */
export function classify(samples: readonly Sample[], hosts: readonly string[], tested: Tested = {}): Nat {
  const inOrder = samples.toSorted((a, b) => a.at_ms - b.at_ms);
  const { filtering = null, hairpin = null, remaps = null } = tested;
  const tests = { filtering, hairpin, remaps };
  if (inOrder.length === 0) return { kind: "blocked", mapping: null, allocation: null, ...tests };
  const mapping = mappingOf(inOrder);
  const isOpen = inOrder.every(({ seen, local_port }) => seen.port === local_port && hosts.includes(seen.address));
  if (isOpen) return { kind: "none", mapping: "independent", allocation: { kind: "preserving" }, ...tests };
  return { kind: "nat", mapping, allocation: allocationOf(inOrder), ...tests };
}

/** Whether every destination gets another endpoint, so that the observed one is not the one to send to. */
export const isHard = (nat: Nat): boolean => nat.mapping === "per_address" || nat.mapping === "per_port";

const CONES = { independent: "full_cone", address: "address_restricted", port: "port_restricted" } as const;
export type NatLabel = "none" | "blocked" | "unknown" | "sequential" | "random" | "cone" | (typeof CONES)[Filtering];

/** The label under which outcomes are counted. It does not identify a network. */
export function natLabel(nat: Nat): NatLabel {
  if (nat.kind !== "nat") return nat.kind;
  if (nat.mapping === null) return "unknown";
  if (isHard(nat)) return nat.allocation?.kind === "sequential" ? "sequential" : "random";
  return nat.filtering === null ? "cone" : CONES[nat.filtering];
}

/** The label of attempts that only IPv6 decides. */
export const IPV6_PAIR = "ipv6/ipv6";

/** The label of a pair, in either order. */
export const natPair = (a: Nat, b: Nat): string => [natLabel(a), natLabel(b)].toSorted().join("/");

// --- from samples ----------------------------------------------------------------------------------------------

/** Null where no socket was observed through two sidecar endpoints. */
function mappingOf(samples: readonly Sample[]): Mapping | null {
  let compared = false;
  let perAddress = false;
  for (const [at, one] of samples.entries()) {
    for (const other of samples.slice(at + 1)) {
      if (other.socket !== one.socket || sameEndpoint(other.via, one.via)) continue;
      // A mapping may have expired in between.
      if (other.at_ms - one.at_ms > ROUND_MS) continue;
      if (isIPv4(other.via.address) !== isIPv4(one.via.address)) continue;
      compared = true;
      if (sameEndpoint(one.seen, other.seen)) continue;
      if (one.via.address === other.via.address) return "per_port";
      perAddress = true;
    }
  }
  return compared ? (perAddress ? "per_address" : "independent") : null;
}

function allocationOf(samples: readonly Sample[]): Allocation | null {
  if (samples.every(({ seen, local_port }) => seen.port === local_port)) return { kind: "preserving" };
  const mappings = newMappings(samples);
  if (mappings.length < 3) return null;
  return sequence(mappings) ?? spread(mappings.map(({ seen }) => seen.port));
}

/** The samples for which the NAT allocated a port: not those that repeat a socket's endpoint. */
const newMappings = (samples: readonly Sample[]): Sample[] =>
  samples.filter(
    (one, at) =>
      !samples.slice(0, at).some(({ socket, seen }) => socket === one.socket && sameEndpoint(seen, one.seen)),
  );

/**
 * Sequential allocation: ports close together, with one restart allowed. Sorted by port instead of time, because a
 * retransmitted request may have got its port from the first try.
 */
function sequence(mappings: readonly Sample[]): Allocation | null {
  const rows = rowsOf(mappings);
  if (rows.length > 2 || mappings.length < (rows.length === 1 ? 3 : 5)) return null;
  const steps = rows.flatMap(stepsOf);
  const tau = trend(rows);
  // A small block also has close ports, but neither ordered nor dense.
  const isDense = median(steps) <= SEQUENTIAL_STEP_DENSE && Math.abs(tau) >= SEQUENTIAL_TREND_MIN / 2;
  if (!isDense && Math.abs(tau) < SEQUENTIAL_TREND_MIN) return null;
  const sign = tau < 0 ? -1 : 1;
  const newestIn = (row: readonly Sample[]): number => Math.max(...row.map(({ at_ms }) => at_ms));
  const newest = rows.toSorted((a, b) => newestIn(b) - newestIn(a))[0]!;
  // Two rows are one sequence with a gap, unless the newer one restarted.
  const row = newest === (sign > 0 ? rows.at(-1) : rows[0]) ? rows.flat() : newest;
  // Foreign mappings lie between, so few steps may share a factor by chance. Then the stride is taken as 1.
  const isCertain = steps.length >= STRIDE_STEPS_MIN || new Set(steps).size === 1;
  const stride = isCertain ? steps.reduce(gcd) : 1;
  const [low, high] = [row[0]!.seen.port, row.at(-1)!.seen.port];
  const last_at = newestIn(row);
  const span_s = (last_at - Math.min(...row.map(({ at_ms }) => at_ms))) / 1_000;
  const foreign = Math.max(0, (high - low) / stride - (row.length - 1));
  return {
    kind: "sequential",
    step: sign * stride,
    last: sign > 0 ? high : low,
    at_ms: last_at,
    foreign_per_s: span_s > 0 ? Math.min(foreign / span_s, FOREIGN_PER_S_MAX) : 0,
  };
}

/** Sorted by port, and split where the next port is far away. */
function rowsOf(mappings: readonly Sample[]): Sample[][] {
  const rows: Sample[][] = [];
  for (const mapping of mappings.toSorted((a, b) => a.seen.port - b.seen.port)) {
    const before = rows.at(-1)?.at(-1)?.seen.port ?? -Infinity;
    if (mapping.seen.port - before > SEQUENTIAL_STEP_MAX) rows.push([mapping]);
    else rows.at(-1)!.push(mapping);
  }
  return rows;
}

/** Kendall's tau between time and port, from -1 to 1. */
function trend(rows: readonly (readonly Sample[])[]): number {
  const pairs = rows.flatMap((row) =>
    row.flatMap((one, at) => row.slice(at + 1).map((higher) => Math.sign(higher.at_ms - one.at_ms))),
  );
  return pairs.reduce((sum, sign) => sum + sign, 0) / Math.max(1, pairs.length);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity;

const stepsOf = (row: readonly Sample[]): number[] =>
  row
    .slice(1)
    .map(({ seen }, at) => seen.port - row[at]!.seen.port)
    .filter((step) => step > 0);

/**
 * Random allocation from all ports, or from a block: carriers assign a subscriber several hundred consecutive ports. Ports
 * this close are chance in one case of ten thousand. The block is assumed to extend beyond them by their span.
 */
function spread(ports: readonly number[]): Allocation {
  const [least, most] = [Math.min(...ports), Math.max(...ports)];
  const apart = most - least;
  const isBlock = ports.length >= 4 && apart <= CHUNK_PORTS_MAX && most > PORT_FIRST;
  if (!isBlock) return { kind: "random", first: PORT_FIRST, last: PORT_LAST };
  return { kind: "random", first: Math.max(PORT_FIRST, least - apart), last: Math.min(PORT_LAST, most + apart) };
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
