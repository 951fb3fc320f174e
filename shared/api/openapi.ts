/**
 * The OpenAPI 3.1 document, generated from the operation tables and from the decoders that read requests, so that the
 * documentation cannot differ from the code. Named schemas appear once, under components.
 */
import { report } from "./moderation/reports.ts";
import { exampleOf } from "./examples.ts";
import { SHAPES } from "./schemas.ts";
import type { Schema } from "../schema/decode.ts";
import { BAN_OPERATIONS } from "./operations/bans.ts";
import { IDENTITY_OPERATIONS } from "./operations/identity.ts";
import { CONNECT_OPERATIONS } from "./operations/connections.ts";
import { SERVICE_OPERATIONS } from "./operations/service.ts";
import { LOBBY_OPERATIONS } from "./operations/lobbies.ts";
import { MEMBER_OPERATIONS } from "./operations/members.ts";
import { READ_OPERATIONS } from "./operations/reads.ts";
import { REPORT_OPERATIONS } from "./operations/reports.ts";
import { SNAPSHOT_OPERATIONS } from "./operations/snapshots.ts";
import type { Method, Operation, Operations, ResponseSpec } from "./operations/operation.ts";
import { PROBLEM_TYPE, REFUSALS, type RefusalCode } from "../refusals.ts";

export const OPERATIONS: Operations = mergePaths(
  LOBBY_OPERATIONS,
  MEMBER_OPERATIONS,
  READ_OPERATIONS,
  BAN_OPERATIONS,
  IDENTITY_OPERATIONS,
  SNAPSHOT_OPERATIONS,
  REPORT_OPERATIONS,
  CONNECT_OPERATIONS,
  SERVICE_OPERATIONS,
);

/** One table. Several tables may have methods of the same path. */
function mergePaths(...tables: readonly Operations[]): Operations {
  const merged: Record<string, Operations[string]> = {};
  for (const table of tables) {
    for (const [path, methods] of Object.entries(table)) merged[path] = { ...merged[path], ...methods };
  }
  return merged;
}

type Json = { readonly [key: string]: unknown };

const NAMES = new Map<unknown, string>(Object.entries(SHAPES).map(([name, { schema }]) => [schema, name]));

/** A schema with a reference in place of each named schema. `top`: the schema itself stays. */
function withReferences(schema: unknown, top = false): unknown {
  const name = NAMES.get(schema);
  if (name !== undefined && !top) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(schema)) return schema.map((item) => withReferences(item));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withReferences(value)]));
}

/** All refusals of an operation: those implied by its kind, and those that it lists. */
export function refusalsOf(path: string, method: Method, operation: Operation): RefusalCode[] {
  const { auth, rateLimit, binary, body, parameters = [], refusals = [] } = operation;
  const codes = new Set<RefusalCode>(refusals);
  if (path.startsWith("/v1/") || body !== undefined || parameters.length > 0) codes.add("invalid_request");
  if (auth !== "none") codes.add("unauthorized");
  if (auth === "operator") codes.add("forbidden");
  if (body !== undefined && auth === "peer" && /"(member_)?name"/.test(JSON.stringify(body.schema)))
    codes.add("name_denied");
  if (rateLimit !== undefined || auth === "operator" || auth === "sidecar") codes.add("rate_limited");
  if (body !== undefined || binary !== undefined)
    for (const code of ["body_too_large", "unsupported_media_type"] as const) codes.add(code);
  if (takesKey(method, operation)) codes.add("idempotency_mismatch");
  if (path.includes("{game}") || path === "/metrics") codes.add("game_not_found");
  if (path.includes("{game}") || path === "/readyz" || path === "/metrics") codes.add("hub_unavailable");
  if (path.includes("{id}")) codes.add("lobby_not_found");
  codes.add("internal_error");
  return [...codes].toSorted((a, b) => REFUSALS[a].status - REFUSALS[b].status || (a < b ? -1 : 1));
}

/** Whether the operation accepts an `Idempotency-Key`. */
const takesKey = (method: Method, { auth, notReplayable }: Operation): boolean =>
  method === "post" && auth === "peer" && notReplayable !== true;

