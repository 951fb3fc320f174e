/**
 * Everything that can be asked about lobbies over HTTP, as a table; operations-house.ts has the rest. From both comes
 * /openapi.json, and against them the tests hold the routes and every answer they ever get. What an operation can be
 * refused for beyond what its kind brings (a bad body, a missing token, a spent budget) is named here.
 */
import * as api from "../lobbies.ts";
import { anyOf, type Decoder, integer, list, object, oneOf, optional, text } from "../../schema/decode.ts";
import { PAGE_MAX } from "../../limits.ts";
import type { RefusalCode } from "../../refusals.ts";
import type { Toll } from "../../rate-limit/rate-limiter.ts";

export type Parameter = {
  readonly in: "query" | "header";
  readonly name: string;
  readonly says: string;
  readonly decoder: Decoder<unknown>;
};

export type Answer = {
  readonly says: string;
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
  readonly says: string;
  /** Whose token or key is shown. `anyone` may show a token, `nobody` shows none. */
  readonly who: "nobody" | "anyone" | "peer" | "operator" | "sidecar";
  /** What may be shown in its place. */
  readonly or?: "noray";
  readonly toll?: Toll;
  readonly parameters?: readonly Parameter[];
  readonly body?: Decoder<unknown>;
  readonly answers: { readonly [status: number]: Answer };
  readonly refusals?: readonly RefusalCode[];
  /** A POST that may be said twice without a key: what it answers is secret, and kept by nobody. */
  readonly unkept?: true;
};

export type Method = "get" | "post" | "put" | "patch" | "delete";
export type Operations = Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>;

export const query = (name: string, says: string, decoder: Decoder<unknown>): Parameter => ({
  in: "query",
  name,
  says,
  decoder,
});
const header = (name: string, says: string, decoder: Decoder<unknown>): Parameter => ({
  in: "header",
  name,
  says,
  decoder,
});

export const IF_NONE_MATCH = header("If-None-Match", "An ETag that you have; 304 while it is good.", text(1_024));
const IF_MATCH = header("If-Match", "The ETag of what you have read; 412 when it has changed since.", text(1_024));
export const LIMIT = query("limit", "Lines of a page.", integer(1, PAGE_MAX));
export const CURSOR = query("cursor", "`next_cursor` of the page before.", text(512));

