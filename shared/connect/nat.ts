/**
 * What a NAT does, told from what sidecars saw of one peer's sockets (RFC 4787's words).
 *
 *     mapping      which endpoint a socket is given: the same towards everybody, or one per address, or per port
 *     allocation   how the port is picked: the socket's own, the next one in a row, any, or any of a small block
 *     filtering    who is let in through it: anybody, addresses sent to, or endpoints sent to; null where not tested
 *
 * Mapping and allocation come from samples: the socket that will play, seen through two ports of each sidecar, and a few
 * fresh sockets, each seen once, back to back. What is not known stays null, and nobody guesses it further down.
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

/** One look at one socket of a peer. */
export type Sample = {
  /** Which of its sockets: 0 is the one it will play on. */
  readonly socket: number;
  /** What that socket is bound to. */
  readonly local_port: number;
  /** The sidecar's endpoint that was asked. */
  readonly via: Endpoint;
  /** What it saw. */
  readonly seen: Endpoint;
  /** When the question left, on the peer's own clock; samples with equal times left in the order they are listed. */
  readonly at_ms: number;
};

export type Mapping = "independent" | "per_address" | "per_port";
export type Filtering = "independent" | "address" | "port";
export type Allocation =
  | { readonly kind: "preserving" }
  | {
      readonly kind: "sequential";
      /** Ports from one mapping to the next; negative where it counts down. 1 or -1 where that is not certain. */
      readonly step: number;
      /** The newest port it gave, when (the peer's clock), and mappings made by others per second meanwhile. */
      readonly last: number;
      readonly at_ms: number;
      readonly foreign_per_s: number;
    }
  | { readonly kind: "random"; readonly first: number; readonly last: number };

export type Nat = {
  /** `none`: peers are seen where they are. `blocked`: no sidecar ever answered. */
  readonly kind: "none" | "nat" | "blocked";
  readonly mapping: Mapping | null;
  readonly allocation: Allocation | null;
  readonly filtering: Filtering | null;
  /** Whether it sends its own outer endpoints back inside; null where not tested. */
  readonly hairpin: boolean | null;
};

/** What only a test shows, because it needs somebody whom the peer has not sent to. */
export type Tested = { readonly filtering?: Filtering; readonly hairpin?: boolean };

/** The NAT that these samples of one address family came through; `hosts` are the peer's own addresses. */
export function classify(samples: readonly Sample[], hosts: readonly string[], tested: Tested = {}): Nat {
  const inOrder = samples.toSorted((a, b) => a.at_ms - b.at_ms);
  const ends = { filtering: tested.filtering ?? null, hairpin: tested.hairpin ?? null };
  if (inOrder.length === 0) return { kind: "blocked", mapping: null, allocation: null, ...ends };
  const mapping = mappingOf(inOrder);
  const isOpen = inOrder.every(({ seen, local_port }) => seen.port === local_port && hosts.includes(seen.address));
  if (isOpen) return { kind: "none", mapping: "independent", allocation: { kind: "preserving" }, ...ends };
  return { kind: "nat", mapping, allocation: allocationOf(inOrder), ...ends };
}

/** Whether it gives another endpoint for every new peer, so that the one seen is not the one to send to. */
export const isHard = (nat: Nat): boolean => nat.mapping === "per_address" || nat.mapping === "per_port";

/** The word under which outcomes are counted. It says nothing that tells one household from another. */
export function natLabel(nat: Nat): string {
  if (nat.kind !== "nat") return nat.kind;
  if (nat.mapping === null) return "unknown";
  if (isHard(nat)) return nat.allocation?.kind === "sequential" ? "sequential" : "random";
  if (nat.filtering === null) return "cone";
  return { independent: "full_cone", address: "address_restricted", port: "port_restricted" }[nat.filtering];
}

/** The same for two, whoever is first. */
export const natPair = (a: Nat, b: Nat): string => [natLabel(a), natLabel(b)].toSorted().join("/");

// --- from samples ----------------------------------------------------------------------------------------------

