/** What can be asked over HTTP beside lobbies (operations.ts): identities, the house, and what operators do. */
import * as house from "../service.ts";
import { flag, object, text } from "../../schema/decode.ts";
import {
  CURSOR,
  GAME,
  IF_NONE_MATCH,
  LIMIT,
  NO_CONTENT,
  NOT_MODIFIED,
  type Operation,
  type Operations,
  query,
} from "./lobbies.ts";

const ADMIN = "/v1/admin/games/{game}";
const OPERATOR = { tag: "operators", auth: "operator" } as const satisfies Partial<Operation>;
const OPEN = { tag: "house", auth: "nobody" } as const satisfies Partial<Operation>;
const ok = object({ ok: flag });
const alive = object({ ok: flag, version: text(32) });

export const SERVICE_OPERATIONS: Operations = {
  [`${GAME}/peers`]: {
    post: {
      id: "makePeer",
      tag: "identity",
      summary: "Gives you an anonymous identity and the tokens that prove it.",
      auth: "nobody",
      rateLimit: "peers",
      responses: { 201: { description: "Who you are from now on.", body: house.identity } },
      refusals: ["banned"],
    },
  },
  [`${GAME}/sidecars`]: {
    get: {
      id: "listSidecars",
      tag: "house",
      summary: "Lists the sidecars that are linked, and how to reach and trust them.",
      auth: "anyone",
      rateLimit: "read",
      parameters: [IF_NONE_MATCH],
      responses: {
        200: { description: "All of them.", body: house.sidecarList, headers: ["ETag"] },
        304: NOT_MODIFIED,
      },
    },
  },
  [`${GAME}/stats`]: {
    get: {
      id: "readStats",
      tag: "house",
      summary: "Counts lobbies and members.",
      auth: "anyone",
      rateLimit: "read",
      parameters: [IF_NONE_MATCH],
      responses: { 200: { description: "The numbers now.", body: house.stats, headers: ["ETag"] }, 304: NOT_MODIFIED },
    },
  },
  [`${GAME}/events`]: {
    get: {
      id: "watch",
      tag: "events",
      summary: "Opens a WebSocket on which lobbies are told live (protocol `parley.v1`); see the page on events.",
      auth: "nobody",
      parameters: [query("lobby", "The lobby that is meant, where one is.", text(64))],
      responses: {
        101: { description: "It is open." },
        426: { description: "A WebSocket is expected here.", type: "text/plain" },
      },
      refusals: ["lobby_not_found", "quota_exceeded"],
    },
  },
  "/v1/link/{game}/{shard}": {
    get: {
      id: "link",
      tag: "house",
      summary: "Opens a sidecar's link, a WebSocket.",
      auth: "sidecar",
      responses: {
        101: { description: "It is open." },
        426: { description: "A WebSocket is expected here.", type: "text/plain" },
      },
    },
  },
  [`${ADMIN}/lobbies`]: {
    get: {
      id: "allLobbies",
      summary: "Lists all lobbies, the newest first, whatever their visibility.",
      ...OPERATOR,
      parameters: [LIMIT, CURSOR],
      responses: { 200: { description: "One page.", body: house.adminPage } },
    },
  },
  [`${ADMIN}/lobbies/{id}`]: {
    delete: {
      id: "closeLobby",
      summary: "Ends a lobby; its members are told that the operators did.",
      ...OPERATOR,
      responses: { 204: NO_CONTENT },
      refusals: ["lobby_not_found"],
    },
  },
  [`${ADMIN}/bans`]: {
    get: {
      id: "listBans",
      summary: "Lists all bans.",
      ...OPERATOR,
      responses: { 200: { description: "All of them, the newest first.", body: house.banList } },
    },
    post: {
      id: "makeBan",
      summary: "Bans an address, a peer or a member of a lobby from making and joining lobbies.",
      ...OPERATOR,
      body: house.newBan,
      responses: { 201: { description: "He is banned.", body: house.ban, headers: ["Location"] } },
      refusals: ["member_not_found", "quota_exceeded"],
    },
  },
  [`${ADMIN}/bans/{ban}`]: {
    delete: {
      id: "liftBan",
      summary: "Lifts a ban.",
      ...OPERATOR,
      responses: { 204: NO_CONTENT },
      refusals: ["not_found"],
    },
  },
  [`${ADMIN}/drain`]: {
    get: {
      id: "readDrain",
      summary: "Whether new lobbies are refused.",
      ...OPERATOR,
      responses: { 200: { description: "As it is.", body: house.drain } },
    },
    put: {
      id: "setDrain",
      summary: "Refuses new lobbies, or makes them again. Those that are go on.",
      ...OPERATOR,
      body: house.drain,
      responses: { 200: { description: "As it is now.", body: house.drain } },
    },
  },
  "/metrics": {
    get: {
      id: "metrics",
      summary: "Gauges in Prometheus' text format.",
      tag: "operators",
      auth: "operator",
      parameters: [query("game", "A game to tell of; may come again.", text(32))],
      responses: { 200: { description: "The gauges.", type: "text/plain" } },
    },
  },
  "/healthz": {
    get: {
      id: "health",
      summary: "The Worker answers.",
      ...OPEN,
      responses: { 200: { description: "It does, and this is its version.", body: alive } },
    },
  },
  "/readyz": {
    get: {
      id: "readiness",
      summary: "It has its keys, and a hub answers.",
      ...OPEN,
      responses: { 200: { description: "It can do its work.", body: ok } },
    },
  },
  "/problems/{slug}": {
    get: {
      id: "explain",
      summary: "What a refusal means, for people: where `type` of a problem points.",
      ...OPEN,
      responses: { 200: { description: "One sentence.", type: "text/plain" } },
      refusals: ["not_found"],
    },
  },
  "/openapi.json": {
    get: {
      id: "openapi",
      summary: "This document.",
      ...OPEN,
      responses: { 200: { description: "OpenAPI 3.1.", body: object({ openapi: text(8) }) } },
    },
  },
  "/docs": {
    get: {
      id: "reference",
      summary: "This document, for people.",
      ...OPEN,
      responses: { 200: { description: "A page.", type: "text/html" } },
    },
  },
};
