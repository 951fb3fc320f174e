/** What travels with a request through the routes. */
import type { Context, MiddlewareHandler } from "hono";
import type { RateLimitState } from "#shared/rate-limit/rate-limiter.ts";
import type { Env } from "../env.ts";

export type Api = {
  readonly Bindings: Env;
  readonly Variables: {
    /** Of the path, and well-formed. */
    readonly game: string;
    /** Who showed his token, or null where none was shown and none is needed. */
    readonly peer: string | null;
    /** Shows a sidecar's key: pays nothing. */
    readonly trusted: boolean;
    /** The request's body, as text; empty until a route has read one. */
    readonly body: string;
    /** What the request cost, and whether its answer had been given before: for the headers. */
    readonly rateLimit: RateLimitState | null;
    readonly replayed: boolean;
  };
};

export type Ctx = Context<Api>;
export type Handler = (c: Ctx) => Promise<Response> | Response;
export type Middleware = MiddlewareHandler<Api>;
