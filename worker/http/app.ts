/**
 * The HTTP API: which path is whose. Routes read the hubs of a game and shape what they say; nothing here remembers
 * anything. What each takes and gives is in shared/api/lobbies.ts and shared/api/service.ts.
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import { GAME_PATTERN } from "#shared/limits.ts";
import { VERSION } from "#shared/version.ts";
import { DOORS, HubUnavailable } from "./ask.ts";
import type { Api } from "./context.ts";
import { hubOf, shardsOf } from "../env.ts";
import { mayShowPeer, needsGame, needsOperator, needsPeer, saysCost, showsSidecarKey } from "./middleware.ts";
import { list } from "./routes/list-lobbies.ts";
import { allowed } from "./allowed-methods.ts";
import { makePeer } from "./routes/peers.ts";
import { explain, problem } from "../problem.ts";
import { allLobbies, closeLobby, liftBan, listBans, makeBan, readDrain, setDrain } from "./routes/admin.ts";
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
import { createLobby, createOrJoin, endLobby, patchLobby, readLobby } from "./routes/lobbies.ts";
import { admitApplicant, changeHost, join, patchMember, removeApplicant, removeMember } from "./routes/members.ts";
import { listSidecars, metrics, readiness, readStats } from "./routes/metrics.ts";
import { publish } from "./routes/noray-listing.ts";
import { beat, sayLine, sendSignal } from "./routes/messages.ts";
import { machineReadable, readable } from "./routes/openapi.ts";
import { serveSite } from "./static-site.ts";
import { watch } from "./routes/events.ts";

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
app.get(`${GAME}/events`, saysCost, needsGame, watch);
app.use("/v1/games/*", cors({ origin: "*", allowMethods: METHODS, exposeHeaders: EXPOSED, maxAge: 86_400 }));
app.use(`${GAME}/*`, saysCost, needsGame);

// Cloudflare says the time anyway; plain workerd does not, and clocks that disagree are found by it.
app.get("/healthz", (c) => c.json({ ok: true, version: VERSION }, 200, { date: new Date().toUTCString() }));
app.get("/readyz", readiness);
app.get("/metrics", needsOperator, metrics);
app.get("/openapi.json", machineReadable);
app.get("/docs", readable);
app.get("/problems/:slug", (c) => explain(c.req.param("slug")));

app.post(`${GAME}/peers`, makePeer);
app.get(`${GAME}/sidecars`, mayShowPeer, listSidecars);
app.get(`${GAME}/stats`, mayShowPeer, readStats);

app.get(LOBBIES, mayShowPeer, list);
app.post(LOBBIES, publish, needsPeer, createLobby);
app.put(`${LOBBIES}/by-key/:key`, needsPeer, createOrJoin);
app.get(LOBBY, mayShowPeer, readLobby);
app.patch(LOBBY, needsPeer, patchLobby);
app.delete(LOBBY, needsPeer, endLobby);
app.post(`${LOBBY}/members`, needsPeer, join);
app.patch(`${LOBBY}/members/:peer`, needsPeer, patchMember);
app.delete(`${LOBBY}/members/:peer`, needsPeer, removeMember);
app.put(`${LOBBY}/applicants/:peer`, needsPeer, admitApplicant);
app.delete(`${LOBBY}/applicants/:peer`, needsPeer, removeApplicant);
app.put(`${LOBBY}/host`, needsPeer, changeHost);
app.post(`${LOBBY}/heartbeat`, needsPeer, beat);
app.post(`${LOBBY}/messages`, needsPeer, sayLine);
app.post(`${LOBBY}/signals`, needsPeer, sendSignal);
app.post(`${LOBBY}/connections`, needsPeer, connect);
app.get(`${LOBBY}/connections`, needsPeer, listConnections);
app.post(`${LOBBY}/invitations`, needsPeer, invite);
app.post(`${LOBBY}/relays`, needsPeer, relayConnection);
app.get(CONNECTION, needsPeer, readConnection);
app.delete(CONNECTION, needsPeer, endConnection);
app.post(`${CONNECTION}/accept`, needsPeer, acceptConnection);
app.put(`${CONNECTION}/outcome`, needsPeer, reportOutcome);
app.post(`${GAME}/join-by-code`, needsPeer, joinByCode);
app.post(`${GAME}/quick-join`, needsPeer, quickJoin);

app.use(`${ADMIN}/*`, saysCost, needsOperator, needsGame);
app.get(`${ADMIN}/lobbies`, allLobbies);
app.delete(`${ADMIN}/lobbies/:id`, closeLobby);
app.get(`${ADMIN}/bans`, listBans);
app.post(`${ADMIN}/bans`, makeBan);
app.delete(`${ADMIN}/bans/:ban`, liftBan);
app.get(`${ADMIN}/drain`, readDrain);
app.put(`${ADMIN}/drain`, setDrain);

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
  return hubOf(c.env, game, shard).fetch(new Request(DOORS.link, c.req.raw));
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
