/**
 * The introduction of two browsers: WebRTC finds their path by ICE (RFC 8445), so the hub gives them only a key, which
 * authenticates their signals, and says whether relays may be used.
 */
import { type Introduction, nextEpoch, type ReachedParty, usedReach, verdictOf } from "./introduction.ts";
import type { RelayPolicy } from "../lobby/relay-policy.ts";
import type { WebrtcInstructions } from "./schema.ts";

/** The label under which outcomes between browsers are counted. They show no NAT. */
const PAIR = "webrtc";

const REASONS = {
  auto: "WebRTC finds the path, over a relay if there is no direct one.",
  always: "One of the two does not reveal its address.",
  never: "WebRTC finds the path. Relays are not allowed.",
} as const;

export function introduceBrowsers(
  [a, b]: readonly [ReachedParty, ReachedParty],
  { key, relay }: { readonly key: string; readonly relay: RelayPolicy },
  now: number,
): Introduction {
  return {
    verdict: relay === "always" ? "relay" : "direct",
    reason: REASONS[relay],
    pair: PAIR,
    byIPv6: false,
    plans: null,
    webrtc: relay,
    start_in_ms: [0, 0],
    relay_after_ms: [0, 0],
    attempt: 0,
    used: [usedReach(a.reach), usedReach(b.reach)],
    key,
    epoch: nextEpoch(a.reach.epoch, b.reach.epoch),
    told_at: now,
  };
}

/** The instructions of one browser; null for an introduction over UDP. */
export const webrtcInstructions = (introduction: Introduction, at: 0 | 1): WebrtcInstructions | null =>
  introduction.webrtc === null ? null : { ...verdictOf(introduction, at), relay: introduction.webrtc };
