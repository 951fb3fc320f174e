/** The public lists of sidecars and statistics, readiness, and metrics for operators. */
import type { Stats } from "#shared/api/service.ts";
import { countDurations, type Durations, quantileOf } from "#shared/connect/durations.ts";
import { mergePairStats, type PairStats } from "#shared/connect/outcomes.ts";
import { GAME_PATTERN, METRICS_GAMES_MAX, SIDECARS_MAX_AGE_S, STATS_MAX_AGE_S } from "#shared/limits.ts";
import { allows } from "#shared/settings/operator-keys.ts";
import { identityOf, parseIdentity } from "#shared/settings/identity.ts";
import { settingFaults } from "#shared/settings/hub-settings.ts";
import { callEveryHub, callHub } from "../hub-client.ts";
import type { Ctx, Handler } from "../context.ts";
import { gamesOf, isServed } from "../../env.ts";
import { UNHOSTED } from "../games.ts";
import { callForRequest, callAllHubs } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { cachedJson } from "../etag.ts";
import type { HubStats, RpcResult } from "../../rpc.ts";

export const listGames: Handler = (c) => {
  const { names } = gamesOf(c.env);
  const identity = parseIdentity(c.env.IDENTITY ?? "", c.env.IDENTITY_KEY ?? "");
  const games = [...(names ?? [])].toSorted().map((name) => {
    const { providers = [], required = false } = identityOf(identity, name) ?? {};
    return { name, identity_providers: providers.map((one) => one.name), identity_required: required };
  });
  return cachedJson(c, JSON.stringify({ any: names === null, games }), `public, max-age=${SIDECARS_MAX_AGE_S}`);
};

/** Every sidecar has a link to each hub, so any hub knows all of them. */
export const listSidecars: Handler = async (c) => {
  const sidecars = await callForRequest(c, 0, "read", (hub, meta) => hub.listSidecars(meta));
  if (sidecars instanceof Response) return sidecars;
  return cachedJson(c, JSON.stringify({ sidecars }), `public, max-age=${SIDECARS_MAX_AGE_S}`);
};

export const readStats: Handler = async (c) => {
  const stats = await callAllHubs(c, "read", (hub, meta) => hub.getStats(meta));
  if (stats instanceof Response) return stats;
  return cachedJson(c, JSON.stringify(mergeStats(stats)), `public, max-age=${STATS_MAX_AGE_S}`);
};

/** 200 if the settings are valid and a hub responds. */
export const readiness: Handler = async (c) => {
  const faults = settingFaults(c.env);
  if (faults.length > 0) return problem("hub_unavailable", faults.join("; "));
  await callHub(c.env, UNHOSTED, 0, (hub) => hub.checkStorage());
  return c.json({ ok: true });
};

/**
 * Gauges of the games in `?game=a&game=b`, in Prometheus' text format. There are no counters: a Worker has no memory
 * between requests, and the platform counts them.
 */