/** Null where no socket was seen through two endpoints. */
function mappingOf(samples: readonly Sample[]): Mapping | null {
  let looked = false;
  let perAddress = false;
  for (const [at, one] of samples.entries()) {
    for (const other of samples.slice(at + 1)) {
      if (other.socket !== one.socket || sameEndpoint(other.via, one.via)) continue;
      // A mapping may have expired in between.
      if (other.at_ms - one.at_ms > ROUND_MS) continue;
      if (isIPv4(other.via.address) !== isIPv4(one.via.address)) continue;
      looked = true;
      if (sameEndpoint(one.seen, other.seen)) continue;
      if (one.via.address === other.via.address) return "per_port";
      perAddress = true;
    }
  }
  return looked ? (perAddress ? "per_address" : "independent") : null;
}

function allocationOf(samples: readonly Sample[]): Allocation | null {
  if (samples.every(({ seen, local_port }) => seen.port === local_port)) return { kind: "preserving" };
  const mappings = newMappings(samples);
  if (mappings.length < 3) return null;
  return sequence(mappings) ?? spread(mappings.map(({ seen }) => seen.port));
}

/** The samples that made the NAT pick a port: a socket seen at the same endpoint again did not. */
const newMappings = (samples: readonly Sample[]): Sample[] =>
  samples.filter(
    (one, at) =>
      !samples.slice(0, at).some(({ socket, seen }) => socket === one.socket && sameEndpoint(seen, one.seen)),
  );

/**
 * Ports that lie close together in a row, which may have begun anew once. They are sorted by port, not by time: a question
 * that was asked again may have been given its port by the first try.
 */
function sequence(mappings: readonly Sample[]): Allocation | null {
  const rows = rowsOf(mappings);
  if (rows.length > 2 || mappings.length < (rows.length === 1 ? 3 : 5)) return null;
  const steps = rows.flatMap(stepsOf);
  const tau = trend(rows);
  // A small block looks like a row too, but neither in order nor so dense.
  const isDense = median(steps) <= SEQUENTIAL_STEP_DENSE && Math.abs(tau) >= SEQUENTIAL_TREND_MIN / 2;
  if (!isDense && Math.abs(tau) < SEQUENTIAL_TREND_MIN) return null;
  const sign = tau < 0 ? -1 : 1;
  const newestIn = (row: readonly Sample[]): number => Math.max(...row.map(({ at_ms }) => at_ms));
  const newest = rows.toSorted((a, b) => newestIn(b) - newestIn(a))[0]!;
  // Two rows are one with a pause between them, unless the newer one began anew.
  const row = newest === (sign > 0 ? rows.at(-1) : rows[0]) ? rows.flat() : newest;
  // Others' mappings lie in between, so few steps may share a factor by chance. Then every port counts.
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

/** Sorted by port, and parted where the next one is far away. */
function rowsOf(mappings: readonly Sample[]): Sample[][] {
  const rows: Sample[][] = [];
  for (const mapping of mappings.toSorted((a, b) => a.seen.port - b.seen.port)) {
    const before = rows.at(-1)?.at(-1)?.seen.port ?? -Infinity;
    if (mapping.seen.port - before > SEQUENTIAL_STEP_MAX) rows.push([mapping]);
    else rows.at(-1)!.push(mapping);
  }
  return rows;
}

/** From -1 to 1: how many pairs of a row have the later one higher, less those that have it lower (Kendall's tau). */
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
 * Any port, or any of a block: carriers give a subscriber some hundred ports in a row. Ports that lie so close together
 * by chance are one case in ten thousand; the block is taken to reach as far beyond them as they are apart.
 */
function spread(ports: readonly number[]): Allocation {
  const [least, most] = [Math.min(...ports), Math.max(...ports)];
  const apart = most - least;
  const isBlock = ports.length >= 4 && apart <= CHUNK_PORTS_MAX && most > PORT_FIRST;
  if (!isBlock) return { kind: "random", first: PORT_FIRST, last: PORT_LAST };
  return { kind: "random", first: Math.max(PORT_FIRST, least - apart), last: Math.min(PORT_LAST, most + apart) };
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
