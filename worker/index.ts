/** The Worker's entry point: the HTTP API, and the classes of its Durable Objects. */
import type { Env } from "./env.ts";
import { app } from "./http/app.ts";
import { ListMemo } from "./http/list-memo.ts";

export { Hub } from "./hub/hub.ts";
export { GameRegistry } from "./registry.ts";

const lists = new ListMemo();

export default {
  fetch(request, env, ctx) {
    const route = (one: Request): Promise<Response> => Promise.resolve(app.fetch(one, env, ctx));
    return lists.respond(request, route) ?? route(request);
  },
} satisfies ExportedHandler<Env>;
