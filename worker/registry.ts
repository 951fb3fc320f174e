/**
 * The registry of games: one Durable Object for a deployment that serves any game (GAMES=*). A game is registered when a
 * lobby, an event stream, a link or an operator's action needs its hub. So requests to other names create no hub.
 */
import { DurableObject } from "cloudflare:workers";
import { GAMES_MAX } from "#shared/limits.ts";
import { RateLimiter, type RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import { budgetsOf, type Env } from "./env.ts";
import type { GameRegistryRpc, RpcResult } from "./rpc.ts";

export class GameRegistry extends DurableObject<Env> implements GameRegistryRpc {
  readonly #sql: SqlStorage;
  readonly #games: Set<string>;
  readonly #limiter: RateLimiter;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS games (name TEXT PRIMARY KEY) WITHOUT ROWID`);
    this.#games = new Set(Array.from(this.#sql.exec<{ name: string }>(`SELECT name FROM games`), ({ name }) => name));
    this.#limiter = new RateLimiter(budgetsOf(env));
  }

  has(game: string): boolean {
    return this.#games.has(game);
  }

  /** `subject` null: a sidecar or an operator showed its key. */
  add(game: string, subject: RateLimitSubject | null): RpcResult<null> {
    const done = { value: null, rate_limit: null, replayed: false } as const;
    if (this.#games.has(game)) return done;
    if (subject !== null) {
      if (this.#games.size >= GAMES_MAX) return { refused: "hub_full", rate_limit: null, replayed: false };
      const rate_limit = this.#limiter.consume("game", { peer: null, source: subject.source }, Date.now());
      if (rate_limit?.allowed === false) return { refused: "rate_limited", rate_limit, replayed: false };
    }
    this.#sql.exec(`INSERT INTO games (name) VALUES (?)`, game);
    this.#games.add(game);
    return done;
  }
}
