/** The HTTP operations besides lobbies: identities, sidecars, statistics, service endpoints and administration. */
import { auditPage } from "../moderation/audit.ts";
import { announced, newAnnouncement } from "../moderation/announcements.ts";
import { relaySettings } from "../moderation/relay-settings.ts";
import { newPeer } from "../identity.ts";
import * as service from "../service.ts";
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
} from "./operation.ts";

const ADMIN = "/v1/admin/games/{game}";
const READER = { tag: "operators", auth: "operator", role: "read" } as const satisfies Partial<Operation>;
const MODERATOR = { ...READER, role: "moderate" } as const satisfies Partial<Operation>;
const OWNER = { ...READER, role: "own" } as const satisfies Partial<Operation>;
const OPEN = { tag: "service", auth: "none" } as const satisfies Partial<Operation>;
const ok = object({ ok: flag });
const alive = object({ ok: flag, version: text(32) });

export const SERVICE_OPERATIONS: Operations = {
  "/v1/games": {
    get: {
      id: "listGames",
      summary: "Lists the games that this deployment serves.",
      ...OPEN,
      responses: { 200: { description: "The games, or that any is served.", body: service.gameList } },
    },
  },
  [`${GAME}/peers`]: {
    post: {
      id: "createPeer",
      tag: "identity",
      summary: "Creates a peer and its tokens: an anonymous one, or that of a proved identity.",
      auth: "none",
      rateLimit: "peers",
      body: newPeer,
      responses: {
        201: { description: "The new peer. The tokens are secret.", body: service.identity, headers: ["Location"] },
      },
      refusals: ["banned", "identity_invalid", "identity_required", "identity_unavailable"],
    },
  },
  [`${GAME}/sidecars`]: {
    get: {
      id: "listSidecars",
      tag: "service",
      summary: "Lists the linked sidecars, their addresses and their certificates.",
      auth: "optional",
      rateLimit: "read",
      parameters: [IF_NONE_MATCH],
      responses: {
        200: { description: "The linked sidecars.", body: service.sidecarList, headers: ["ETag"] },
        304: NOT_MODIFIED,
      },
    },
  },
  [`${GAME}/stats`]: {
    get: {
      id: "readStats",
      tag: "service",
      summary: "Counts lobbies and members.",
      auth: "optional",
      rateLimit: "read",
      parameters: [IF_NONE_MATCH],
      responses: {
        200: { description: "The current counts.", body: service.stats, headers: ["ETag"] },
        304: NOT_MODIFIED,
      },
    },
  },
  [`${GAME}/events`]: {
    get: {
      id: "openEvents",
      tag: "events",
      summary: "Opens the events WebSocket (subprotocol `parley.v1`); see the page on events.",
      auth: "none",
      parameters: [query("lobby_id", "A lobby to subscribe to; it selects the shard.", text(64))],
      responses: {
        101: { description: "The WebSocket is open." },
      },
      refusals: ["lobby_not_found", "quota_exceeded", "rate_limited", "hub_full", "upgrade_required"],
    },
  },
  "/v1/link/{game}/{shard}": {
    get: {
      id: "openLink",
      tag: "service",
      summary: "Opens a sidecar's link, a WebSocket.",
      auth: "sidecar",
      responses: { 101: { description: "The WebSocket is open." } },
      refusals: ["upgrade_required"],
    },
  },
  [`${ADMIN}/lobbies`]: {
    get: {
      id: "listAllLobbies",
      summary: "Lists all lobbies, the newest first, whatever their visibility.",
      ...READER,
      parameters: [LIMIT, CURSOR],
      responses: { 200: { description: "One page.", body: service.adminPage } },
    },
  },
  [`${ADMIN}/lobbies/{id}`]: {
    delete: {
      id: "closeLobby",
      summary: "Ends a lobby. Its members receive the cause `closed_by_operator`.",
      ...MODERATOR,
      responses: { 204: NO_CONTENT },
      refusals: ["lobby_not_found"],
    },
  },
  [`${ADMIN}/bans`]: {
    get: {
      id: "listBans",
      summary: "Lists all bans.",
      ...READER,
      responses: { 200: { description: "All bans, the newest first.", body: service.banList } },
    },
    post: {
      id: "createBan",
      summary: "Bans an address, a peer or a member of a lobby from creating and joining lobbies.",
      ...MODERATOR,
      body: service.newBan,
      responses: { 201: { description: "The ban.", body: service.ban, headers: ["Location"] } },
      refusals: ["member_not_found", "quota_exceeded"],
    },
  },
  [`${ADMIN}/bans/{ban}`]: {
    delete: {
      id: "removeBan",
      summary: "Removes a ban.",
      ...MODERATOR,
      responses: { 204: NO_CONTENT },
      refusals: ["not_found"],
    },
  },
  [`${ADMIN}/drain`]: {
    get: {
      id: "readDrain",
      summary: "Reads whether new lobbies are refused.",
      ...READER,
      responses: { 200: { description: "The current state.", body: service.drain } },
    },
    put: {
      id: "setDrain",
      summary: "Refuses or accepts new lobbies. Existing lobbies continue.",
      ...OWNER,
      body: service.drain,
      responses: { 200: { description: "The new state.", body: service.drain } },
    },
  },
  [`${ADMIN}/relays`]: {
    get: {
      id: "readRelaySettings",
      summary: "Reads whether there are relays, and their daily volume.",
      ...READER,
      responses: { 200: { description: "The current settings.", body: relaySettings } },
    },
    put: {
      id: "setRelaySettings",
      summary: "Turns relays off or on, and limits the bytes a day of relays between native peers.",
      ...OWNER,
      body: relaySettings,
      responses: { 200: { description: "The new settings.", body: relaySettings } },
    },
  },
  [`${ADMIN}/announcements`]: {
    post: {
      id: "announce",
      summary: "Sends a text to all clients of the game that can show it.",
      ...MODERATOR,
      body: newAnnouncement,
      responses: {
        200: { description: "The number of subscribers and sidecars that it was sent to.", body: announced },
      },
      refusals: ["rate_limited"],
    },
  },
  [`${ADMIN}/audit`]: {
    get: {
      id: "listAudit",
      summary: "Lists what operators did in the game, the newest first.",
      ...READER,
      parameters: [LIMIT, CURSOR],
      responses: { 200: { description: "One page.", body: auditPage } },
    },
  },
  "/metrics": {
    get: {
      id: "metrics",
      summary: "Metrics in Prometheus' text format.",
      ...READER,
      parameters: [query("game", "A game to report; repeatable.", text(32))],
      responses: { 200: { description: "The metrics.", type: "text/plain" } },
    },
  },
  "/healthz": {
    get: {
      id: "health",
      summary: "Checks that the Worker runs.",
      ...OPEN,
      responses: { 200: { description: "The Worker runs this version.", body: alive } },
    },
  },
  "/readyz": {
    get: {
      id: "readiness",
      summary: "Checks that the keys are set and a hub answers.",
      ...OPEN,
      responses: { 200: { description: "The service is ready.", body: ok } },
    },
  },
  "/problems/{slug}": {
    get: {
      id: "explainProblem",
      summary: "Explains a refusal by its code.",
      ...OPEN,
      responses: { 200: { description: "The explanation.", type: "text/plain" } },
      refusals: ["not_found"],
    },
  },
  "/openapi.json": {
    get: {
      id: "openapi",
      summary: "This document as JSON.",
      ...OPEN,
      responses: { 200: { description: "OpenAPI 3.1.", body: object({ openapi: text(8) }) } },
    },
  },
  "/docs": {
    get: {
      id: "reference",
      summary: "This document as a page.",
      ...OPEN,
      responses: { 200: { description: "The page.", type: "text/html" } },
    },
  },
};
