/**
 * The plans of a hole punch: which endpoints a peer sends to, from how many sockets, how fast and when. A plan names only
 * endpoints that a sidecar observed, and local ones where both peers come from the same public address. So no peer can make
 * another send to an endpoint that it merely claims.
 */
import { type Endpoint, isIPv4, sameEndpoint, sourceOf } from "../net/endpoint.ts";
import { isLocal } from "../net/special-ranges.ts";
import * as limits from "../limits.ts";
import { isHard, type Nat } from "./nat.ts";

export type Candidate = {
  /** Claimed by the peer, observed by a sidecar, or a relay's port (RFC 8445). */
  readonly kind: "host" | "reflexive" | "relay";
  readonly endpoint: Endpoint;
  /** The sidecar that observed it, and when; null for a host candidate. */
  readonly via: string | null;
  readonly observed_at: number | null;
};

export type Side = {
  readonly candidates: readonly Candidate[];
  /** Of IPv4. IPv6 is not translated. */
  readonly nat: Nat;
  /** Round trip to the hub. */
  readonly rtt_ms: number;
  /** Age of the newest sample. */
  readonly sampled_ms_ago: number;
  /** The peer does not reveal its address. */
  readonly relay_only: boolean;
  /** The peer agreed to several hundred sockets and several thousand datagrams if needed. */
  readonly birthday: boolean;
};

export type Verdict = "direct" | "predict" | "birthday" | "relay";

export type Target = Endpoint & { readonly kind: "host" | "reflexive" | "predicted" };

/** Ports of one address that the game's socket tries one after the other. */
export type Spray = {
  readonly address: string;
  readonly first_port: number;
  /** Distance from one port to the next, and the number of ports. */
  readonly step: number;
  readonly ports: number;
  readonly order: "in_a_row" | "shuffled";
  /** Datagrams in all; more than `ports` means further rounds. */
  readonly probes: number;
  readonly after_ms: number;
};

/** What one peer does. */
export type Plan = {
  /** Endpoints that the first socket sends to, in this order. */
  readonly targets: readonly Target[];
  /** If more than one, all sockets send to the first target, one after the other. */
  readonly sockets: number;
  readonly spray: Spray | null;
  /** Sockets or ports per second. */
  readonly per_s: number;
  /** Whether this peer selects the path where several work. */
  readonly nominates: boolean;
  /** Whether local endpoints may be used: both peers come from one public address. */
  readonly same_network: boolean;
  /** TTL of the first datagrams, and of all those of further sockets; null for the default. */
  readonly first_hops: number | null;
  readonly give_up_ms: number;
};

/** Many sockets or ports aim at the first target, so a verdict that needs luck puts IPv4 first. IPv6 is tried beside it. */
const needsLuck = (verdict: Verdict): boolean => verdict === "predict" || verdict === "birthday";

export function plainPlan(to: Side, from: Side, verdict: Verdict, nominates: boolean, attempt: number): Plan {
  const same_network = sharesNetwork(to, from);
  // A hard NAT uses another port for every destination, so one observed port of its address is enough.
  const ports = isHard(to.nat) ? 1 : limits.OBSERVED_CANDIDATES_MAX;
  const [v6, v4] = [observedOf(to, "IPv6"), observedOf(to, "IPv4").slice(0, ports)];
  const observed = (needsLuck(verdict) ? [...v4, ...v6] : [...v6, ...v4]).map(targetOf);
  return {
    targets: same_network ? [...localOf(to).map(targetOf), ...observed] : observed,
    sockets: 1,
    spray: null,
    per_s: limits.WINDOW_PER_S,
    nominates,
    same_network,
    // Avoids the collision, unless the router closes the mapping on the ICMP "time exceeded".
    first_hops: attempt === 1 ? limits.SHORT_LIVED_HOPS : null,
    give_up_ms: limits.PUNCH_GIVE_UP_MS,
  };
}

type Pair<T> = readonly [T, T];

