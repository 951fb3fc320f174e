/**
 * Can these two punch, and how? Advice for an introduction: a verdict, its reason in one sentence, and for each of the
 * two a plan that it carries out without knowing anything about NATs.
 *
 *     direct      each sends to where the other was seen; whoever is heard is answered where he was heard
 *     predict     a NAT counts its ports: the other tries the next ones in a row. Two that count meet in the middle:
 *                 many sockets on one side send to one port, one socket on the other tries many
 *     birthday    a NAT picks at random: many sockets behind it, many ports tried from the other side
 *     relay       none of these can work, or somebody does not want them
 *
 * A plan names only endpoints that a sidecar saw, and local ones where both come from the same public address. What a
 * peer says of itself never makes the other send anywhere else.
 */
import { type Endpoint, isIPv4, sameEndpoint, sourceOf } from "../net/endpoint.ts";
import { isLocal } from "../net/special-ranges.ts";
import * as limits from "../limits.ts";
import { isHard, type Nat, natPair } from "./nat.ts";

export type Candidate = {
  /** Its own word, what a sidecar saw, or a relay's port (RFC 8445). */
  readonly kind: "host" | "reflexive" | "relay";
  readonly endpoint: Endpoint;
  /** The sidecar that saw it, and when; null for its own word. */
  readonly via: string | null;
  readonly observed_at: number | null;
};

export type Side = {
  readonly candidates: readonly Candidate[];
  /** Of IPv4: what IPv6 passes does not translate. */
  readonly nat: Nat;
  /** To the hub and back. */
  readonly rtt_ms: number;
  /** How old the newest sample is by now. */
  readonly sampled_ms_ago: number;
  /** It shows nobody its address. */
  readonly relay_only: boolean;
  /** It agreed to some hundred sockets and some thousand datagrams, should they be needed. */
  readonly birthday: boolean;
};

export type Verdict = "direct" | "predict" | "birthday" | "relay";

export type Target = Endpoint & { readonly kind: "host" | "reflexive" | "predicted" };

/** Ports of one address tried one after the other by the socket that will play. */
export type Spray = {
  readonly address: string;
  readonly first_port: number;
  /** From one port to the next, and how many there are. */
  readonly step: number;
  readonly ports: number;
  readonly order: "in_a_row" | "shuffled";
  /** Datagrams altogether; more than there are ports means further rounds. */
  readonly probes: number;
  readonly after_ms: number;
};

/** What one side does. */
export type Plan = {
  /** Sent to from the first socket, in this order. */
  readonly targets: readonly Target[];
  /** With more than one, all of them send to the first target, one after the other. */
  readonly sockets: number;
  readonly spray: Spray | null;
  /** How fast sockets and ports follow each other. */
  readonly per_s: number;
  /** Who of the two decides which way it is, where there are several. */
  readonly nominates: boolean;
  /** Local endpoints may be sent to: both come from one public address. */
  readonly same_network: boolean;
  /** Hops after which the first datagrams die, or null. */
  readonly first_hops: number | null;
  readonly give_up_ms: number;
};

export type Advice = {
  readonly verdict: Verdict;
  /** One plain sentence for a player. */
  readonly reason: string;
  /** Under this outcomes are counted. */
  readonly pair: string;
  /** Of the first and of the second; null where nothing is tried. */
  readonly plans: readonly [Plan, Plan] | null;
  /** How long each waits once it is told, so that both begin together. */
  readonly start_in_ms: readonly [number, number];
};

/** How tries between such NATs ended; null where that is not known, or where it should be tried again. */
export type Outcomes = (pair: string) => { readonly tries: number; readonly direct: number } | null;

/** `attempt` counts from 0; a later one needs new sockets and new samples. */
export function advise(a: Side, b: Side, attempt = 0, outcomes: Outcomes = () => null): Advice {
  const pair = natPair(a.nat, b.nat);
  const start_in_ms = startsIn(a.rtt_ms, b.rtt_ms, attempt);
  const [verdict, reason] = decide(a, b, pair, outcomes);
  const advice = { verdict, reason, pair, start_in_ms };
  if (verdict === "relay") return { ...advice, plans: null };
  const plain = [plainPlan(b, a, true, attempt), plainPlan(a, b, false, attempt)] as const;
  return { ...advice, plans: withLuck(verdict, [a, b], plain, start_in_ms) };
}

/**
 * Both begin at one instant: routers exist that remap a port when the peer's datagram comes before one's own has left.
 * The second try is the same with first datagrams that die on the way; then one side goes first, then the other.
 */
