/**
 * Which games this deployment serves. With GAMES=* any name is served, but only registered games have hubs; all others
 * share one hub without lobbies. So a read of a game that nobody hosts creates nothing, and its name brings no new budgets.
 */
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import { type Env, gamesOf, hubOf } from "../env.ts";
import type { GameRegistryRpc, RpcResult } from "../rpc.ts";

export type HubStub = ReturnType<typeof hubOf>;

/** The hub of all games without one, in place of a game's name. */
export const UNHOSTED = "*";

/** Games known to be registered. They stay so, and the registry is bounded. */
const registered = new Set<string>();

export async function findHub(env: Env, game: string, shard: number): Promise<HubStub> {
  const has_hub = gamesOf(env).names !== null || registered.has(game) || (await registryOf(env).has(game));
  if (!has_hub) return hubOf(env, UNHOSTED, 0);
  registered.add(game);
  return hubOf(env, game, shard);
}

/** Registers a game. `subject` null: a sidecar or an operator showed its key, so no limit applies. */
export async function registerGame(env: Env, game: string, subject: RateLimitSubject | null): Promise<RpcResult<null>> {
  if (gamesOf(env).names !== null || registered.has(game)) return REGISTERED;
  const result = await registryOf(env).add(game, subject);
  if ("value" in result) registered.add(game);
  return result;
}

const REGISTERED: RpcResult<null> = { value: null, rate_limit: null, replayed: false };

const registryOf = (env: Env): DurableObjectStub<GameRegistryRpc> => env.REGISTRY.get(env.REGISTRY.idFromName("games"));
