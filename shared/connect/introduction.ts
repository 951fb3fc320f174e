/**
 * The introduction of two peers: from the reach of both to the instructions for each. Outer endpoints were verified by
 * receipts (VerifiedReach). Endpoints that a peer only claims are used within its own network.
 */
import type { Reach, Punching } from "./schema.ts";
import { type Endpoint, isIPv4 } from "../net/endpoint.ts";
import { POLL_START_MS, RELAY_MARGIN_MS, ROUND_TRIP_MS_MAX } from "../limits.ts";
import { classify, type Sample } from "./nat.ts";
import { advise, type Advice, type Outcomes } from "./nat-advice.ts";
import type { RelayPolicy } from "../lobby/relay-policy.ts";
import { type Candidate, type Side } from "./punch-plan.ts";

/** A reach whose receipts were verified. */
export type VerifiedReach = Omit<Reach, "looks" | "now_ms"> & {
  readonly samples: readonly Sample[];
  /** Age of the newest sample when the reach was sent, in ms. */
  readonly age_ms: number;
  /** When it was sent, by the peer's clock. */
  readonly sent_ms: number;
  /** It was sent in advance, and not for one connection. */
  readonly isStanding?: boolean;
};

/** One peer of an introduction: its reach, when it arrived, and whether the peer has a WebSocket. */
export type ReachedParty = { readonly reach: VerifiedReach; readonly reached_at: number; readonly listens: boolean };

/** What of a peer's reach led to an introduction. */
export type UsedReach = {
  /** Of the socket; null for a browser, which has none. */
  readonly local_port: number | null;
  readonly isStanding: boolean;
  readonly sent_ms: number;
};

export type Introduction = Advice & {
  /** Of two browsers: whether they may, must or must not use a relay. null: datagrams over UDP. */
  readonly webrtc: RelayPolicy | null;
  /** How long each peer waits for the other's datagrams before it enters the relay. */
  readonly relay_after_ms: readonly [number, number];
  readonly used: readonly [UsedReach, UsedReach];
  /** The failed attempts before it. */
  readonly attempt: number;
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

export const usedReach = ({ samples, isStanding = false, sent_ms }: VerifiedReach): UsedReach => ({
  local_port: samples.find(({ socket }) => socket === 0)?.local_port ?? null,
  isStanding,
  sent_ms,
});

/** The instructions for both. Each peer receives only its own part. */
export function introduce(
  [a, b]: readonly [ReachedParty, ReachedParty],
  { key, relay_only, outcomes }: IntroductionOptions,
  now: number,
): Introduction {
  const attempt = Math.max(a.reach.attempt ?? 0, b.reach.attempt ?? 0);
  const advice = advise(sideOf(a, relay_only, now), sideOf(b, relay_only, now), attempt, outcomes);
  // A polling peer receives the instructions later, so both start later.
  const wait = a.listens && b.listens ? 0 : POLL_START_MS;
  const start_in_ms = [advice.start_in_ms[0] + wait, advice.start_in_ms[1] + wait] as const;
  const relay_after_ms = start_in_ms.map((ms) => relayAfter(advice, attempt, ms + a.reach.rtt_ms + b.reach.rtt_ms));
  return {
    ...advice,
    webrtc: null,
    start_in_ms,
    relay_after_ms: relay_after_ms as [number, number],
    attempt,
    used: [usedReach(a.reach), usedReach(b.reach)],
    key,
    epoch: nextEpoch(a.reach.epoch, b.reach.epoch),
    told_at: now,
  };
}

/**
 * A relay is entered at once where the punch takes long or has failed before, otherwise when the peer was not received
 * for one round trip and a margin. The round trips to the hub bound the one between the peers.
 */
function relayAfter({ verdict, byIPv6 }: Advice, attempt: number, round_trip_ms: number): number {
  if (attempt > 0 || (verdict === "birthday" && !byIPv6) || verdict === "relay") return 0;
  return Math.min(Math.round(round_trip_ms) + RELAY_MARGIN_MS, ROUND_TRIP_MS_MAX);
}

/** The instructions of one peer at `now`; null where no punch is tried. */
export function punchInstructions(introduction: Introduction, at: 0 | 1, now: number): Punching | null {
  if (introduction.plans === null) return null;
  const left = (ms: number): number => Math.max(0, ms - (now - introduction.told_at));
  const start_in_ms = left(introduction.start_in_ms[at]);
  const relay_after_ms = left(introduction.relay_after_ms[at]);
  const { local_port, isStanding } = introduction.used[at];
  const standing = isStanding && local_port !== null ? { local_port } : {};
  return { ...verdictOf(introduction, at), start_in_ms, relay_after_ms, plan: introduction.plans[at], ...standing };
}

export const verdictOf = ({ verdict, reason: message, pair, key, epoch }: Introduction, at: 0 | 1) => ({
  verdict,
  message,
  nat_pair: pair,
  pair_key: { key, epoch, role: at === 0 ? ("a" as const) : ("b" as const) },
});

/** One peer as input of nat-advice.ts. */
export function sideOf({ reach, reached_at }: ReachedParty, relay_only: boolean, now: number): Side {
  const { samples, local_endpoints: hosts, filtering, hairpin, remaps, rtt_ms, age_ms, birthday = false } = reach;
  const translated = samples.filter(({ via }) => isIPv4(via.address));
  const tested = {
    ...(filtering && { filtering }),
    ...(hairpin !== undefined && { hairpin }),
    ...(remaps !== undefined && { remaps }),
  };
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

/** The key epoch after the newest that either peer has. The hub stores no keys. */
export function nextEpoch(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined) return ((a ?? b ?? -1) + 1) % 256;
  const isAhead = (a - b + 256) % 256 <= 127;
  return ((isAhead ? a : b) + 1) % 256;
}