export function startsIn(rtt_a_ms: number, rtt_b_ms: number, attempt = 0): readonly [number, number] {
  const [a, b] = [rtt_a_ms, rtt_b_ms].map((ms) => Math.min(Math.max(0, ms), limits.ROUND_TRIP_MS_MAX) / 2) as [
    number,
    number,
  ];
  const together = Math.max(a, b) + limits.START_MARGIN_MS;
  const later = attempt < 2 ? null : attempt % 2 === 0 ? "a" : "b";
  return [
    Math.round(together - a) + (later === "a" ? limits.FIRST_BY_MS : 0),
    Math.round(together - b) + (later === "b" ? limits.FIRST_BY_MS : 0),
  ];
}

// --- the verdict -----------------------------------------------------------------------------------------------

function decide(a: Side, b: Side, pair: string, outcomes: Outcomes): readonly [Verdict, string] {
  if (a.relay_only || b.relay_only) return ["relay", "One of the two does not show its address."];
  if (!isSeen(a) || !isSeen(b)) return ["relay", "UDP does not get out of the network of one of the two."];
  if (sharesNetwork(a, b)) return inOneNetwork(a, b);
  if (both(a, b, "IPv6")) return ["direct", "Both have IPv6, which needs no address translation."];
  if (!both(a, b, "IPv4")) return ["relay", "One of the two has IPv4 only, the other IPv6 only."];
  const known = outcomes(pair);
  if (known !== null && known.tries >= limits.OUTCOMES_MIN)
    if (known.direct < known.tries * limits.OUTCOMES_DIRECT_MIN)
      return ["relay", `Of ${known.tries} tries between such routers hardly any succeeded.`];
  return isHard(a.nat) && isHard(b.nat) ? bothHard(a.nat, b.nat) : oneHard(a, b);
}

function inOneNetwork(a: Side, b: Side): readonly [Verdict, string] {
  const local = localOf(a).length > 0 && localOf(b).length > 0;
  if (local) return ["direct", "Both come from one public address: they try their local ones first."];
  return a.nat.hairpin === false || b.nat.hairpin === false
    ? ["relay", "Both are behind one router that does not send its own addresses back inside."]
    : ["direct", "Both come from one public address, and their router may send it back inside."];
}

function bothHard(a: Nat, b: Nat): readonly [Verdict, string] {
  if (a.allocation?.kind === "sequential" && b.allocation?.kind === "sequential")
    return ["predict", "Both routers count their ports, so the next ones can be foretold."];
  return ["relay", "Both routers give every peer another port, and not by counting: nothing can be foretold."];
}

function oneHard(a: Side, b: Side): readonly [Verdict, string] {
  const [hard, easy] = isHard(a.nat) ? [a, b] : [b, a];
  if (!isHard(hard.nat)) return ["direct", "Both routers show everybody the same port."];
  const { filtering } = easy.nat;
  if (filtering === "independent" || filtering === "address")
    return ["direct", "One router gives every peer another port, and the other lets it in all the same."];
  if (hard.nat.allocation?.kind === "sequential")
    return ["predict", "One router gives every peer the next port, which can be foretold."];
  if (hard.birthday && easy.birthday)
    return ["birthday", "One router gives every peer a port at random: many are tried until two meet."];
  return filtering === null
    ? ["direct", "One router gives every peer a port at random, and the other may let it in all the same."]
    : ["relay", "One router gives every peer a port at random, and trying many is not agreed to."];
}

// --- the plans -------------------------------------------------------------------------------------------------

function plainPlan(to: Side, from: Side, nominates: boolean, attempt: number): Plan {
  const same_network = sharesNetwork(to, from);
  // Where every mapping is another one, one address is as good as all its ports.
  const ports = isHard(to.nat) ? 1 : limits.OBSERVED_CANDIDATES_MAX;
  const observed = [...observedOf(to, "IPv6"), ...observedOf(to, "IPv4").slice(0, ports)].map(targetOf);
  return {
    targets: same_network ? [...localOf(to).map(targetOf), ...observed] : observed,
    sockets: 1,
    spray: null,
    per_s: limits.WINDOW_PER_S,
    nominates,
    same_network,
    // Cures the collision, unless the router takes the notice that a datagram died for a farewell.
    first_hops: attempt === 1 ? limits.SHORT_LIVED_HOPS : null,
    give_up_ms: limits.PUNCH_GIVE_UP_MS,
  };
}

