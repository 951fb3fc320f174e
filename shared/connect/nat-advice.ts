/**
 * Advice for an introduction: a verdict, its reason in one sentence, and a plan for each of the two peers, which it executes
 * without knowing anything about NATs.
 *
 *     direct      each peer sends to the other's observed endpoint and replies to where it receives from
 *     predict     a sequential NAT: the other peer tries the next ports. Two sequential NATs meet in the middle: many
 *                 sockets on one side send to one port, one socket on the other side tries many
 *     birthday    a random NAT: many sockets behind it, many ports tried from the other side
 *     relay       none of these can work, or a peer does not allow them
 */
import * as limits from "../limits.ts";
import { IPV6_PAIR, isHard, type Nat, natPair } from "./nat.ts";
import {
  both,
  isSeen,
  localOf,
  plainPlan,
  type Plan,
  sharesNetwork,
  type Side,
  type Verdict,
  withLuck,
} from "./punch-plan.ts";

export type Advice = {
  readonly verdict: Verdict;
  /** For a player: one sentence, or two if both families are tried. */
  readonly reason: string;
  /** The label under which outcomes are counted. */
  readonly pair: string;
  /** IPv6 is tried, alone or beside IPv4. */
  readonly byIPv6: boolean;
  /** Of the first and the second peer; null where no punch is tried. */
  readonly plans: readonly [Plan, Plan] | null;
  /** How long each peer waits after it received the plan, so that both start together. */
  readonly start_in_ms: readonly [number, number];
};

/** Outcomes of earlier attempts between such NATs; null where unknown, or where the attempt is to be made anyway. */
export type Outcomes = (pair: string) => { readonly tries: number; readonly direct: number } | null;

/** `attempt` counts from 0. A later attempt needs new sockets and new samples. */
export function advise(a: Side, b: Side, attempt = 0, outcomes: Outcomes = () => null): Advice {
  const start_in_ms = startsIn(a.rtt_ms, b.rtt_ms, attempt);
  const { verdict, reason, pair, byIPv6 } = decide(a, b, outcomes);
  const advice = { verdict, reason, pair, byIPv6, start_in_ms };
  if (verdict === "relay") return { ...advice, plans: null };
  const plain = [plainPlan(b, a, verdict, true, attempt), plainPlan(a, b, verdict, false, attempt)] as const;
  return { ...advice, plans: withLuck(verdict, [a, b], plain, start_in_ms, attempt) };
}

/**
 * Both peers start at the same instant: some routers remap a port when the peer's datagram arrives before their own was
 * sent. The second attempt repeats this with first datagrams of a short TTL. Later attempts let one side start first.
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

type Decision = Pick<Advice, "verdict" | "reason" | "pair" | "byIPv6">;

const BY_IPV6 = "Both have IPv6, which needs no address translation.";

/** Both families are planned and tried at once, where both have both. */
function decide(a: Side, b: Side, outcomes: Outcomes): Decision {
  const pair = natPair(a.nat, b.nat);
  const byIPv6 = both(a, b, "IPv6");
  const [verdict, reason] = obstacle(a, b) ?? decideFamilies(a, b, pair, outcomes);
  return { verdict, reason, pair: reason === BY_IPV6 ? IPV6_PAIR : pair, byIPv6: byIPv6 && verdict !== "relay" };
}

/** What decides whatever the NATs are; null otherwise. */
function obstacle(a: Side, b: Side): readonly [Verdict, string] | null {
  if (a.relay_only || b.relay_only) return ["relay", "One of the two does not reveal its address."];
  if (!isSeen(a) || !isSeen(b)) return ["relay", "The network of one of the two blocks UDP."];
  return sharesNetwork(a, b) ? inOneNetwork(a, b) : null;
}

function decideFamilies(a: Side, b: Side, pair: string, outcomes: Outcomes): readonly [Verdict, string] {
  const byIPv4 = both(a, b, "IPv4") ? decideIPv4(a, b, pair, outcomes) : null;
  if (!both(a, b, "IPv6")) return byIPv4 ?? ["relay", "One of the two has IPv4 only, the other IPv6 only."];
  // IPv4 may be hopeless. Then only IPv6 decides the outcome.
  if (byIPv4 === null || byIPv4[0] === "relay") return ["direct", BY_IPV6];
  return [byIPv4[0], `${BY_IPV6} ${byIPv4[1]}`];
}

function decideIPv4(a: Side, b: Side, pair: string, outcomes: Outcomes): readonly [Verdict, string] {
  const known = outcomes(pair);
  if (known !== null && known.tries >= limits.OUTCOMES_MIN)
    if (known.direct < known.tries * limits.OUTCOMES_DIRECT_MIN)
      return ["relay", `Of ${known.tries} attempts between such routers hardly any succeeded.`];
  return isHard(a.nat) && isHard(b.nat) ? bothHard(a.nat, b.nat) : oneHard(a, b);
}

function inOneNetwork(a: Side, b: Side): readonly [Verdict, string] {
  const local = localOf(a).length > 0 && localOf(b).length > 0;
  if (local) return ["direct", "Both come from one public address: they try their local ones first."];
  return a.nat.hairpin === false || b.nat.hairpin === false
    ? ["relay", "Both are behind one router without hairpinning."]
    : ["direct", "Both come from one public address, and their router may support hairpinning."];
}

function bothHard(a: Nat, b: Nat): readonly [Verdict, string] {
  if (a.allocation?.kind === "sequential" && b.allocation?.kind === "sequential")
    return ["predict", "Both routers allocate ports in sequence, so the next ones can be predicted."];
  return ["relay", "Both routers use another port for every peer, and at random: none can be predicted."];
}

function oneHard(a: Side, b: Side): readonly [Verdict, string] {
  const [hard, easy] = isHard(a.nat) ? [a, b] : [b, a];
  if (!isHard(hard.nat)) return ["direct", "Both routers use the same port for every peer."];
  const { filtering } = easy.nat;
  if (filtering === "independent" || filtering === "address")
    return ["direct", "One router uses another port for every peer, and the other accepts any port."];
  if (hard.nat.allocation?.kind === "sequential")
    return ["predict", "One router allocates ports in sequence, so the next one can be predicted."];
  if (hard.birthday && easy.birthday)
    return ["birthday", "One router uses a random port for every peer: many are tried until two match."];
  return filtering === null
    ? ["direct", "One router uses a random port for every peer, and the other may accept it."]
    : ["relay", "One router uses a random port for every peer, and not both peers agreed to try many."];
}