export const NO_CONTENT: Answer = { says: "Done." };
export const NOT_MODIFIED: Answer = { says: "You have it already.", headers: ["ETag"] };
const LOBBY: Answer = { says: "The lobby, as far as you may see it.", body: api.lobby, headers: ["ETag"] };
const IN: Answer = { says: "You are a member.", body: api.joined, headers: ["ETag", "Location"] };
const HOSTING: Answer = { ...IN, body: anyOf("your place, or your lobby", api.joined, api.lobby) };
const WAITING: Answer = { says: "The host has to admit you.", body: api.pending };
const ENTERED = { 200: { ...IN, says: "You were a member already." }, 201: IN, 202: WAITING };

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
      says: "Lists lobbies that can be joined.",
      who: "anyone",
      toll: "list",
      parameters: [...FILTERS, LIMIT, CURSOR, IF_NONE_MATCH],
      answers: { 200: { says: "One page.", body: PAGE, headers: ["ETag", "Link"] }, 304: NOT_MODIFIED },
    },
    post: {
      id: "createLobby",
      tag: "lobbies",
      says: "Makes a lobby; you are its host. With a noray pid: lists the host that it is the secret of.",
      who: "peer",
      or: "noray",
      toll: "create",
      body: anyOf("a lobby", api.newLobby, api.publishing),
      answers: {
        200: { ...HOSTING, says: "You host it, or are listed, already." },
        201: { ...HOSTING, says: "You host it, or are listed." },
      },
      refusals: [...MAKING, ...AWAY],
    },
  },
  [`${GAME}/lobbies/by-key/{key}`]: {
    put: {
      id: "createOrJoin",
      tag: "lobbies",
      says: "Joins the lobby of this key, or makes it.",
      who: "peer",
      toll: "join",
      body: api.newLobby,
      answers: ENTERED,
      refusals: [...DOOR, ...MAKING],
    },
  },
  [ONE]: {
    get: {
      id: "readLobby",
      tag: "lobbies",
      says: "Shows one lobby: more to its members, and most to its host.",
      who: "anyone",
      toll: "read",
      parameters: [IF_NONE_MATCH],
      answers: { 200: LOBBY, 304: NOT_MODIFIED },
      refusals: AWAY,
    },
    patch: {
      id: "patchLobby",
      tag: "lobbies",
      says: "Changes what the merge patch names; null takes away.",
      who: "peer",
      toll: "patch",
      parameters: [IF_MATCH],
      body: api.lobbyPatch,
      answers: { 200: LOBBY },
      refusals: [...HOST_ONLY, "precondition_failed", "seats_taken", "data_limit"],
    },
    delete: {
      id: "endLobby",
      tag: "lobbies",
      says: "Ends the lobby.",
      who: "peer",
      toll: "patch",
      parameters: [IF_MATCH],
      answers: { 204: NO_CONTENT },
      refusals: [...HOST_ONLY, "precondition_failed"],
    },
  },
  [`${ONE}/members`]: {
    post: {
      id: "join",
      tag: "members",
      says: "Joins. The seat is yours once you are heard, within 15 s.",
      who: "peer",
      toll: "join",
      body: api.joining,
      answers: ENTERED,
      refusals: DOOR,
    },
  },
  [`${ONE}/members/{peer}`]: {
    patch: {
      id: "patchMember",
      tag: "members",
      says: "Changes what you tell about yourself; null takes away.",
      who: "peer",
      toll: "patch",
      body: api.memberPatch,
      answers: { 200: { says: "You, as members see you.", body: api.member } },
      refusals: ["not_member", "member_not_found", "data_limit", ...AWAY],
    },
    delete: {
      id: "removeMember",
      tag: "members",
      says: "Leaves (yourself), or removes a member (the host).",
      who: "peer",
      toll: "patch",
      parameters: [
        query("ban", "`lobby`: he may not come back.", oneOf("lobby")),
        query("reason", "Why you remove him, in a sentence: he hears it, and the members.", api.kickDetail),
      ],
      answers: { 204: NO_CONTENT },
      refusals: ["member_not_found", ...HOST_ONLY],
    },
  },
  [`${ONE}/applicants/{peer}`]: {
    put: {
      id: "admitApplicant",
      tag: "members",
      says: "Admits who waits.",
      who: "peer",
      toll: "patch",
      answers: { 200: LOBBY },
      refusals: ["applicant_not_found", "member_not_found", "lobby_full", ...HOST_ONLY],
    },
    delete: {
      id: "removeApplicant",
      tag: "members",
      says: "Turns away who waits (the host), or waits no longer (yourself).",
      who: "peer",
      toll: "patch",
      answers: { 204: NO_CONTENT },
      refusals: ["applicant_not_found", "member_not_found", ...HOST_ONLY],
    },
  },
  [`${ONE}/host`]: {
    put: {
      id: "changeHost",
      tag: "members",
      says: "Hands the lobby on (the host), or claims what its host left (a member).",
      who: "peer",
      toll: "patch",
      body: api.handover,
      answers: { 200: LOBBY },
      refusals: ["member_not_found", "not_member", "host_present", "member_timeout", ...HOST_ONLY],
    },
  },
  [`${GAME}/join-by-code`]: {
    post: {
      id: "joinByCode",
      tag: "members",
      says: "Joins the lobby of a join code.",
      who: "peer",
      toll: "join",
      body: api.joiningByCode,
      answers: ENTERED,
      refusals: [...DOOR, "code_invalid"],
    },
  },
  [`${GAME}/quick-join`]: {
    post: {
      id: "quickJoin",
      tag: "members",
      says: "Joins any lobby that the filter picks, or makes one.",
      who: "peer",
      toll: "join",
      body: api.quickJoining,
      answers: ENTERED,
      refusals: [...DOOR, ...MAKING, "no_open_lobby"],
    },
  },
  [`${ONE}/heartbeat`]: {
    post: {
      id: "beat",
      tag: "talk",
      says: "Says that you are there; for whoever has no WebSocket.",
      who: "peer",
      toll: "beat",
      answers: { 204: NO_CONTENT },
      refusals: ["not_member", ...AWAY],
    },
  },
  [`${ONE}/messages`]: {
    post: {
      id: "sayLine",
      tag: "talk",
      says: "Says a line to all members who listen.",
      who: "peer",
      toll: "chat",
      body: api.chatLine,
      answers: { 202: { says: "On its way; nobody keeps it." } },
      refusals: ["not_member", "foreign_wire", ...AWAY],
    },
  },
  [`${ONE}/signals`]: {
    post: {
      id: "sendSignal",
      tag: "talk",
      says: "Sends one member something that only he understands.",
      who: "peer",
      toll: "signal",
      body: api.signalling,
      answers: { 202: { says: "On its way; nobody keeps it." } },
      refusals: ["not_member", "member_not_found", "foreign_wire", ...AWAY],
    },
  },
};