export function openapi(): Json {
  const paths = Object.entries(OPERATIONS).map(([path, methods]) => [
    path,
    {
      parameters: Array.from(path.matchAll(/\{([a-z]+)\}/g), ([, name]) => ({
        $ref: `#/components/parameters/${name}`,
      })),
      ...Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [method, describe(path, method as Method, operation)]),
      ),
    },
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Parley",
      version: "1",
      summary: "The rendezvous that peer-to-peer games use to find each other without a game server.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      ...new Set(Object.values(OPERATIONS).flatMap((methods) => Object.values(methods).map(({ tag }) => tag))),
    ].map((name) => ({ name })),
    paths: Object.fromEntries(paths) as Json,
    webhooks: {
      playerReported: {
        post: {
          summary: "What REPORTS_WEBHOOK receives; see the page on HTTP for the signature.",
          requestBody: { required: true, content: { "application/json": { schema: withReferences(report.schema) } } },
          responses: { 204: { description: "The report was received." } },
        },
      },
    },
    components: {
      schemas: Object.fromEntries(
        Object.entries(SHAPES).map(([name, { schema }]) => [name, withReferences(schema, true)]),
      ),
      parameters: Object.fromEntries(
        Object.entries(PATH_PARAMETERS).map(([name, description]) => [name, pathParameter(name, description)]),
      ),
      headers: HEADERS,
      responses: sharedRefusals(),
      securitySchemes: {
        peer: { type: "http", scheme: "bearer", description: "`peer_token` of POST /v1/games/{game}/peers." },
        sidecar: { type: "http", scheme: "bearer", description: "One of the hub's SIDECAR_KEYS." },
        noray: { type: "http", scheme: "noray", description: "OID:PID, as issued by a sidecar's noray port." },
        operator: { type: "http", scheme: "bearer", description: "One of the hub's ADMIN_KEYS." },
      },
    },
  };
}

const withExample = (schema: Schema | undefined, field?: string): Json => ({
  schema: withReferences(schema),
  example: exampleOf(schema, field),
});

const BYTES = { type: "string", format: "binary" };

export function describe(path: string, method: Method, operation: Operation): Json {
  const { id, tag, summary, rateLimit, parameters = [], binary, body, responses } = operation;
  const described = parameters.map(({ in: where, name, description, decoder, deep }) => ({
    in: where,
    name,
    description,
    ...(deep && { style: "deepObject", explode: true }),
    ...withExample(decoder.schema, name),
  }));
  const all = [...described, ...(takesKey(method, operation) ? [IDEMPOTENCY_KEY] : [])];
  const type = method === "patch" ? "application/merge-patch+json" : "application/json";
  return {
    operationId: id,
    tags: [tag],
    summary,
    security: securityOf(operation),
    ...(operation.deprecated && { deprecated: true, "x-sunset": operation.deprecated.sunset }),
    ...(all.length > 0 && { parameters: all }),
    ...(body && { requestBody: { required: true, content: { [type]: withExample(body.schema) } } }),
    ...(binary && { requestBody: { required: true, content: { [binary.type]: { schema: BYTES } } } }),
    ...(rateLimit && { "x-rate-limit": rateLimit }),
    ...(operation.auth === "operator" && { "x-role": operation.role ?? "own" }),
    responses: {
      ...Object.fromEntries(
        Object.entries(responses).map(([status, spec]) => [status, describeResponse(spec, operation)]),
      ),
      ...describeRefusals(refusalsOf(path, method, operation)),
    },
  };
}

function securityOf({ auth, alternativeAuth }: Operation): readonly Json[] {
  if (auth === "none") return [];
  if (auth === "optional") return [{}, { peer: [] }];
  return [{ [auth]: [] }, ...(alternativeAuth === undefined ? [] : [{ [alternativeAuth]: [] }])];
}

function describeResponse(
  { description, body, type, headers = [] }: ResponseSpec,
  { rateLimit, auth, deprecated }: Operation,
): Json {
  const replayed = auth === "peer" ? ["Idempotency-Replayed"] : [];
  const limits = rateLimit === undefined ? [] : ["RateLimit", "RateLimit-Policy"];
  const ending = deprecated === undefined ? {} : { Deprecation: DEPRECATION, Sunset: SUNSET };
  return {
    description,
    headers: { ...references(["X-Request-Id", ...headers, ...limits, ...replayed]), ...ending },
    ...(body && { content: { "application/json": withExample(body.schema) } }),
    ...(type && { content: { [type]: { schema: { type: "string" } } } }),
  };
}