export const metrics: Handler = async (c) => {
  const operator = c.var.operator!;
  const all = gamesOf(c.env).names ?? operator.games ?? ["default"];
  const own = [...all].filter((game) => allows(operator, "read", game));
  const games = c.req.queries("game") ?? own.slice(0, METRICS_GAMES_MAX);
  if (games.length > METRICS_GAMES_MAX || !games.every((game) => GAME_PATTERN.test(game))) {
    return problem("invalid_request", `game: at most ${METRICS_GAMES_MAX} names of games expected`);
  }
  if (!games.every((game) => isServed(c.env, game))) return problem("game_not_found");
  if (!games.every((game) => allows(operator, "read", game))) return problem("forbidden");
  const lines = await Promise.all([...new Set(games)].map(async (game) => gauges(game, await statsOf(c, game))));
  const help = Object.entries(GAUGES).flatMap(([name, description]) => {
    const samples = lines.flat().filter((line) => line.startsWith(`${name}{`));
    return [`# HELP ${name} ${description}`, `# TYPE ${name} gauge`, ...samples];
  });
  return c.text(`${help.join("\n")}\n`, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
};

type PairTimes = Stats["connections"][number]["first_path"];

const GAUGES = {
  parley_lobbies: "Open lobbies, by wire and state.",
  parley_members: "Members of lobbies.",
  parley_peers: "Distinct members of lobbies, counted per hub.",
  parley_sidecars: "Sidecars whose link is up.",
  parley_connection_tries: "Recent attempts to open a direct path, by pair of NATs, in steps of 20.",
  parley_connections_direct: "Those that succeeded.",
  parley_first_path_seconds: "Time from the introduction to a path of any kind, by pair of NATs.",
  parley_direct_path_seconds: "Time from the introduction to a direct path, by pair of NATs.",
} as const;

function gauges(game: string, { lobbies, member_count, peer_count, sidecar_count, connections }: Stats): string[] {
  return [
    ...lobbies.map(
      ({ wire, state, count }) => `parley_lobbies{game="${game}",wire="${wire}",state="${state}"} ${count}`,
    ),
    `parley_members{game="${game}"} ${member_count}`,
    `parley_peers{game="${game}"} ${peer_count}`,
    `parley_sidecars{game="${game}"} ${sidecar_count}`,
    ...connections.flatMap(({ nat_pair, tries, direct, first_path, direct_path }) => {
      const labels = `game="${game}",nat_pair="${nat_pair}"`;
      return [
        `parley_connection_tries{${labels}} ${tries}`,
        `parley_connections_direct{${labels}} ${direct}`,
        ...quantiles("parley_first_path_seconds", labels, first_path),
        ...quantiles("parley_direct_path_seconds", labels, direct_path),
      ];
    }),
  ];
}

const quantiles = (name: string, labels: string, { p50_ms, p95_ms }: PairTimes): string[] =>
  [["0.5", p50_ms] as const, ["0.95", p95_ms] as const].flatMap(([quantile, ms]) =>
    ms === null ? [] : [`${name}{${labels},quantile="${quantile}"} ${ms / 1_000}`],
  );

async function statsOf(c: Ctx, game: string): Promise<Stats> {
  const meta = { cost: null, peer: null, source: null, idempotency: null };
  const results = await callEveryHub<RpcResult<HubStats>>(c.env, game, (hub) => hub.getStats(meta));
  return mergeStats(results.flatMap((result) => ("value" in result ? [result.value] : [])));
}

/** The statistics of several hubs as one. */
function mergeStats(all: readonly HubStats[]): Stats {
  const counts = new Map<string, Stats["lobbies"][number]>();
  for (const line of all.flatMap(({ lobbies }) => lobbies)) {
    const key = `${line.wire} ${line.state}`;
    counts.set(key, { ...line, count: line.count + (counts.get(key)?.count ?? 0) });
  }
  const pairs = new Map<string, PairStats>();
  for (const stats of all.flatMap(({ connections }) => connections)) {
    const known = pairs.get(stats.nat_pair);
    pairs.set(stats.nat_pair, known === undefined ? stats : mergePairStats(known, stats));
  }
  const total = (read: (one: HubStats) => number): number => all.reduce((sum, one) => sum + read(one), 0);
  return {
    lobbies: [...counts.values()],
    member_count: total(({ member_count }) => member_count),
    peer_count: total(({ peer_count }) => peer_count),
    // Every sidecar has a link to each hub.
    sidecar_count: Math.max(0, ...all.map(({ sidecar_count }) => sidecar_count)),
    connections: [...pairs.values()]
      .toSorted((a, b) => (a.nat_pair < b.nat_pair ? -1 : 1))
      .map(({ first_path, direct_path, ...counts }) => ({
        ...counts,
        first_path: pairTimes(first_path),
        direct_path: pairTimes(direct_path),
      })),
  };
}

const pairTimes = (all: Durations): PairTimes => ({
  count: countDurations(all),
  p50_ms: quantileOf(all, 0.5),
  p95_ms: quantileOf(all, 0.95),
});
