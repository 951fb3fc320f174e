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
const OPERATOR = { tag: "operators", who: "operator" } as const satisfies Partial<Operation>;
const OPEN = { tag: "house", who: "nobody" } as const satisfies Partial<Operation>;
const ok = object({ ok: flag });
const alive = object({ ok: flag, version: text(32) });

export const HOUSE_OPERATIONS: Operations = {
  [`${GAME}/peers`]: {
    post: {
      id: "makePeer",
      tag: "identity",
      says: "Gives you an anonymous identity and the tokens that prove it.",
      who: "nobody",
      toll: "peers",
      answers: { 201: { says: "Who you are from now on.", body: house.identity } },
      refusals: ["banned"],
    },
  },
  [`${GAME}/sidecars`]: {
    get: {
      id: "listSidecars",
      tag: "house",
      says: "Lists the sidecars that are linked, and how to reach and trust them.",
      who: "anyone",
      toll: "read",
      parameters: [IF_NONE_MATCH],
      answers: { 200: { says: "All of them.", body: house.sidecarList, headers: ["ETag"] }, 304: NOT_MODIFIED },
    },
  },
  [`${GAME}/stats`]: {
    get: {
      id: "readStats",
      tag: "house",
      says: "Counts lobbies and members.",
      who: "anyone",
      toll: "read",
      parameters: [IF_NONE_MATCH],
      answers: { 200: { says: "The numbers now.", body: house.stats, headers: ["ETag"] }, 304: NOT_MODIFIED },
    },
  },
  [`${GAME}/events`]: {
    get: {
      id: "watch",
      tag: "events",
      says: "Opens a WebSocket on which lobbies are told live (protocol `parley.v1`); see the page on events.",
      who: "nobody",
      parameters: [query("lobby", "The lobby that is meant, where one is.", text(64))],
      answers: { 101: { says: "It is open." }, 426: { says: "A WebSocket is expected here.", type: "text/plain" } },
      refusals: ["lobby_not_found", "quota_exceeded"],
    },
  },
  "/v1/link/{game}/{shard}": {
    get: {
      id: "link",
      tag: "house",
      says: "Opens a sidecar's link, a WebSocket.",
      who: "sidecar",
      answers: { 101: { says: "It is open." }, 426: { says: "A WebSocket is expected here.", type: "text/plain" } },
    },
  },
  [`${ADMIN}/lobbies`]: {
    get: {
      id: "allLobbies",
      says: "Lists all lobbies, the newest first, whatever their visibility.",
      ...OPERATOR,
      parameters: [LIMIT, CURSOR],
      answers: { 200: { says: "One page.", body: house.adminPage } },
    },
  },
  [`${ADMIN}/lobbies/{id}`]: {
    delete: {
      id: "closeLobby",
      says: "Ends a lobby; its members are told that the operators did.",
      ...OPERATOR,
      answers: { 204: NO_CONTENT },
      refusals: ["lobby_not_found"],
    },
  },
  [`${ADMIN}/bans`]: {
    get: {
      id: "listBans",
      says: "Lists all bans.",
      ...OPERATOR,
      answers: { 200: { says: "All of them, the newest first.", body: house.banList } },
    },
    post: {
      id: "makeBan",
      says: "Bans an address, a peer or a member of a lobby from making and joining lobbies.",
      ...OPERATOR,
      body: house.newBan,
      answers: { 201: { says: "He is banned.", body: house.ban, headers: ["Location"] } },
      refusals: ["member_not_found", "quota_exceeded"],
    },
  },
  [`${ADMIN}/bans/{ban}`]: {
    delete: {
      id: "liftBan",
      says: "Lifts a ban.",
      ...OPERATOR,
      answers: { 204: NO_CONTENT },
      refusals: ["not_found"],
    },
  },
  [`${ADMIN}/drain`]: {
    get: {
      id: "readDrain",
      says: "Whether new lobbies are refused.",
      ...OPERATOR,
      answers: { 200: { says: "As it is.", body: house.drain } },
    },
    put: {
      id: "setDrain",
      says: "Refuses new lobbies, or makes them again. Those that are go on.",
      ...OPERATOR,
      body: house.drain,
      answers: { 200: { says: "As it is now.", body: house.drain } },
    },
  },
  "/metrics": {
    get: {
      id: "metrics",
      says: "Gauges in Prometheus' text format.",
      tag: "operators",
      who: "operator",
      parameters: [query("game", "A game to tell of; may come again.", text(32))],
      answers: { 200: { says: "The gauges.", type: "text/plain" } },
    },
  },
  "/healthz": {
    get: {
      id: "health",
      says: "The Worker answers.",
      ...OPEN,
      answers: { 200: { says: "It does, and this is its version.", body: alive } },
    },
  },
  "/readyz": {
    get: {
      id: "readiness",
      says: "It has its keys, and a hub answers.",
      ...OPEN,
      answers: { 200: { says: "It can do its work.", body: ok } },
    },
  },
  "/problems/{slug}": {
    get: {
      id: "explain",
      says: "What a refusal means, for people: where `type` of a problem points.",
      ...OPEN,
      answers: { 200: { says: "One sentence.", type: "text/plain" } },
      refusals: ["not_found"],
    },
  },
  "/openapi.json": {
    get: {
      id: "openapi",
      says: "This document.",
      ...OPEN,
      answers: { 200: { says: "OpenAPI 3.1.", body: object({ openapi: text(8) }) } },
    },
  },
  "/docs": {
    get: {
      id: "reference",
      says: "This document, for people.",
      ...OPEN,
      answers: { 200: { says: "A page.", type: "text/html" } },
    },
  },
};
