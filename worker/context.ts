/** What travels with a request through the routes. */
import type { Context, MiddlewareHandler } from "hono";
import type { Env } from "./env.ts";

export type Api = {
  readonly Bindings: Env;
  readonly Variables: {
    /** Of the path, and well-formed. */
    readonly game: string;
    /** Who showed his token, or null where none was shown and none is needed. */
    readonly peer: string | null;
  };
};

export type Ctx = Context<Api>;
export type Handler = (c: Ctx) => Promise<Response> | Response;
export type Middleware = MiddlewareHandler<Api>;
