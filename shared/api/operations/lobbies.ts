/**
 * Everything that can be asked about lobbies over HTTP, as a table; operations-house.ts has the rest. From both comes
 * /openapi.json, and against them the tests hold the routes and every answer they ever get. What an operation can be
 * refused for beyond what its kind brings (a bad body, a missing token, a spent budget) is named here.
 */
import * as api from "../lobbies.ts";
import { anyOf, type Decoder, integer, list, object, oneOf, optional, text } from "../../schema/decode.ts";
import { PAGE_MAX } from "../../limits.ts";
import type { RefusalCode } from "../../refusals.ts";
import type { RateLimitClass } from "../../rate-limit/rate-limiter.ts";

export type Parameter = {
  readonly in: "query" | "header";
  readonly name: string;
  readonly description: string;
  readonly decoder: Decoder<unknown>;
};

export type ResponseSpec = {
  readonly description: string;
  /** Absent: no body. */
  readonly body?: Decoder<unknown>;
  /** Of a body that is no JSON. */
  readonly type?: string;
  readonly headers?: readonly HeaderName[];
};

export type HeaderName = "ETag" | "Link" | "Location";

export type Operation = {
  readonly id: string;
  readonly tag: "identity" | "lobbies" | "members" | "talk" | "connections" | "events" | "house" | "operators";
  readonly summary: string;
  /** Whose token or key is shown. `anyone` may show a token, `nobody` shows none. */
  readonly auth: "nobody" | "anyone" | "peer" | "operator" | "sidecar";
  /** What may be shown in its place. */
  readonly alternativeAuth?: "noray";
  readonly rateLimit?: RateLimitClass;
  readonly parameters?: readonly Parameter[];
  readonly body?: Decoder<unknown>;
  readonly responses: { readonly [status: number]: ResponseSpec };
  readonly refusals?: readonly RefusalCode[];
  /** A POST that may be said twice without a key: what it answers is secret, and kept by nobody. */
  readonly notReplayable?: true;
};

export type Method = "get" | "post" | "put" | "patch" | "delete";
export type Operations = Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>;

export const query = (name: string, description: string, decoder: Decoder<unknown>): Parameter => ({
  in: "query",
  name,
  description,
  decoder,
});
const header = (name: string, description: string, decoder: Decoder<unknown>): Parameter => ({
  in: "header",
  name,
  description,
  decoder,
});

export const IF_NONE_MATCH = header("If-None-Match", "An ETag that you have; 304 while it is good.", text(1_024));
const IF_MATCH = header("If-Match", "The ETag of what you have read; 412 when it has changed since.", text(1_024));
export const LIMIT = query("limit", "Lines of a page.", integer(1, PAGE_MAX));
export const CURSOR = query("cursor", "`next_cursor` of the page before.", text(512));

export const NO_CONTENT: ResponseSpec = { description: "Done." };
export const NOT_MODIFIED: ResponseSpec = { description: "You have it already.", headers: ["ETag"] };
const LOBBY: ResponseSpec = { description: "The lobby, as far as you may see it.", body: api.lobby, headers: ["ETag"] };
const IN: ResponseSpec = { description: "You are a member.", body: api.joined, headers: ["ETag", "Location"] };
const HOSTING: ResponseSpec = { ...IN, body: anyOf("your place, or your lobby", api.joined, api.lobby) };
const WAITING: ResponseSpec = { description: "The host has to admit you.", body: api.pendingJoin };
const ENTERED = { 200: { ...IN, description: "You were a member already." }, 201: IN, 202: WAITING };

/** A line of the fields that were asked for alone. */
const line = object(
  Object.fromEntries(
    Object.entries(api.summary.fields).map(([name, field]) => [name, optional(field as Decoder<unknown>)]),
  ),
);
const PAGE = anyOf("a page", api.page, object({ ...api.page.fields, lobbies: list(line, PAGE_MAX) }));