export function withLuck(
  verdict: Verdict,
  sides: Pair<Side>,
  plans: Pair<Plan>,
  start_in_ms: Pair<number>,
  attempt: number,
): Pair<Plan> {
  if (!needsLuck(verdict)) return plans;
  const hard = isHard(sides[0].nat) ? 0 : 1;
  const easy = (1 - hard) as 0 | 1;
  // A sequential NAT allocates further ports until the first datagram is sent.
  const moved = (at: 0 | 1): number => meanwhile(sides[at], start_in_ms[at]);
  const out: [Plan, Plan] = [...plans];
  if (verdict === "birthday") {
    const block = blockOf(sides[hard].nat);
    out[hard] = {
      ...plans[hard],
      sockets: block.sockets,
      per_s: limits.BIRTHDAY_PER_S,
      first_hops: opensOnly(sides[easy].nat, attempt) ? limits.SHORT_LIVED_HOPS : null,
    };
    out[easy] = { ...plans[easy], spray: shuffled(sides[hard], sides[easy], block), per_s: limits.BIRTHDAY_PER_S };
    return [withPatience(out[0]), withPatience(out[1])];
  }
  if (!isHard(sides[easy].nat)) {
    out[easy] = { ...plans[easy], spray: windowOf(sides[hard], moved(hard)) };
    return out;
  }
  const rows = limits.CROSSING_SOCKETS;
  const byIPv6 = (at: 0 | 1): Target[] => plans[at].targets.filter(({ address }) => !isIPv4(address));
  const targets = [meetingPort(sides[easy], moved(easy)), ...byIPv6(hard)];
  const aim = { ...plans[hard], targets, sockets: rows, first_hops: null };
  out[hard] = { ...aim, per_s: limits.CROSSING_PER_S };
  const spray = inARow(sides[hard], moved(hard) + limits.WINDOW_SLACK, rows);
  // Any other datagram over IPv4 would use up ports of the sequence.
  out[easy] = { ...plans[easy], targets: byIPv6(easy), spray, first_hops: null, per_s: limits.CROSSING_PER_S };
  return out;
}

/**
 * Whether the datagrams of many sockets must only open their own router. One that reaches a router which remaps makes all its
 * later datagrams leave from another port, so half of all matches would end the search. Short-lived datagrams do not open
 * a router that is further away, so later attempts take turns.
 */
const opensOnly = ({ remaps }: Nat, attempt: number): boolean =>
  remaps !== false && (attempt % 2 === 0) === (remaps === true);

const withPatience = (plan: Plan): Plan => ({ ...plan, give_up_ms: limits.BIRTHDAY_GIVE_UP_MS });

/** Foreign mappings of a sequential NAT between its newest sample and the start. */
function meanwhile({ nat, sampled_ms_ago, rtt_ms }: Side, start_in_ms: number): number {
  if (nat.allocation?.kind !== "sequential") return 0;
  const ms = sampled_ms_ago + rtt_ms / 2 + start_in_ms;
  return (nat.allocation.foreign_per_s * Math.min(ms, limits.ROUND_TRIP_MS_MAX)) / 1_000;
}

/**
 * The next ports of a sequential NAT around the expected one, after `moved` foreign mappings since its newest sample. Samples
 * that arrive during the punch give another window.
 */
export function windowOf(hard: Side, moved: number): Spray | null {
  const before = Math.max(0, Math.floor(moved / 2) - limits.WINDOW_SLACK);
  const ports = Math.min(Math.max(limits.WINDOW_PORTS, Math.ceil(moved * 1.5)), limits.WINDOW_PORTS_MAX);
  return inARow(hard, before, ports);
}

function inARow({ nat, candidates }: Side, skipped: number, ports: number): Spray | null {
  const address = addressOf(candidates);
  if (nat.allocation?.kind !== "sequential" || address === null) return null;
  const { last, step } = nat.allocation;
  const first_port = portOf(last + step * (1 + Math.round(skipped)));
  return { address, first_port, step, ports, order: "in_a_row", probes: 3 * ports, after_ms: 0 };
}

