/**
 * A day of a deployment in virtual time. One hub of it is simulated lobby by lobby, since all have the same habits; the
 * caches of all locations are simulated with the requests of all players. The random numbers are the same in each run.
 */
import { READ_FRESH_MS, SHARDS_MAX } from "#shared/limits.ts";
import { actionsOf, FILTER_SHARE, FILTERS, HOURS, LOCATIONS, type Random, sizeOf } from "./habits.ts";
import { type OperationName, OPERATIONS } from "./operations.ts";
import { seeded } from "../../test/support/dice.ts";
import { GB_PER_HUB, MESSAGES_PER_REQUEST, type Usage } from "./prices.ts";

/** Players at once of one hub, at most. */
export const PLAYERS_PER_HUB = 5_000;
/** A Worker's CPU time for one request, assumed: ten times what one from memory takes in plain workerd. */
const CPU_MS_PER_REQUEST = 1;
/** A hub counts as active for this long after each event: after that it hibernates. */
const ACTIVE_S = 10;
const DAY_S = 86_400;
const HOUR_S = 3_600;
/** Of each hour, the caches of this many seconds are simulated. */
const WINDOW_S = 60;
const DAYS = 30;
/** An alarm is one request, and two rows: it is set for a new deadline, and again when it has fired. */
const ROWS_PER_ALARM = 2;
/** After these an alarm is due: a started lobby ends, or a grace. */
const ALARMING: ReadonlySet<OperationName> = new Set(["wire_end", "drop"]);
/** They change a line of the list, which the other hubs send to the first one while clients watch the list. */
const CHANGING: ReadonlySet<OperationName> = new Set([
  "wire_host",
  "wire_join",
  "wire_start",
  "create",
  "join",
  "patch",
  "leave",
  "drop",
]);
/** The hub is not woken by what the platform or a cache answers. */
const ASLEEP: ReadonlySet<OperationName> = new Set(["ping", "list", "identity"]);

export type Simulated = {
  readonly players: number;
  /** Average over the day. */
  readonly players_mean: number;
  readonly hubs: number;
  readonly games: number;
  /** In a month of 30 days. */
  readonly used: Usage;
  readonly lists: number;
  /** Lists that reached hubs. */
  readonly fills: number;
};

export function simulate(players: number): Simulated {
  const random = seeded(players);
  const needed = Math.ceil(players / PLAYERS_PER_HUB);
  const games = Math.ceil(needed / SHARDS_MAX);
  const shards = Math.ceil(needed / games);
  const hubs = games * shards;
  const day = dayOfHub(players / hubs, random);
  const fills_of_hours = day.lists_of_hours.map((lists) => fillsOf((lists * shards) / HOUR_S, random) * HOUR_S);
  // The first hub of a game answers lists for all.
  const fills = sum(fills_of_hours);
  for (const [hour, count] of fills_of_hours.entries()) {
    for (let fill = 0; fill < Math.min(count, HOUR_S); fill++) day.events[Math.floor((hour + random()) * HOUR_S)] = 1;
  }
  const total = (read: (one: (typeof OPERATIONS)[OperationName]) => number): number =>
    sum(Object.entries(day.counts).map(([name, count]) => count * read(OPERATIONS[name as OperationName])));
  const alarms = sum(day.alarms);
  const requests = total((one) => one.requests);
  const feed = (day.changes * (shards - 1)) / shards;
  const of_hub = {
    requests,
    cpu_ms: requests * CPU_MS_PER_REQUEST,
    hub_requests:
      total((one) => one.calls) + total((one) => one.messages) / MESSAGES_PER_REQUEST + alarms + fills / shards + feed,
    gb_s: activeSeconds(day.events) * GB_PER_HUB,
    rows_written: total((one) => one.rows) + alarms * ROWS_PER_ALARM,
  };
  const used = Object.fromEntries(Object.entries(of_hub).map(([unit, count]) => [unit, count * hubs * DAYS])) as Usage;
  return {
    players,
    players_mean: (day.player_s * hubs) / DAY_S,
    hubs,
    games,
    used,
    lists: (day.counts.list ?? 0) * hubs * DAYS,
    fills: fills * games * DAYS,
  };
}

/** The exponent of growth between two sizes: 1 is linear. */
export const exponentOf = (
  small: readonly [players: number, dollars: number],
  large: readonly [number, number],
): number => Math.log(large[1] / small[1]) / Math.log(large[0] / small[0]);

/** What happens at one hub in a day that begins and ends in the night. */
function dayOfHub(players: number, random: Random) {
  const counts: { [N in OperationName]?: number } = {};
  const lists_of_hours = HOURS.map(() => 0);
  const events = new Uint8Array(DAY_S);
  const alarms = new Uint8Array(DAY_S);
  let [changes, player_s] = [0, 0];
  const per_lobby_s = meanPlayerSeconds(seeded(1));
  for (const [hour, share] of HOURS.entries()) {
    const mean_s = per_lobby_s / (players * share);
    for (let at_s = exponential(mean_s, random); at_s < HOUR_S; at_s += exponential(mean_s, random)) {
      const lobby = actionsOf(sizeOf(random), random);
      player_s += lobby.player_s;
      for (const { at_s: after_s, name, times } of lobby.actions) {
        const second = Math.floor(hour * HOUR_S + at_s + after_s) % DAY_S;
        counts[name] = (counts[name] ?? 0) + times;
        if (name === "list") lists_of_hours[Math.floor(second / HOUR_S)]! += times;
        if (!ASLEEP.has(name)) events[second] = 1;
        if (ALARMING.has(name)) alarms[second] = 1;
        if (CHANGING.has(name)) changes++;
      }
    }
  }
  return { counts, lists_of_hours, events, alarms, changes, player_s };
}

/**
 * Requests of hubs per second for lists that players request at this rate, in a window of simulated time. A key of a
 * location reaches the hubs with the first request after its response stops being fresh. Requests are independent of each
 * other, so the next one after any moment comes after an exponential time.
 */
function fillsOf(per_s: number, random: Random): number {
  const fresh_s = READ_FRESH_MS / 1_000;
  const harmonic = sum(Array.from({ length: LOCATIONS }, (_, at) => 1 / (at + 1)));
  let fills = 0;
  for (let location = 1; location <= LOCATIONS; location++) {
    for (let key = 0; key <= FILTERS; key++) {
      const share = key === 0 ? 1 - FILTER_SHARE : FILTER_SHARE / FILTERS;
      const mean_s = 1 / ((per_s * share) / location / harmonic);
      for (let at_s = exponential(mean_s, random); at_s < WINDOW_S; at_s += fresh_s + exponential(mean_s, random))
        fills++;
    }
  }
  return fills / WINDOW_S;
}

function activeSeconds(events: Uint8Array): number {
  let [active, last] = [0, -Infinity];
  for (let second = 0; second < events.length; second++) {
    if (events[second] === 1) last = second;
    if (second - last < ACTIVE_S) active++;
  }
  return active;
}

const meanPlayerSeconds = (random: Random): number =>
  sum(Array.from({ length: 10_000 }, () => actionsOf(sizeOf(random), random).player_s)) / 10_000;

const exponential = (mean: number, random: Random): number => -mean * Math.log(1 - random());

const sum = (numbers: Iterable<number>): number => {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
};
