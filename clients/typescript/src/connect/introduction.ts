/**
 * The hub's events about a connection (docs/reference/connect.md), decoded and checked: a plan is clamped to harmless
 * values, and a key has the right length.
 */
import type { Connection } from "../api/types.ts";
import { type Endpoint, isEndpoint } from "../util/addresses.ts";
import { RELAY_AFTER_MS_MAX } from "./limits.ts";
import { type Plan, readPlan } from "../punch/plan.ts";
import { type PairKey, readPairKey } from "../secure/seal.ts";

/** One end of a relay; `tunnel`: the URL of its WebSocket, or null. */
export type Relay = Endpoint & { readonly ticket: string; readonly tunnel: string | null };

type ConnectionIds = { readonly connection_id: string; readonly peer_id: string };
export type Introduction = ConnectionIds &
  (
    | { readonly type: "requested"; readonly consent: string }
    | { readonly type: "accepted" }
    | {
        readonly type: "punch";
        readonly plan: Plan;
        readonly key: PairKey;
        readonly start_in_ms: number;
        /** When the relay is entered unless the peer is received before. */
        readonly relay_after_ms: number;
        readonly message: string;
        /** The local port of the standing reach that the plan is for; null: the reach sent for this connection. */
        readonly standing: number | null;
      }
    | { readonly type: "relay"; readonly relay: Relay; readonly key: PairKey | null; readonly message: string | null }
    | { readonly type: "failed"; readonly reason: string; readonly message: string }
  );

/** Returns null if the event is about something else or cannot be understood. */
export function readIntroduction(type: string, data: Readonly<Record<string, unknown>>): Introduction | null {
  const { connection_id, peer_id, message } = data;
  if (typeof connection_id !== "string" || typeof peer_id !== "string") return null;
  const ids = { connection_id, peer_id };
  if (type === "connect.accepted") return { type: "accepted", ...ids };
  if (type === "connect.requested") return { type: "requested", consent: String(data["consent"]), ...ids };
  if (type === "connect.failed")
    return { type: "failed", reason: String(data["reason"]), message: String(message), ...ids };
  const key = readPairKey(data["pair_key"]);
  if (type === "connect.punch") {
    const [plan, start_in_ms] = [readPlan(data["plan"]), data["start_in_ms"]];
    if (plan === null || key === null || typeof start_in_ms !== "number") return null;
    const wait = data["relay_after_ms"];
    const relay_after_ms = typeof wait === "number" ? Math.min(Math.max(0, wait), RELAY_AFTER_MS_MAX) : 0;
    const standing = typeof data["local_port"] === "number" ? data["local_port"] : null;
    return { type: "punch", plan, key, start_in_ms, relay_after_ms, message: String(message), standing, ...ids };
  }
  const relay = type === "connect.relay" ? readRelay(data["relay"]) : null;
  return relay && { type: "relay", relay, key, message: typeof message === "string" ? message : null, ...ids };
}

/** The events that led to the state of a connection. */
export function replayedEvents(
  view: Connection,
): { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[] {
  const { connection_id, peer_id, state, consent, punch, relay, asked, wants_reach } = view;
  if (state === "over") return [];
  const ids = { connection_id, peer_id };
  const asks = asked ? "connect.accepted" : "connect.requested";
  return [
    ...(punch === undefined ? [] : [{ type: "connect.punch", data: { ...punch, ...ids } }]),
    ...(relay === undefined ? [] : [{ type: "connect.relay", data: { ...relay, ...ids } }]),
    ...(wants_reach || (state === "waiting" && !asked) ? [{ type: asks, data: { consent, ...ids } }] : []),
  ];
}

export function readRelay(json: unknown): Relay | null {
  if (typeof json !== "object" || json === null) return null;
  const { address, port, ticket, tunnel } = json as Record<string, unknown>;
  if (typeof address !== "string" || typeof port !== "number" || !isEndpoint({ address, port })) return null;
  if (typeof ticket !== "string") return null;
  return { address, port, ticket, tunnel: typeof tunnel === "string" && /^wss?:/.test(tunnel) ? tunnel : null };
}
