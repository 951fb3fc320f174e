/**
 * The HTTP operations of lobbies. The tables of this folder generate /openapi.json, and tests check every route and
 * response against them. `refusals` lists those that the kind of operation does not imply (openapi.ts).
 */
import * as api from "../lobbies.ts";
import { anyOf, type Decoder, list, map, object, oneOf, optional, text } from "../../schema/decode.ts";
import { FIELDS } from "../../listing/listing.ts";
import { OPERATORS } from "../../listing/query.ts";
import { DATA_KEY_PATTERN, OPERAND_LENGTH_MAX, PAGE_MAX, PREDICATES_MAX } from "../../limits.ts";
import { summary } from "../../listing/summary.ts";
import {
  CREATE_REFUSALS,
  CURSOR,
  deepQuery,
  GAME,
  HOST_ONLY,
  IF_MATCH,
  IF_NONE_MATCH,
  JOIN_REFUSALS,
  JOIN_RESPONSES,
  JOINED,
  LIMIT,
  LOBBY,
  LOBBY_GONE,
  NO_CONTENT,
  NOT_MODIFIED,
  ONE_LOBBY,
  type Operations,
  type Parameter,
  query,
  type ResponseSpec,
} from "./operation.ts";

const HOSTING: ResponseSpec = { ...JOINED, body: anyOf("a membership or a lobby", api.joined, api.lobby) };

/** A lobby of a list with only the requested fields. */
const line = object(
  Object.fromEntries(
    Object.entries(summary.fields).map(([name, field]) => [name, optional(field as Decoder<unknown>)]),
  ),
);
const PAGE = anyOf("a page", api.page, object({ ...api.page.fields, lobbies: list(line, PAGE_MAX) }));

/** The operand of each operator: `?member_count[gte]=2`. */
const comparison = object(
  Object.fromEntries(OPERATORS.map((operator) => [operator, optional(text(OPERAND_LENGTH_MAX))])),
);

/** Each field is a deep object. `?field=value` is short for `?field[eq]=value`. */
const FIELD_FILTERS: readonly Parameter[] = Object.keys(FIELDS).map((field) =>
  deepQuery(field, `Only lobbies whose \`${field}\` compares so with each operand.`, comparison),
);

const FILTERS: readonly Parameter[] = [
  ...FIELD_FILTERS,
  deepQuery(
    "data",
    "Only lobbies with these values of data keys that the host indexed. `data[key][gte]` compares otherwise.",
    map(DATA_KEY_PATTERN, text(OPERAND_LENGTH_MAX), PREDICATES_MAX),
  ),
  query("near", "`{key}:{number}`: the nearest value of a data key first.", text(256)),
  query("order", "`{field}`, or `-{field}` for descending; several are separated by commas.", text(256)),
  query("include", "`full`, `closed`, `in_game`: include lobbies that cannot be joined now.", text(64)),
  query("fields", "Return only these fields of each lobby.", text(512)),
  query("count", "Also return how many lobbies match.", oneOf("true", "false")),
];

export const LOBBY_OPERATIONS: Operations = {
  [`${GAME}/lobbies`]: {
    get: {
      id: "listLobbies",
      tag: "lobbies",
      summary: "Lists joinable lobbies.",
      auth: "optional",
      rateLimit: "list",
      parameters: [...FILTERS, LIMIT, CURSOR, IF_NONE_MATCH],
      responses: { 200: { description: "One page.", body: PAGE, headers: ["ETag", "Link"] }, 304: NOT_MODIFIED },
    },
    post: {
      id: "createLobby",
      tag: "lobbies",
      summary: "Creates a lobby; the peer is its host. With a noray pid: lists the noray host of that pid.",
      auth: "peer",
      alternativeAuth: "noray",
      rateLimit: "create",
      body: anyOf("a lobby", api.newLobby, api.publishRequest),
      responses: {
        200: { ...HOSTING, description: "The lobby existed already." },
        201: { ...HOSTING, description: "The lobby was created or listed." },
      },
      refusals: [...CREATE_REFUSALS, ...LOBBY_GONE],
    },
  },
  [`${GAME}/lobbies/by-key/{key}`]: {
    put: {
      id: "createOrJoin",
      tag: "lobbies",
      summary: "Joins the lobby of this key, or creates it.",
      auth: "peer",
      rateLimit: "join",
      body: api.newLobby,
      responses: JOIN_RESPONSES,
      refusals: [...JOIN_REFUSALS, ...CREATE_REFUSALS],
    },
  },
  [ONE_LOBBY]: {
    get: {
      id: "readLobby",
      tag: "lobbies",
      summary: "Reads one lobby. Members see more than other peers, the host sees everything.",
      auth: "optional",
      rateLimit: "read",
      parameters: [IF_NONE_MATCH],
      responses: { 200: LOBBY, 304: NOT_MODIFIED },
      refusals: LOBBY_GONE,
    },
    patch: {
      id: "patchLobby",
      tag: "lobbies",
      summary: "Changes the lobby by a merge patch; null removes a value.",
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
};
