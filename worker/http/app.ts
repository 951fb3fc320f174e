/**
 * The HTTP API: which path is whose. Routes read the hubs of a game and shape what they say; nothing here remembers
 * anything. What each takes and gives is in shared/api/lobbies.ts and shared/api/service.ts.
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import { GAME_PATTERN } from "#shared/limits.ts";
import { VERSION } from "#shared/version.ts";
import { HubUnavailable } from "./hub-client.ts";
import type { Api } from "./context.ts";
import { hubOf, shardCount } from "../env.ts";
import { optionalPeer, requireGame, requireAdmin, requirePeer, rateLimitHeaders, hasSidecarKey } from "./middleware.ts";
import { listLobbies } from "./routes/list-lobbies.ts";
import { allowedMethods } from "./allowed-methods.ts";
import { createPeer } from "./routes/peers.ts";
import { describeProblem, problem } from "../problem.ts";
import { listAllLobbies, closeLobby, removeBan, listBans, createBan, readDrain, setDrain } from "./routes/admin.ts";
import {
  acceptConnection,
  connect,
  endConnection,
  invite,
  listConnections,
  readConnection,
  relayConnection,
  reportOutcome,
} from "./routes/connections.ts";
import { joinByCode, quickJoin } from "./routes/quick-join.ts";
import { createLobby, createOrJoinByKey, endLobby, patchLobby, readLobby } from "./routes/lobbies.ts";
import { admitApplicant, changeHost, join, patchMember, removeApplicant, removeMember } from "./routes/members.ts";
import { listSidecars, metrics, readiness, readStats } from "./routes/metrics.ts";
import { listNorayHost } from "./routes/noray-listing.ts";
import { heartbeat, sendChat, sendSignal } from "./routes/messages.ts";
import { openapiJson, openapiHtml } from "./routes/openapi.ts";
import { serveSite } from "./static-site.ts";
import { openEvents } from "./routes/events.ts";
import { SOCKET_URLS } from "../rpc.ts";

/** A token is shown by whoever has it, never by a browser on its own: any page may ask for anything. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const EXPOSED = ["ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed"];

const GAME = "/v1/games/:game";
const ADMIN = "/v1/admin/games/:game";
const LOBBIES = `${GAME}/lobbies`;
const LOBBY = `${LOBBIES}/:id`;
const CONNECTION = `${GAME}/connections/:cid`;

export const app = new Hono<Api>();

app.use("*", async (c, next) => {
  await next();
  if (!c.res.headers.has("cache-control") && c.res.status !== 101) c.res.headers.set("cache-control", "no-store");
});
// Before what writes into answers: the answer to an upgrade must stay as it is.
app.get(`${GAME}/events`, rateLimitHeaders, requireGame, openEvents);
app.use("/v1/games/*", cors({ origin: "*", allowMethods: METHODS, exposeHeaders: EXPOSED, maxAge: 86_400 }));
app.use(`${GAME}/*`, rateLimitHeaders, requireGame);

// Cloudflare says the time anyway; plain workerd does not, and clocks that disagree are found by it.
app.get("/healthz", (c) => c.json({ ok: true, version: VERSION }, 200, { date: new Date().toUTCString() }));
app.get("/readyz", readiness);
app.get("/metrics", requireAdmin, metrics);
app.get("/openapi.json", openapiJson);
app.get("/docs", openapiHtml);
app.get("/problems/:slug", (c) => describeProblem(c.req.param("slug")));

app.post(`${GAME}/peers`, createPeer);
app.get(`${GAME}/sidecars`, optionalPeer, listSidecars);
app.get(`${GAME}/stats`, optionalPeer, readStats);

app.get(LOBBIES, optionalPeer, listLobbies);
app.post(LOBBIES, listNorayHost, requirePeer, createLobby);
app.put(`${LOBBIES}/by-key/:key`, requirePeer, createOrJoinByKey);
app.get(LOBBY, optionalPeer, readLobby);
app.patch(LOBBY, requirePeer, patchLobby);
app.delete(LOBBY, requirePeer, endLobby);
app.post(`${LOBBY}/members`, requirePeer, join);
app.patch(`${LOBBY}/members/:peer`, requirePeer, patchMember);
app.delete(`${LOBBY}/members/:peer`, requirePeer, removeMember);
app.put(`${LOBBY}/applicants/:peer`, requirePeer, admitApplicant);
app.delete(`${LOBBY}/applicants/:peer`, requirePeer, removeApplicant);
app.put(`${LOBBY}/host`, requirePeer, changeHost);
app.post(`${LOBBY}/heartbeat`, requirePeer, heartbeat);
app.post(`${LOBBY}/messages`, requirePeer, sendChat);
app.post(`${LOBBY}/signals`, requirePeer, sendSignal);
app.post(`${LOBBY}/connections`, requirePeer, connect);
app.get(`${LOBBY}/connections`, requirePeer, listConnections);
app.post(`${LOBBY}/invitations`, requirePeer, invite);
app.post(`${LOBBY}/relays`, requirePeer, relayConnection);
app.get(CONNECTION, requirePeer, readConnection);
app.delete(CONNECTION, requirePeer, endConnection);
app.post(`${CONNECTION}/accept`, requirePeer, acceptConnection);
app.put(`${CONNECTION}/outcome`, requirePeer, reportOutcome);
app.post(`${GAME}/join-by-code`, requirePeer, joinByCode);
app.post(`${GAME}/quick-join`, requirePeer, quickJoin);

app.use(`${ADMIN}/*`, rateLimitHeaders, requireAdmin, requireGame);
app.get(`${ADMIN}/lobbies`, listAllLobbies);
app.delete(`${ADMIN}/lobbies/:id`, closeLobby);
app.get(`${ADMIN}/bans`, listBans);
app.post(`${ADMIN}/bans`, createBan);
app.delete(`${ADMIN}/bans/:ban`, removeBan);
app.get(`${ADMIN}/drain`, readDrain);
app.put(`${ADMIN}/drain`, setDrain);

app.get("/v1/link/:game/:shard", async (c) => {
  if (!(await hasSidecarKey(c.req.raw, c.env))) {
    return problem("unauthorized", "a sidecar key is expected", { "www-authenticate": 'Bearer realm="parley link"' });
  }
  const { game } = c.req.param();
  const shard = /^[0-9]{1,2}$/.test(c.req.param("shard")) ? Number(c.req.param("shard")) : Infinity;
  if (!GAME_PATTERN.test(game) || shard >= shardCount(c.env)) {
    return problem("invalid_request", "game or shard: no hub of this name");
  }
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("The key is accepted; a WebSocket is expected here.\n", {
      status: 426,
      headers: { upgrade: "websocket", "cache-control": "no-store" },
    });
  }
  return hubOf(c.env, game, shard).fetch(new Request(SOCKET_URLS.link, c.req.raw));
});

app.get("*", async (c, next) => (await serveSite(c.req.raw, c.env)) ?? next());
app.all("*", (c) => {
  const methods = allowedMethods(app.routes, c.req.path);
  return methods.length > 0
    ? problem("method_not_allowed", undefined, { allow: methods.join(", ") })
    : problem("not_found");
});

app.onError((error) => {
  if (error instanceof HubUnavailable) return problem("hub_unavailable");
  console.error({ message: "a request failed", error: error.stack ?? String(error) });
  return problem("internal_error");
});
