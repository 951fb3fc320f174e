/**
 * Cloudflare's prices for the paid plan of Workers, in November 2026:
 * https://developers.cloudflare.com/workers/platform/pricing/ and
 * https://developers.cloudflare.com/durable-objects/platform/pricing/
 */

/** Per month: what the plan includes, and dollars per million above it. */
export const PRICES = {
  /** Requests that run the Worker. Opening a WebSocket is one, its messages are none. */
  requests: { included: 10e6, dollars: 0.3 },
  cpu_ms: { included: 30e6, dollars: 0.02 },
  /** Requests of Durable Objects: calls, WebSockets, alarms, and a twentieth of every incoming message. */
  hub_requests: { included: 1e6, dollars: 0.15 },
  /** Memory (128 MB) of Durable Objects for each second in which they are active. */
  gb_s: { included: 400_000, dollars: 12.5 },
  rows_written: { included: 50e6, dollars: 1 },
} as const;
export type Unit = keyof typeof PRICES;
export type Usage = { readonly [U in Unit]: number };

/** What the free plan includes per day. */
export const FREE_PER_DAY = { requests: 100_000, hub_requests: 100_000, gb_s: 13_000, rows_written: 100_000 } as const;

export const PLAN_DOLLARS = 5;
export const MESSAGES_PER_REQUEST = 20;
export const GB_PER_HUB = 0.125;

export function dollarsOf(used: Usage): number {
  return Object.entries(PRICES).reduce(
    (sum, [unit, { included, dollars }]) => sum + (Math.max(0, used[unit as Unit] - included) / 1e6) * dollars,
    PLAN_DOLLARS,
  );
}

/** The same without what the plan includes: what one player more costs. */
export const marginalDollarsOf = (used: Usage): number =>
  Object.entries(PRICES).reduce((sum, [unit, { dollars }]) => sum + (used[unit as Unit] / 1e6) * dollars, 0);