const AWAY: readonly RefusalCode[] = ["lobby_not_found"];
const DOOR: readonly RefusalCode[] = [
  "lobby_not_found",
  "lobby_full",
  "lobby_locked",
  "password_mismatch",
  "version_mismatch",
  "kicked",
  "not_admitted",
  "too_many_applicants",
  "foreign_wire",
  "data_limit",
  "quota_exceeded",
  "banned",
];
const MAKING: readonly RefusalCode[] = ["data_limit", "quota_exceeded", "hub_full", "banned", "draining"];
const HOST_ONLY: readonly RefusalCode[] = ["not_host", "stale_term", "foreign_wire", ...AWAY];

export const GAME = "/v1/games/{game}";
const ONE = `${GAME}/lobbies/{id}`;

const FILTERS: readonly Parameter[] = [
  query("{field}, {field}[{operator}]", "Lobbies that are so; see the page on lists.", text(256)),
  query("data[{key}], data[{key}][{operator}]", "The same of a data key that the host made searchable.", text(256)),
  query("near", "`{key}:{number}`: the nearest first.", text(256)),
  query("order", "`{field}`, or `-{field}` for the greatest first; several separated by commas.", text(256)),
  query("include", "`full`, `locked`, `in_game`: also lobbies that cannot be joined now.", text(64)),
  query("fields", "These members of each line alone.", text(512)),
  query("count", "Also how many there are in all.", oneOf("true", "false")),
];