/** The port that the side with one socket will have when it is in the middle of the other's sequence. */
function meetingPort({ nat, candidates }: Side, moved: number): Target {
  const { last, step } = nat.allocation?.kind === "sequential" ? nat.allocation : { last: limits.PORT_FIRST, step: 1 };
  const port = portOf(last + step * (1 + Math.round(moved) + limits.CROSSING_AT));
  return { kind: "predicted", address: addressOf(candidates) ?? "0.0.0.0", port };
}

type Block = { readonly first: number; readonly ports: number; readonly sockets: number };

function blockOf({ allocation }: Nat): Block {
  const { first, last } =
    allocation?.kind === "random" ? allocation : { first: limits.PORT_FIRST, last: limits.PORT_LAST };
  const ports = last - first + 1;
  const sockets = Math.min(limits.BIRTHDAY_SOCKETS, Math.ceil(ports / limits.BLOCK_SHARE));
  return { first, ports, sockets };
}

function shuffled(hard: Side, easy: Side, { first, ports }: Block): Spray | null {
  const address = addressOf(hard.candidates);
  const isPlainTried = easy.nat.filtering === null || both(hard, easy, "IPv6");
  const after_ms = isPlainTried ? limits.BIRTHDAY_AFTER_MS : 0;
  const probes = Math.min(limits.BIRTHDAY_PROBES, ports);
  return address === null ? null : { address, first_port: first, step: 1, ports, order: "shuffled", probes, after_ms };
}

// --- candidates ------------------------------------------------------------------------------------------------

type Family = "IPv4" | "IPv6";

const isOf = (family: Family, { address }: Endpoint): boolean => isIPv4(address) === (family === "IPv4");

/** Distinct candidates of the newest round of observations, newest first. */
function observedOf({ candidates }: Side, family: Family): Candidate[] {
  const seen = candidates
    .filter(({ kind, endpoint }) => kind === "reflexive" && isOf(family, endpoint))
    .toSorted((a, b) => (b.observed_at ?? 0) - (a.observed_at ?? 0));
  const newest = seen[0]?.observed_at ?? 0;
  return distinct(seen.filter(({ observed_at }) => newest - (observed_at ?? 0) <= limits.ROUND_MS)).slice(
    0,
    limits.OBSERVED_CANDIDATES_MAX,
  );
}

/** Host candidates in local address ranges. Any other endpoint must have been observed. */
export const localOf = ({ candidates }: Side): Candidate[] =>
  distinct(candidates.filter(({ kind, endpoint }) => kind === "host" && isLocal(endpoint.address))).slice(
    0,
    limits.HOST_CANDIDATES_MAX,
  );

const distinct = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.filter(
    ({ endpoint }, at) => !candidates.slice(0, at).some((other) => sameEndpoint(other.endpoint, endpoint)),
  );

const targetOf = ({ kind, endpoint }: Candidate): Target => ({
  kind: kind === "host" ? kind : "reflexive",
  ...endpoint,
});

export const isSeen = (side: Side): boolean => side.candidates.some(({ kind }) => kind === "reflexive");

export const both = (a: Side, b: Side, family: Family): boolean =>
  observedOf(a, family).length > 0 && observedOf(b, family).length > 0;

/** Whether both share a public IPv4 address or an IPv6 /64: one home, or one carrier's NAT. */
export function sharesNetwork(a: Side, b: Side): boolean {
  const sources = (side: Side): string[] =>
    side.candidates.filter(({ kind }) => kind === "reflexive").map(({ endpoint }) => sourceOf(endpoint.address));
  const others = new Set(sources(b));
  return sources(a).some((source) => others.has(source));
}

const addressOf = (candidates: readonly Candidate[]): string | null =>
  candidates.find(({ kind, endpoint }) => kind === "reflexive" && isIPv4(endpoint.address))?.endpoint.address ?? null;

/** Wraps around after the last port. */
function portOf(port: number): number {
  const ports = limits.PORT_LAST - limits.PORT_FIRST + 1;
  return limits.PORT_FIRST + ((((port - limits.PORT_FIRST) % ports) + ports) % ports);
}
