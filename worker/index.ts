/** The Worker's entry point: the HTTP API, and the classes of its Durable Objects. */
import type { Env } from "./env.ts";
import { app } from "./http/app.ts";
import { AnonymousReads } from "./http/cache/anonymous-reads.ts";

export { Hub } from "./hub/hub.ts";
export { GameRegistry } from "./registry.ts";

const reads = new AnonymousReads();

export default {
  fetch(request, env, ctx) {
    const answer = (one: Request): Promise<Response> => Promise.resolve(app.fetch(one, env, ctx));
    const waitUntil = (work: Promise<unknown>): void => ctx.waitUntil(work);
    return reads.respond(request, { env, waitUntil, answer }) ?? answer(request);
  },
} satisfies ExportedHandler<Env>;
