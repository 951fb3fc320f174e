/**
 * The OpenAPI 3.1 document, made from the table of operations and from the very decoders that read requests. Shapes
 * that have a name of their own are said once, under components.
 */
import * as api from "./lobbies.ts";
import * as connect from "../connect/schema.ts";
import * as house from "./service.ts";
import type { Schema } from "../schema/decode.ts";
import { CONNECT_OPERATIONS } from "./operations/connections.ts";
import { SERVICE_OPERATIONS } from "./operations/service.ts";
import {
  type ResponseSpec,
  LOBBY_OPERATIONS,
  type Method,
  type Operation,
  type Operations,
} from "./operations/lobbies.ts";
import { REFUSALS, type RefusalCode } from "../refusals.ts";

export const OPERATIONS: Operations = { ...LOBBY_OPERATIONS, ...CONNECT_OPERATIONS, ...SERVICE_OPERATIONS };

export const PROBLEM_TYPE = "application/problem+json";

type Json = { readonly [key: string]: unknown };

const SHAPES = {
  NewLobby: api.newLobby,
  Publishing: api.publishRequest,
  LobbyPatch: api.lobbyPatch,
  Joining: api.joinRequest,
  JoiningByCode: api.joinByCodeRequest,
  QuickJoining: api.quickJoinRequest,
  MemberPatch: api.memberPatch,
  Handover: api.hostTransfer,
  ChatLine: api.chatMessage,
  Signal: api.signalMessage,
  Lobby: api.lobby,
  Summary: api.summary,
  Page: api.page,
  Member: api.member,
  Applicant: api.applicant,
  Joined: api.joined,
  Pending: api.pendingJoin,
  Connecting: connect.connectRequest,
  Accepting: connect.acceptRequest,
  Reach: connect.reach,
  Connection: connect.connection,
  ConnectionList: connect.connectionList,
  Invitation: connect.invitation,
  Relay: connect.relay,
  Relaying: connect.relayRequest,
  Outcome: connect.outcome,
  Problem: api.problem,
  Identity: house.identity,
  Sidecar: house.sidecar,
  SidecarList: house.sidecarList,
  Stats: house.stats,
  AdminPage: house.adminPage,
  Ban: house.ban,
  BanList: house.banList,
  NewBan: house.newBan,
  Drain: house.drain,
} as const;

const NAMES = new Map<unknown, string>(Object.entries(SHAPES).map(([name, { schema }]) => [schema, name]));

/** A schema in which everything that has a name is a reference to it. */
function referring(schema: unknown, top = false): unknown {
  const name = NAMES.get(schema);
  if (name !== undefined && !top) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(schema)) return schema.map((item) => referring(item));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, referring(value)]));
}

/** Everything that an operation can be refused for: what its kind brings, and what it names itself. */
export function refusalsOf(path: string, method: Method, operation: Operation): RefusalCode[] {
  const { auth: who, rateLimit: toll, body, parameters = [], refusals = [] } = operation;
  const codes = new Set<RefusalCode>(refusals);
  if (path.includes("{game}") || body !== undefined || parameters.length > 0) codes.add("invalid_request");
  if (who !== "nobody") codes.add("unauthorized");
  if (toll !== undefined) codes.add("rate_limited");
  if (body !== undefined) for (const code of ["body_too_large", "unsupported_media_type"] as const) codes.add(code);
  if (takesKey(method, operation)) codes.add("idempotency_mismatch");
  if (path.includes("{game}") || path === "/readyz" || path === "/metrics") codes.add("hub_unavailable");
  if (path.includes("{id}")) codes.add("lobby_not_found");
  codes.add("internal_error");
  return [...codes].toSorted((a, b) => REFUSALS[a].status - REFUSALS[b].status || (a < b ? -1 : 1));
}

/** Who may repeat himself by an `Idempotency-Key`. */
const takesKey = (method: Method, { auth: who, notReplayable: unkept }: Operation): boolean =>
  method === "post" && who === "peer" && unkept !== true;

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
    components: {
      schemas: Object.fromEntries(Object.entries(SHAPES).map(([name, { schema }]) => [name, referring(schema, true)])),
      parameters: Object.fromEntries(Object.entries(PLACES).map(([name, says]) => [name, place(name, says)])),
      headers: HEADERS,
      responses: lonely(),
      securitySchemes: {
        peer: { type: "http", scheme: "bearer", description: "`peer_token` of POST /v1/games/{game}/peers." },
        sidecar: { type: "http", scheme: "bearer", description: "One of the hub's SIDECAR_KEYS." },
        noray: { type: "http", scheme: "noray", description: "OID:PID, as a sidecar's noray port gave them." },
        operator: { type: "http", scheme: "bearer", description: "One of the hub's ADMIN_KEYS." },
      },
    },
  };
}

