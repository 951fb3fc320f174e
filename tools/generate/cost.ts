/**
 * The hub's cost on Cloudflare in a month of 30 days.
 *
 * A test compares it with the table in docs/operate/operate.md, so that the table follows the measured rows.
 */

/** Measured by test/worker/hub/cost.test.ts for a lobby of two over UDP; the reports are its five steps. */
export const ROWS_PER_LOBBY = 14;
const REPORTS_PER_LOBBY = 5;
/** Assumed: sessions of two players and 20 minutes, with 12 list requests of each player. */
const PLAYERS_PER_LOBBY = 2;
const LOBBIES_PER_PLAYER_H = 3 / PLAYERS_PER_LOBBY;
const LISTS_PER_PLAYER_H = 3 * 12;
const HOURS = 30 * 24;
/** Incoming WebSocket messages are billed as a twentieth of a request. */
const MESSAGES_PER_REQUEST = 20;
/** A busy hub never hibernates: 128 MB of memory for every second of a month. */
const GB_S_PER_HUB = 0.125 * HOURS * 3_600;
const CPU_MS_PER_REQUEST = 1;
const PLAYERS_PER_HUB = 5_000;

/** Prices of November 2026: the plan's included amount, and dollars per million above it. */
const PRICES = {
  requests: { included: 10e6, dollars: 0.3 },
  hub_requests: { included: 1e6, dollars: 0.15 },
  rows: { included: 50e6, dollars: 1 },
  gb_s: { included: 400_000, dollars: 12.5 },
  cpu_ms: { included: 30e6, dollars: 0.02 },
} as const;
const PLAN_DOLLARS = 5;

export type Cost = {
  readonly hubs: number;
  readonly used: { readonly [K in keyof typeof PRICES]: number };
  readonly dollars: number;
};

export function costOf(players: number): Cost {
  const hubs = Math.ceil(players / PLAYERS_PER_HUB);
  const lobbies = players * LOBBIES_PER_PLAYER_H * HOURS;
  const requests = players * LISTS_PER_PLAYER_H * HOURS;
  const used = {
    requests,
    // A list request reaches every shard.
    hub_requests: requests * hubs + (lobbies * REPORTS_PER_LOBBY) / MESSAGES_PER_REQUEST,
    rows: lobbies * ROWS_PER_LOBBY,
    gb_s: hubs * GB_S_PER_HUB,
    cpu_ms: requests * CPU_MS_PER_REQUEST,
  };
  let dollars = PLAN_DOLLARS;
  for (const [unit, { included, dollars: price }] of Object.entries(PRICES)) {
    dollars += (Math.max(0, used[unit as keyof typeof PRICES] - included) / 1e6) * price;
  }
  return { hubs, used, dollars };
}

const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;

/** A row of the page's table. */
export function costLine(players: number): string {
  const { hubs, used, dollars } = costOf(players);
  const cells = [
    players.toLocaleString("en"),
    hubs,
    millions(used.requests),
    millions(used.hub_requests),
    millions(used.rows),
    Math.round(used.gb_s).toLocaleString("en"),
    `$${dollars.toFixed(0)}`,
  ];
  return `| ${cells.join(" | ")} |`;
}
