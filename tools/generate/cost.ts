/** What the hub costs on Cloudflare in a month of 30 days: the arithmetic behind the table in docs/operate/operate.md. */

/** Counted: rows by test/worker/hub/cost.test.ts, where a lobby of two lives over UDP; reports are its five steps. */
export const ROWS_PER_LOBBY = 14;
const REPORTS_PER_LOBBY = 5;
/** Assumed: sessions of two players that last 20 minutes, in each of which a player looks at the list twelve times. */
const PLAYERS_PER_LOBBY = 2;
const LOBBIES_PER_PLAYER_H = 3 / PLAYERS_PER_LOBBY;
const LISTS_PER_PLAYER_H = 3 * 12;
const HOURS = 30 * 24;
/** Messages that come over a WebSocket are billed as a twentieth of a request. */
const MESSAGES_PER_REQUEST = 20;
/** A hub that is always asked something never sleeps: 128 MB of memory for all seconds of a month. */
const GB_S_PER_HUB = 0.125 * HOURS * 3_600;
const CPU_MS_PER_REQUEST = 1;
const PLAYERS_PER_HUB = 5_000;

/** November 2026: what the plan includes, and dollars per million beyond it. */
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
    // A list asks every hub.
    hub_requests: requests * hubs + (lobbies * REPORTS_PER_LOBBY) / MESSAGES_PER_REQUEST,
    rows: lobbies * ROWS_PER_LOBBY,
    gb_s: hubs * GB_S_PER_HUB,
    cpu_ms: requests * CPU_MS_PER_REQUEST,
  };
  let dollars = PLAN_DOLLARS;
  for (const [what, { included, dollars: each }] of Object.entries(PRICES)) {
    dollars += (Math.max(0, used[what as keyof typeof PRICES] - included) / 1e6) * each;
  }
  return { hubs, used, dollars };
}

const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;

/** A line of the page's table. */
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
