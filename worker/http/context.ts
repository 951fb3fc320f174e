/** The variables that middleware sets for a request's handler. */
import type { Context, MiddlewareHandler } from "hono";
import type { RateLimitState } from "#shared/rate-limit/rate-limiter.ts";
import type { OperatorKey } from "#shared/settings/operator-keys.ts";
import type { Env } from "../env.ts";

export type Api = {
  readonly Bindings: Env;
  readonly Variables: {
    /** Names the request in its response and in the log. */
    readonly requestId: string;
    /** From the path, validated. */
    readonly game: string;
    /** The peer that the token belongs to, or null if there was no token. */
    readonly peer: string | null;
    /** The request carries a sidecar's or an operator's key and is not rate limited. */
    readonly trusted: boolean;
    /** The key of the operator that sent the request; `id` names it in logs. */
    readonly operator?: Omit<OperatorKey, "key"> & { readonly id: string };
    /** The request's body as text; empty until a route has read it. */
    readonly body: string;
    /** For the response headers: the state of the rate limit, and whether this is a stored response. */
    readonly rateLimit: RateLimitState | null;
    readonly replayed: boolean;
  };
};

export type Ctx = Context<Api>;
export type Handler = (c: Ctx) => Promise<Response> | Response;
export type Middleware = MiddlewareHandler<Api>;
