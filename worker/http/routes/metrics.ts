/** The public lists of sidecars and statistics, readiness, and metrics for operators. */
import type { Stats } from "#shared/api/service.ts";
import { GAME_PATTERN, SIDECARS_MAX_AGE_S, STATS_MAX_AGE_S } from "#shared/limits.ts";
import { callEveryHub, callHub } from "../hub-client.ts";
import type { Ctx, Handler } from "../context.ts";
import { keyProblem } from "../../env.ts";
import { callForRequest, callAllHubs } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { cachedJson } from "../etag.ts";
import type { RpcResult } from "../../rpc.ts";

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

/** 200 if the Worker has its keys and a hub responds. */
export const readiness: Handler = async (c) => {
  const unusable = keyProblem(c.env);
  if (unusable !== null) return problem("hub_unavailable", unusable);
  await callHub(c.env, "readyz", 0, (hub) => hub.checkStorage());
  return c.json({ ok: true });
};

/**
 * Gauges of the games in `?game=a&game=b`, in Prometheus' text format. There are no counters: a Worker has no memory
 * between requests, and the platform counts them.
 */
export const metrics: Handler = async (c) => {
  const games = c.req.queries("game") ?? ["default"];
  if (games.length > 32 || !games.every((game) => GAME_PATTERN.test(game))) {
    return problem("invalid_request", "game: at most 32 names of games expected");
  }
  const lines = await Promise.all([...new Set(games)].map(async (game) => gauges(game, await statsOf(c, game))));
  const help = Object.entries(GAUGES).flatMap(([name, description]) => {
    const samples = lines.flat().filter((line) => line.startsWith(`${name}{`));
    return [`# HELP ${name} ${description}`, `# TYPE ${name} gauge`, ...samples];
  });
  return c.text(`${help.join("\n")}\n`, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
};

const GAUGES = {
  parley_lobbies: "Open lobbies, by wire and state.",
  parley_members: "Members of lobbies.",
  parley_peers: "Distinct members of lobbies, counted per hub.",
  parley_sidecars: "Sidecars whose link is up.",
} as const;

function gauges(game: string, { lobbies, member_count, peer_count, sidecar_count }: Stats): string[] {
  return [
    ...lobbies.map(
      ({ wire, state, count }) => `parley_lobbies{game="${game}",wire="${wire}",state="${state}"} ${count}`,
    ),
    `parley_members{game="${game}"} ${member_count}`,
    `parley_peers{game="${game}"} ${peer_count}`,
    `parley_sidecars{game="${game}"} ${sidecar_count}`,
  ];
}

async function statsOf(c: Ctx, game: string): Promise<Stats> {
  const meta = { cost: null, peer: null, source: null, idempotency: null };
  const results = await callEveryHub<RpcResult<Stats>>(c.env, game, (hub) => hub.getStats(meta));
  return mergeStats(results.flatMap((result) => ("value" in result ? [result.value] : [])));
}

/** The statistics of several hubs as one. */
function mergeStats(all: readonly Stats[]): Stats {
  const counts = new Map<string, Stats["lobbies"][number]>();
  for (const line of all.flatMap(({ lobbies }) => lobbies)) {
    const key = `${line.wire} ${line.state}`;
    counts.set(key, { ...line, count: line.count + (counts.get(key)?.count ?? 0) });
  }
  const pairs = new Map<string, Stats["connections"][number]>();
  for (const { nat_pair, tries, direct } of all.flatMap(({ connections }) => connections)) {
    const known = pairs.get(nat_pair) ?? { tries: 0, direct: 0 };
    pairs.set(nat_pair, { nat_pair, tries: known.tries + tries, direct: known.direct + direct });
  }
  const total = (read: (one: Stats) => number): number => all.reduce((sum, one) => sum + read(one), 0);
  return {
    lobbies: [...counts.values()],
    member_count: total(({ member_count }) => member_count),
    peer_count: total(({ peer_count }) => peer_count),
    // Every sidecar has a link to each hub.
    sidecar_count: Math.max(0, ...all.map(({ sidecar_count }) => sidecar_count)),
    connections: [...pairs.values()].toSorted((a, b) => (a.nat_pair < b.nat_pair ? -1 : 1)),
  };
}
