/** ETags and caching: hono's middleware answers 304 to a client that has the current representation. */
import { etag as honoEtag, RETAINED_304_HEADERS } from "hono/etag";
import type { Ctx, Middleware } from "./context.ts";

/** A 304 keeps what the client's code may read of it: browsers check CORS headers there too. */
const RETAINED = [...RETAINED_304_HEADERS, "link", "access-control-allow-origin", "access-control-expose-headers"];

/** Sets a strong ETag from the body, unless the route has set one. */
export const etag: Middleware = honoEtag({
  retainedHeaders: RETAINED,
  // 96 bits are enough to tell representations apart, and keep the header short.
  generateDigest: async (body) => (await crypto.subtle.digest("SHA-256", body)).slice(0, 12),
});

/**
 * JSON that caches may keep as `cache` says. A response to a token is for its peer alone. `body`: null if the client has
 * the representation of the ETag in `headers`.
 */
export function cachedJson(c: Ctx, body: string | null, cache: string, headers: Record<string, string> = {}): Response {
  const all = {
    "content-type": "application/json",
    "cache-control": c.var.peer === null ? cache : "private, no-cache",
    vary: "authorization",
    ...headers,
  };
  return body === null ? c.body(null, 304, all) : c.body(body, 200, all);
}