export const LOBBY_OPERATIONS: Operations = {
  [`${GAME}/lobbies`]: {
    get: {
      id: "listLobbies",
      tag: "lobbies",
      summary: "Lists lobbies that can be joined.",
      auth: "anyone",
      rateLimit: "list",
      parameters: [...FILTERS, LIMIT, CURSOR, IF_NONE_MATCH],
      responses: { 200: { description: "One page.", body: PAGE, headers: ["ETag", "Link"] }, 304: NOT_MODIFIED },
    },
    post: {
      id: "createLobby",
      tag: "lobbies",
      summary: "Makes a lobby; you are its host. With a noray pid: lists the host that it is the secret of.",
      auth: "peer",
      alternativeAuth: "noray",
      rateLimit: "create",
      body: anyOf("a lobby", api.newLobby, api.publishRequest),
      responses: {
        200: { ...HOSTING, description: "You host it, or are listed, already." },
        201: { ...HOSTING, description: "You host it, or are listed." },
      },
      refusals: [...MAKING, ...AWAY],
    },
  },
  [`${GAME}/lobbies/by-key/{key}`]: {
    put: {
      id: "createOrJoin",
      tag: "lobbies",
      summary: "Joins the lobby of this key, or makes it.",
      auth: "peer",
      rateLimit: "join",
      body: api.newLobby,
      responses: ENTERED,
      refusals: [...DOOR, ...MAKING],
    },
  },
  [ONE]: {
    get: {
      id: "readLobby",
      tag: "lobbies",
      summary: "Shows one lobby: more to its members, and most to its host.",
      auth: "anyone",
      rateLimit: "read",
      parameters: [IF_NONE_MATCH],
      responses: { 200: LOBBY, 304: NOT_MODIFIED },
      refusals: AWAY,
    },
    patch: {
      id: "patchLobby",
      tag: "lobbies",
      summary: "Changes what the merge patch names; null takes away.",
      auth: "peer",
      rateLimit: "patch",
      parameters: [IF_MATCH],
      body: api.lobbyPatch,
      responses: { 200: LOBBY },
      refusals: [...HOST_ONLY, "precondition_failed", "seats_taken", "data_limit"],
    },
    delete: {
      id: "endLobby",
      tag: "lobbies",
      summary: "Ends the lobby.",
      auth: "peer",
      rateLimit: "patch",
      parameters: [IF_MATCH],
      responses: { 204: NO_CONTENT },
      refusals: [...HOST_ONLY, "precondition_failed"],
    },
  },
  [`${ONE}/members`]: {
    post: {
      id: "join",
      tag: "members",
      summary: "Joins. The seat is yours once you are heard, within 15 s.",
      auth: "peer",
      rateLimit: "join",
      body: api.joinRequest,
      responses: ENTERED,
      refusals: DOOR,
    },
  },
  [`${ONE}/members/{peer}`]: {
    patch: {
      id: "patchMember",
      tag: "members",
      summary: "Changes what you tell about yourself; null takes away.",
      auth: "peer",
      rateLimit: "patch",
      body: api.memberPatch,
      responses: { 200: { description: "You, as members see you.", body: api.member } },
      refusals: ["not_member", "member_not_found", "data_limit", ...AWAY],
    },
    delete: {
      id: "removeMember",
      tag: "members",
      summary: "Leaves (yourself), or removes a member (the host).",
      auth: "peer",
      rateLimit: "patch",
      parameters: [
        query("ban", "`lobby`: he may not come back.", oneOf("lobby")),
        query("reason", "Why you remove him, in a sentence: he hears it, and the members.", api.kickDetail),
      ],
      responses: { 204: NO_CONTENT },
      refusals: ["member_not_found", ...HOST_ONLY],
    },
  },
  [`${ONE}/applicants/{peer}`]: {
    put: {
      id: "admitApplicant",
      tag: "members",
      summary: "Admits who waits.",
      auth: "peer",
      rateLimit: "patch",
      responses: { 200: LOBBY },
      refusals: ["applicant_not_found", "member_not_found", "lobby_full", ...HOST_ONLY],
    },
    delete: {
      id: "removeApplicant",
      tag: "members",
      summary: "Turns away who waits (the host), or waits no longer (yourself).",
      auth: "peer",
      rateLimit: "patch",
      responses: { 204: NO_CONTENT },
      refusals: ["applicant_not_found", "member_not_found", ...HOST_ONLY],
    },
  },
  [`${ONE}/host`]: {
    put: {
      id: "changeHost",
      tag: "members",
      summary: "Hands the lobby on (the host), or claims what its host left (a member).",
      auth: "peer",
      rateLimit: "patch",
      body: api.hostTransfer,
      responses: { 200: LOBBY },
      refusals: ["member_not_found", "not_member", "host_present", "member_timeout", ...HOST_ONLY],
    },
  },
  [`${GAME}/join-by-code`]: {
    post: {
      id: "joinByCode",
      tag: "members",
      summary: "Joins the lobby of a join code.",
      auth: "peer",
      rateLimit: "join",
      body: api.joinByCodeRequest,
      responses: ENTERED,
      refusals: [...DOOR, "code_invalid"],
    },
  },
  [`${GAME}/quick-join`]: {
    post: {
      id: "quickJoin",
      tag: "members",
      summary: "Joins any lobby that the filter picks, or makes one.",
      auth: "peer",
      rateLimit: "join",
      body: api.quickJoinRequest,
      responses: ENTERED,
      refusals: [...DOOR, ...MAKING, "no_open_lobby"],
    },
  },
  [`${ONE}/heartbeat`]: {
    post: {
      id: "beat",
      tag: "talk",
      summary: "Says that you are there; for whoever has no WebSocket.",
      auth: "peer",
      rateLimit: "beat",
      responses: { 204: NO_CONTENT },
      refusals: ["not_member", ...AWAY],
    },
  },
  [`${ONE}/messages`]: {
    post: {
      id: "sayLine",
      tag: "talk",
      summary: "Says a line to all members who listen.",
      auth: "peer",
      rateLimit: "chat",
      body: api.chatMessage,
      responses: { 202: { description: "On its way; nobody keeps it." } },
      refusals: ["not_member", "foreign_wire", ...AWAY],
    },
  },
  [`${ONE}/signals`]: {
    post: {
      id: "sendSignal",
      tag: "talk",
      summary: "Sends one member something that only he understands.",
      auth: "peer",
      rateLimit: "signal",
      body: api.signalMessage,
      responses: { 202: { description: "On its way; nobody keeps it." } },
      refusals: ["not_member", "member_not_found", "foreign_wire", ...AWAY],
    },
  },
};
