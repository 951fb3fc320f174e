/**
 * The HTTP API. Routes read the hubs of a game and shape what they say; nothing here remembers anything.
 *
 *     GET /v1/games/{game}/lobbies          list          GET /healthz             the Worker answers
 *     GET /v1/games/{game}/lobbies/{id}     one lobby     GET /problems/{slug}     what a refusal means
<<<<<<< HEAD
 *     POST /v1/games/{game}/peers           an identity   GET /readyz              it can do its work
 *     GET /v1/games/{game}/sidecars         where they are        GET /metrics         numbers for scrapers (admin key)
 *     GET /v1/games/{game}/stats            numbers
=======
 *     POST /v1/games/{game}/peers           an identity
 *     GET /v1/games/{game}/events           live events (WebSocket)
>>>>>>> 0e97101 (worker: tell lobbies live over a WebSocket)
 *     GET /v1/link/{game}/{shard}           a sidecar opens its link (WebSocket, sidecar key)
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import { GAME_PATTERN } from "#shared/limits.ts";
import { shardOfId } from "#shared/shards.ts";
import { HubUnavailable } from "./ask.ts";
import type { Api } from "./context.ts";
import { hubOf, shardsOf } from "./env.ts";
import { mayShowPeer, needsGame, needsOperator, saysCost, showsSidecarKey } from "./gate.ts";
import { list, LIST_CACHE } from "./lists.ts";
import { allowed } from "./methods.ts";
import { through } from "./pass.ts";
import { makePeer } from "./peers.ts";
import { explain, problem } from "./problem.ts";
import { listSidecars, metrics, readiness, readStats } from "./routes/numbers.ts";
import { serveSite } from "./site.ts";
import { tagged } from "./tagged.ts";
import { watch } from "./watching.ts";

/** A token is shown by whoever has it, never by a browser on its own: any page may ask for anything. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const EXPOSED = ["ETag", "Link", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed"];

export const app = new Hono<Api>();

app.use("*", async (c, next) => {
  await next();
  if (!c.res.headers.has("cache-control") && c.res.status !== 101) c.res.headers.set("cache-control", "no-store");
});
// Before what writes into answers: the answer to an upgrade must stay as it is.
app.get("/v1/games/:game/events", saysCost, needsGame, watch);
app.use("/v1/games/*", cors({ origin: "*", allowMethods: METHODS, exposeHeaders: EXPOSED, maxAge: 86_400 }));
app.use("/v1/games/:game/*", saysCost, needsGame);

app.get("/healthz", (c) => c.json({ ok: true }));
app.get("/readyz", readiness);
app.get("/metrics", needsOperator, metrics);
app.get("/problems/:slug", (c) => explain(c.req.param("slug")));

app.post("/v1/games/:game/peers", makePeer);
app.get("/v1/games/:game/sidecars", mayShowPeer, listSidecars);
app.get("/v1/games/:game/stats", mayShowPeer, readStats);

app.get("/v1/games/:game/lobbies", mayShowPeer, list);

app.get("/v1/games/:game/lobbies/:id", mayShowPeer, async (c) => {
  const id = c.req.param("id");
  const shard = shardOfId(id);
  if (shard === null || shard >= shardsOf(c.env)) return problem("lobby_not_found");
  const lobby = await through(c, shard, "read", (hub, pass) => hub.lobby(pass, id));
  return lobby instanceof Response ? lobby : tagged(c, JSON.stringify(lobby), LIST_CACHE);
});

app.get("/v1/link/:game/:shard", async (c) => {
  if (!(await showsSidecarKey(c.req.raw, c.env))) {
    return problem("unauthorized", "a sidecar key is expected", { "www-authenticate": 'Bearer realm="parley link"' });
  }
  const { game } = c.req.param();
  const shard = /^[0-9]{1,2}$/.test(c.req.param("shard")) ? Number(c.req.param("shard")) : Infinity;
  if (!GAME_PATTERN.test(game) || shard >= shardsOf(c.env)) {
    return problem("invalid_request", "game or shard: no hub of this name");
  }
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("The key is accepted; a WebSocket is expected here.\n", {
      status: 426,
      headers: { upgrade: "websocket", "cache-control": "no-store" },
    });
  }
  return hubOf(c.env, game, shard).fetch(c.req.raw);
});

app.get("*", async (c, next) => (await serveSite(c.req.raw, c.env)) ?? next());
app.all("*", (c) => {
  const methods = allowed(app.routes, c.req.path);
  return methods.length > 0
    ? problem("method_not_allowed", undefined, { allow: methods.join(", ") })
    : problem("not_found");
});

app.onError((error) => {
  if (error instanceof HubUnavailable) return problem("hub_unavailable");
  console.error({ message: "a request failed", error: error.stack ?? String(error) });
  return problem("internal_error");
});