type Pair<T> = readonly [T, T];

function withLuck(verdict: Verdict, sides: Pair<Side>, plans: Pair<Plan>, start_in_ms: Pair<number>): Pair<Plan> {
  if (verdict !== "predict" && verdict !== "birthday") return plans;
  const hard = isHard(sides[0].nat) ? 0 : 1;
  const easy = (1 - hard) as 0 | 1;
  // Counted ports move on until the first datagram leaves.
  const moved = (at: 0 | 1): number => meanwhile(sides[at], start_in_ms[at]);
  const out: [Plan, Plan] = [...plans];
  if (verdict === "birthday") {
    const block = blockOf(sides[hard].nat);
    out[hard] = { ...plans[hard], sockets: block.sockets, per_s: limits.BIRTHDAY_PER_S };
    out[easy] = { ...plans[easy], spray: shuffled(sides[hard], sides[easy], block), per_s: limits.BIRTHDAY_PER_S };
    return [withPatience(out[0]), withPatience(out[1])];
  }
  if (!isHard(sides[easy].nat)) {
    out[easy] = { ...plans[easy], spray: windowOf(sides[hard], moved(hard)) };
    return out;
  }
  const rows = limits.CROSSING_SOCKETS;
  const aim = { ...plans[hard], targets: [meetingPort(sides[easy], moved(easy))], sockets: rows, first_hops: null };
  out[hard] = { ...aim, per_s: limits.CROSSING_PER_S };
  const spray = inARow(sides[hard], moved(hard) + limits.WINDOW_SLACK, rows);
  // Anything else that is sent would use up ports of the row.
  out[easy] = { ...plans[easy], targets: [], spray, first_hops: null, per_s: limits.CROSSING_PER_S };
  return out;
}

const withPatience = (plan: Plan): Plan => ({ ...plan, give_up_ms: limits.BIRTHDAY_GIVE_UP_MS });

/** Mappings that others will have made of a counting NAT between its newest sample and the start. */
function meanwhile({ nat, sampled_ms_ago, rtt_ms }: Side, start_in_ms: number): number {
  if (nat.allocation?.kind !== "sequential") return 0;
  const ms = sampled_ms_ago + rtt_ms / 2 + start_in_ms;
  return (nat.allocation.foreign_per_s * Math.min(ms, limits.ROUND_TRIP_MS_MAX)) / 1_000;
}

/**
 * The next ports of a counting NAT, from well before the expected one to well behind it, when so many mappings were made
 * since its newest sample. Samples that come while both punch already give another window.
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

/** Where the walking side's own row will be when it is in the middle of the other's. */
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
  const after_ms = easy.nat.filtering === null ? limits.BIRTHDAY_AFTER_MS : 0;
  const probes = Math.min(limits.BIRTHDAY_PROBES, ports);
  return address === null ? null : { address, first_port: first, step: 1, ports, order: "shuffled", probes, after_ms };
}

// --- candidates ------------------------------------------------------------------------------------------------

type Family = "IPv4" | "IPv6";

const isOf = (family: Family, { address }: Endpoint): boolean => isIPv4(address) === (family === "IPv4");

/** What sidecars saw in the newest round, newest first, each once. */
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

/** Its own word, as far as it can only lead into its own network: any other endpoint must have been seen. */
const localOf = ({ candidates }: Side): Candidate[] =>
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

const isSeen = (side: Side): boolean => side.candidates.some(({ kind }) => kind === "reflexive");

const both = (a: Side, b: Side, family: Family): boolean =>
  observedOf(a, family).length > 0 && observedOf(b, family).length > 0;

/** One public IPv4 address or one /64: one home, or one carrier's NAT. */
function sharesNetwork(a: Side, b: Side): boolean {
  const sources = (side: Side): string[] =>
    side.candidates.filter(({ kind }) => kind === "reflexive").map(({ endpoint }) => sourceOf(endpoint.address));
  const others = new Set(sources(b));
  return sources(a).some((source) => others.has(source));
}

const addressOf = (candidates: readonly Candidate[]): string | null =>
  candidates.find(({ kind, endpoint }) => kind === "reflexive" && isIPv4(endpoint.address))?.endpoint.address ?? null;

/** A count that ends at the last port begins anew at the first. */
function portOf(port: number): number {
  const ports = limits.PORT_LAST - limits.PORT_FIRST + 1;
  return limits.PORT_FIRST + ((((port - limits.PORT_FIRST) % ports) + ports) % ports);
}