const references = (headers: readonly string[]): Json =>
  Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
const isRetryable = (code: RefusalCode): boolean => REFUSALS[code].retry_after_s !== undefined;

/** One response for each status, with its codes. Where a status has one code, all operations share the response. */
function describeRefusals(codes: readonly RefusalCode[]): Json {
  const statuses = [...new Set(codes.map((code) => REFUSALS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const same = codes.filter((code) => REFUSALS[code].status === status);
      return [status, same.length === 1 ? { $ref: `#/components/responses/${same[0]}` } : problem(same)];
    }),
  );
}

function problem(codes: readonly RefusalCode[]): Json {
  const schema: Schema = {
    allOf: [{ $ref: "#/components/schemas/Problem" }, { required: ["code"], properties: { code: { enum: codes } } }],
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${REFUSALS[code].message}`).join(" "),
    headers: references(["X-Request-Id", ...(codes.some(isRetryable) ? ["Retry-After"] : [])]),
    content: { [PROBLEM_TYPE]: { schema } },
  };
}

/** The refusals that are the only code of their status in some operation. */
function sharedRefusals(): Json {
  const codes = new Set<RefusalCode>();
  for (const [path, methods] of Object.entries(OPERATIONS)) {
    for (const [method, operation] of Object.entries(methods)) {
      const possible = refusalsOf(path, method as Method, operation);
      const alone = possible.filter((a) => possible.every((b) => a === b || REFUSALS[a].status !== REFUSALS[b].status));
      for (const code of alone) codes.add(code);
    }
  }
  return Object.fromEntries([...codes].toSorted().map((code) => [code, problem([code])]));
}

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  game: "The game, which is a separate name space.",
  id: "The lobby's id.",
  cid: "The connection's id.",
  code: "A join code.",
  key: "A key that the game chooses; every client that knows it finds the lobby.",
  peer: "A peer's id.",
  shard: "The shard of the game.",
  ban: "The ban's id.",
  slug: "A refusal code.",
};

const pathParameter = (name: string, description: string): Json => ({
  in: "path",
  name,
  description,
  required: true,
  schema: { type: "string" },
  example: PATH_EXAMPLES[name],
});

const PATH_EXAMPLES: Readonly<Record<string, string>> = {
  game: "arena",
  id: "0-7f0a1b2c3d4e5f6g7h8i9jakbl",
  cid: "0-m1n2o3p4q5r6s7t8u9v0a1b2c3",
  code: "K7M2XQ",
  key: "den",
  peer: "7f0a1b2c3d4e5f6g7h8i9jakbl",
  shard: "0",
  ban: "m1n2o3p4q5r6s7t8u9v0a1b2c3",
  slug: "lobby_full",
};

const IDEMPOTENCY_KEY: Json = {
  in: "header",
  name: "Idempotency-Key",
  description:
    "Chosen by the client. A request repeated with the same key is executed once and gets the stored response.",
  schema: { type: "string", minLength: 1, maxLength: 130 },
};

const header = (description: string, type = "string"): Json => ({ description, schema: { type } });
/** Only deprecated operations have them, so they are no components. */
const DEPRECATION = header("Since when the operation should not be used: `@1801353600` (RFC 9745).");
const SUNSET = header("From when on it may be gone (RFC 8594).");
const HEADERS: Json = {
  ETag: header("The version of the response, for If-None-Match or If-Match."),
  Link: header('The next page, `rel="next"` (RFC 8288).'),
  Location: header("The path of the created resource."),
  "Retry-After": header("Seconds after which the request can be retried.", "integer"),
  RateLimit: header('The remaining requests: `"list";r=4;t=1`.'),
  "RateLimit-Policy": header('The limit: `"list";q=5;w=5`.'),
  "X-Request-Id": header("The request's id: the one that the client sent, or a new one. The hub's log has it too."),
  "Idempotency-Replayed": header("`true` if this is a stored response."),
};
