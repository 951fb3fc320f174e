/** Where a request comes from: the address that a trusted proxy names. */
import { forwardedAddress } from "#shared/net/forwarded.ts";
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import { problem } from "../../problem.ts";
import type { Ctx, Middleware } from "../context.ts";

/**
 * The subject of the rate limit. Of several addresses in the header the last counts: the client may have sent the
 * others.
 */
export function rateLimitKey(c: Ctx): RateLimitSubject {
  const named = proxyHeader(c);
  return { peer: c.var.peer, source: named === undefined ? null : forwardedAddress(named) };
}

/**
 * Refuses a request whose proxy names a client without an address. Otherwise bans and rate limits of addresses would not
 * apply to it. Requests without the header did not pass the proxy.
 */
export const requireSource: Middleware = async (c, next) => {
  const named = proxyHeader(c);
  if (named === undefined || forwardedAddress(named) !== null) return next();
  const header = c.env.SOURCE_HEADER!;
  const { requestId: request_id } = c.var;
  console.error({ message: "SOURCE_HEADER has no address: configure the proxy to send one", request_id, header });
  return problem("invalid_request", `${header}: the proxy in front of the hub sent no address`);
};

function proxyHeader(c: Ctx): string | undefined {
  const header = c.env.SOURCE_HEADER ?? "";
  return header === "" ? undefined : c.req.header(header);
}
