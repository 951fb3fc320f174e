/**
 * From what two peers told of themselves to what each is told to do. What a peer says of his outer endpoints has been
 * proved by receipts before (Proved); the rest is his own word, and leads nobody outside his own network.
 */
import type { Reach, Punching } from "./schema.ts";
import { type Endpoint, isIPv4 } from "../net/endpoint.ts";
import { POLL_START_MS, ROUND_TRIP_MS_MAX } from "../limits.ts";
import { classify, type Sample } from "./nat.ts";
import { advise, type Advice, type Candidate, type Outcomes, type Side } from "./punch.ts";

/** A reach whose receipts were good. */
export type VerifiedReach = Omit<Reach, "looks" | "now_ms"> & {
  readonly samples: readonly Sample[];
  /** How old the newest sample was when it was sent. */
  readonly age_ms: number;
};

/** What the hub holds of one of the two when they are introduced. */
export type ReachedParty = { readonly reach: VerifiedReach; readonly reached_at: number; readonly listens: boolean };

export type Introduction = Omit<Advice, "plans"> & {
  readonly plans: Advice["plans"];
  /** Secret. */
  readonly key: string;
  readonly epoch: number;
  readonly told_at: number;
};

export type IntroductionOptions = {
  readonly key: string;
  readonly relay_only: boolean;
  readonly outcomes: Outcomes;
};

/** What both are told, of which each hears his own part. */
export function introduce(
  [a, b]: readonly [ReachedParty, ReachedParty],
  { key, relay_only, outcomes }: IntroductionOptions,
  now: number,
): Introduction {
  const attempt = Math.max(a.reach.attempt ?? 0, b.reach.attempt ?? 0);
  const advice = advise(sideOf(a, relay_only, now), sideOf(b, relay_only, now), attempt, outcomes);
  // Who polls is told later; then both begin later.
  const wait = a.listens && b.listens ? 0 : POLL_START_MS;
  const start_in_ms = [advice.start_in_ms[0] + wait, advice.start_in_ms[1] + wait] as const;
  return { ...advice, start_in_ms, key, epoch: nextEpoch(a.reach.epoch, b.reach.epoch), told_at: now };
}

/** The part of one of the two, as it is at `now`; null where nothing is tried. */
export function punchInstructions(told: Introduction, at: 0 | 1, now: number): Punching | null {
  if (told.plans === null) return null;
  const start_in_ms = Math.max(0, told.start_in_ms[at] - (now - told.told_at));
  return { ...verdictOf(told, at), start_in_ms, plan: told.plans[at] };
}

export const verdictOf = ({ verdict, reason, pair, key, epoch }: Introduction, at: 0 | 1) => ({
  verdict,
  reason,
  nat_pair: pair,
  pair_key: { key, epoch, role: at === 0 ? ("a" as const) : ("b" as const) },
});

/** What punch.ts is told of one of the two. */
export function sideOf({ reach, reached_at }: ReachedParty, relay_only: boolean, now: number): Side {
  const { samples, hosts, filtering, hairpin, rtt_ms, age_ms, birthday = false } = reach;
  const translated = samples.filter(({ via }) => isIPv4(via.address));
  const tested = { ...(filtering && { filtering }), ...(hairpin !== undefined && { hairpin }) };
  const own = hosts.map(({ address }) => address);
  const round_trip_ms = Math.min(Math.max(0, rtt_ms), ROUND_TRIP_MS_MAX);
  return {
    candidates: [...samples.filter(({ socket }) => socket === 0).map(seen), ...hosts.map(host)],
    nat: classify(translated, own, tested),
    rtt_ms: round_trip_ms,
    sampled_ms_ago: Math.max(0, age_ms) + round_trip_ms / 2 + (now - reached_at),
    relay_only,
    birthday,
  };
}

const seen = ({ seen: endpoint, via, at_ms }: Sample): Candidate => ({
  kind: "reflexive",
  endpoint,
  via: via.address,
  observed_at: at_ms,
});

const host = (endpoint: Endpoint): Candidate => ({ kind: "host", endpoint, via: null, observed_at: null });

/** One more than the newest that either has; the hub itself remembers no keys. */
export function nextEpoch(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined) return ((a ?? b ?? -1) + 1) % 256;
  const isAhead = (a - b + 256) % 256 <= 127;
  return ((isAhead ? a : b) + 1) % 256;
}
