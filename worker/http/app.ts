/**
 * The HTTP API. Routes are built from the table of operations in shared/api/operations, which is also the OpenAPI
 * document, so that both always agree. The Worker keeps no state.
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { OPERATIONS } from "#shared/api/openapi.ts";
import { IF_NONE_MATCH, type Operation } from "#shared/api/operations/operation.ts";
import { BODY_BYTES_MAX } from "#shared/limits.ts";
import { problem } from "../problem.ts";
import { reportStorageFault } from "../storage-fault.ts";
import { requireOperator } from "./access/operators.ts";
import { requireSource } from "./access/source.ts";
import type { Api, Middleware } from "./context.ts";
import { etag } from "./etag.ts";
import { HANDLERS } from "./handlers.ts";
import { INCOMPLETE_BODY } from "./body.ts";
import { HubUnavailable } from "./hub-client.ts";
import {
  announceDeprecation,
  knownParameters,
  optionalPeer,
  rateLimitHeaders,
  requireGame,
  requirePeer,
  requireSidecar,
} from "./middleware.ts";
import { requestId } from "./request-id.ts";
import { listNorayHost } from "./routes/noray-listing.ts";
import { serveSite } from "./static-site.ts";

/** Browsers never send tokens by themselves, so every origin may call the API. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const EXPOSED = [
  "Deprecation",
  "ETag",
  "Link",
  "Location",
  "Retry-After",
  "Sunset",
  "RateLimit",
  "RateLimit-Policy",
  "Idempotency-Replayed",
  "X-Request-Id",
  "Parley-Term",
];

const GAME = "/v1/games/:game/*";
const ADMIN = "/v1/admin/games/:game/*";
const LINK = "/v1/link/:game/:shard";
const EVENTS = "/v1/games/{game}/events";

/** Operators' keys depend on the operation (access/operators.ts); a sidecar's key is checked before all else of a link. */
const AUTH: Readonly<Record<Operation["auth"], readonly Middleware[]>> = {
  none: [],
  optional: [optionalPeer],
  peer: [requirePeer],
  operator: [],
  sidecar: [],
};

function limitBody(bytes_max: number): Middleware {
  const limit = bodyLimit({
    maxSize: bytes_max,
    onError: () => problem("body_too_large", `at most ${bytes_max} bytes expected`),
  });
  // Errors of the handlers behind it are handled there, so only reading the body can fail here.
  return (c, next) => limit(c, next).catch(() => problem("invalid_request", INCOMPLETE_BODY));
}

export const app = new Hono<Api>();

app.use("*", requestId);
app.use("*", async (c, next) => {
  // Plain workerd forwards requests with an invalid Host header; Cloudflare does not.
  if (!isUrl(c.req.raw.url)) return problem("invalid_request", "Host: a host name or an address expected");
  await next();
  if (!c.res.headers.has("cache-control") && c.res.status !== 101) c.res.headers.set("cache-control", "no-store");
  return undefined;
});
app.use(
  methodNotAllowed({
    app,
    onMethodNotAllowed: (_, methods) =>
      problem("method_not_allowed", undefined, { allow: methods.toSorted().join(", ") }),
  }),
);
// Before CORS, which writes headers: the response to an upgrade cannot be changed.
app.use("/v1/games/:game/events", rateLimitHeaders, requireGame, requireSource);
addRoutes(EVENTS);
app.use("/v1/games/*", cors({ origin: "*", allowMethods: METHODS, exposeHeaders: EXPOSED, maxAge: 86_400 }));
app.use(GAME, rateLimitHeaders, requireGame, requireSource);
app.use(ADMIN, rateLimitHeaders, requireGame);
// The key first: without it, not even a game's name is judged.
app.use(LINK, requireSidecar, requireGame);
for (const path of Object.keys(OPERATIONS)) if (path !== EVENTS) addRoutes(path);

app.notFound(async (c) => (await serveSite(c.req.raw, c.env)) ?? problem("not_found"));

app.onError((error, c) => {
  const { requestId: request_id } = c.var;
  if (error instanceof HubUnavailable) {
    const detail = error.storage_fault === undefined ? undefined : reportStorageFault(error.storage_fault, request_id);
    return problem("hub_unavailable", detail);
  }
  console.error({ message: "a request failed", request_id, error: error.stack ?? String(error) });
  return problem("internal_error");
});

const isUrl = (text: string): boolean => URL.canParse(text) && /^[\w.:[\]-]+$/.test(new URL(text).host);

function addRoutes(path: string): void {
  for (const [method, operation] of Object.entries(OPERATIONS[path]!)) {
    const handler = HANDLERS[operation.id];
    if (handler === undefined) throw new Error(`no handler for the operation ${operation.id}`);
    const middleware = [
      ...(operation.deprecated === undefined ? [] : [announceDeprecation(operation.deprecated)]),
      ...(path.startsWith("/v1/") ? [knownParameters(operation)] : []),
      ...(operation.body === undefined ? [] : [limitBody(BODY_BYTES_MAX)]),
      ...(operation.binary === undefined ? [] : [limitBody(operation.binary.bytes_max)]),
      ...(operation.parameters?.includes(IF_NONE_MATCH) === true ? [etag] : []),
      ...(operation.alternativeAuth === "noray" ? [listNorayHost] : []),
      ...(operation.auth === "operator" ? [requireOperator(operation)] : AUTH[operation.auth]),
    ];
    app.on([method.toUpperCase()], [path.replaceAll(/\{([a-z]+)\}/g, ":$1")], ...middleware, handler);
  }
}