function describe(path: string, method: Method, operation: Operation): Json {
  const {
    id,
    tag,
    summary: says,
    auth: who,
    alternativeAuth: or,
    rateLimit: toll,
    parameters = [],
    body,
    responses: answers,
  } = operation;
  const key = takesKey(method, operation) ? [IDEMPOTENCY_KEY] : [];
  const asked = parameters.map(({ in: where, name, description: description, decoder }) => ({
    in: where,
    name,
    description,
    schema: referring(decoder.schema),
  }));
  const type = method === "patch" ? "application/merge-patch+json" : "application/json";
  const responses = {
    ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answered(answer, operation)])),
    ...refused(refusalsOf(path, method, operation)),
  };
  return {
    operationId: id,
    tags: [tag],
    summary: says,
    security:
      who === "nobody"
        ? []
        : who === "anyone"
          ? [{}, { peer: [] }]
          : [{ [who]: [] }, ...(or === undefined ? [] : [{ [or]: [] }])],
    ...(asked.length + key.length > 0 && { parameters: [...asked, ...key] }),
    ...(body && { requestBody: { required: true, content: { [type]: { schema: referring(body.schema) } } } }),
    ...(toll && { "x-toll": toll }),
    responses,
  };
}

function answered(
  { description: says, body, type, headers = [] }: ResponseSpec,
  { rateLimit: toll, auth: who }: Operation,
): Json {
  const replayed = who === "peer" ? ["Idempotency-Replayed"] : [];
  const names = [...headers, ...(toll === undefined ? [] : ["RateLimit", "RateLimit-Policy"]), ...replayed];
  const json = body && { "application/json": { schema: referring(body.schema) } };
  return {
    description: says,
    ...(names.length > 0 && {
      headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    }),
    ...(json && { content: json }),
    ...(type && { content: { [type]: { schema: { type: "string" } } } }),
  };
}

/** One response for each status: the codes that it can carry. Where that is one alone, all operations share it. */
function refused(codes: readonly RefusalCode[]): Json {
  const statuses = [...new Set(codes.map((code) => REFUSALS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const mine = codes.filter((code) => REFUSALS[code].status === status);
      return [status, mine.length === 1 ? { $ref: `#/components/responses/${mine[0]}` } : problem(mine)];
    }),
  );
}

function problem(codes: readonly RefusalCode[]): Json {
  const { status } = REFUSALS[codes[0]!];
  const schema: Schema = {
    allOf: [{ $ref: "#/components/schemas/Problem" }, { properties: { code: { enum: codes } } }],
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${REFUSALS[code].message}`).join(" "),
    ...((status === 429 || status === 503) && {
      headers: { "Retry-After": { $ref: "#/components/headers/Retry-After" } },
    }),
    content: { [PROBLEM_TYPE]: { schema } },
  };
}

/** The refusals that stand alone under their status somewhere. */
function lonely(): Json {
  const codes = new Set<RefusalCode>();
  for (const [path, methods] of Object.entries(OPERATIONS)) {
    for (const [method, operation] of Object.entries(methods)) {
      const mine = refusalsOf(path, method as Method, operation);
      const alone = mine.filter((a) => mine.every((b) => a === b || REFUSALS[a].status !== REFUSALS[b].status));
      for (const code of alone) codes.add(code);
    }
  }
  return Object.fromEntries([...codes].toSorted().map((code) => [code, problem([code])]));
}

const PLACES: Readonly<Record<string, string>> = {
  game: "The game: a name space of its own.",
  id: "The lobby's id.",
  cid: "The connection's id.",
  key: "A key of the game's choice; a lobby of it is found by whoever knows it.",
  peer: "A peer's id.",
  shard: "Which of the game's hubs.",
  ban: "The ban's id.",
  slug: "A refusal's code, with hyphens.",
};

const place = (name: string, description: string): Json => ({
  in: "path",
  name,
  description,
  required: true,
  schema: { type: "string" },
});

const IDEMPOTENCY_KEY: Json = {
  in: "header",
  name: "Idempotency-Key",
  description: "Any word of yours: the same request under the same one is done once, and answered alike.",
  schema: { type: "string", minLength: 1, maxLength: 130 },
};

const header = (description: string, type = "string"): Json => ({ description, schema: { type } });
const HEADERS: Json = {
  ETag: header("What this answer is called; show it in If-None-Match or If-Match."),
  Link: header('The next page, `rel="next"` (RFC 8288).'),
  Location: header("Where it is from now on."),
  "Retry-After": header("Seconds until it is worth asking again.", "integer"),
  RateLimit: header('What is left: `"list";r=4;t=1`.'),
  "RateLimit-Policy": header('The budget: `"list";q=5;w=5`.'),
  "Idempotency-Replayed": header("`true` where this answer had been given before."),
};
