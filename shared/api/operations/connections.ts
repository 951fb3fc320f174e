/** The HTTP operations of connections between members. */
import * as connect from "../../connect/schema.ts";
import { iceServers } from "../ice-servers.ts";
import { GAME, NO_CONTENT, ONE_LOBBY, type Operation, type Operations } from "./operation.ts";
import type { RefusalCode } from "../../refusals.ts";

const CONNECTION = `${GAME}/connections/{cid}`;
const PEER = { tag: "connections", auth: "peer" } as const satisfies Partial<Operation>;
const MEMBER: readonly RefusalCode[] = ["not_member", "lobby_not_found"];
const GONE: readonly RefusalCode[] = ["connection_not_found"];

export const CONNECT_OPERATIONS: Operations = {
  [`${ONE_LOBBY}/connections`]: {
    post: {
      id: "connect",
      summary: "Requests a connection to a member. A repeated request updates the peer's reach.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      body: connect.connectRequest,
      responses: {
        202: {
          description: "Accepted. The WebSocket sends the next step; without one, read the connection.",
          body: connect.connection,
          headers: ["Location"],
        },
      },
      refusals: [
        ...MEMBER,
        "receipt_expired",
        "member_not_found",
        "member_timeout",
        "foreign_wire",
        "ticket_invalid",
        "connection_denied",
        "quota_exceeded",
      ],
    },
    get: {
      id: "listConnections",
      summary: "Lists the peer's connections in the lobby, for clients without a WebSocket.",
      ...PEER,
      rateLimit: "read",
      responses: { 200: { description: "The newest first.", body: connect.connectionList } },
      refusals: MEMBER,
    },
  },
  [`${ONE_LOBBY}/invitations`]: {
    post: {
      id: "invite",
      summary: "Creates a ticket with which another member connects to this peer without its consent.",
      ...PEER,
      rateLimit: "connect",
      responses: {
        200: { description: "The ticket. Any member that has it can connect to this peer.", body: connect.invitation },
      },
      refusals: MEMBER,
    },
  },
  [`${ONE_LOBBY}/relays`]: {
    post: {
      id: "relay",
      summary: "Returns this peer's end of a relay to an introduced peer. The other peer receives its own.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      body: connect.relayRequest,
      responses: { 200: { description: "This peer's end of the relay.", body: connect.relay } },
      refusals: [
        ...GONE,
        "not_introduced",
        "connection_over",
        "relay_forbidden",
        "relay_budget_exhausted",
        "relay_unavailable",
      ],
    },
  },
  [`${GAME}/ice-servers`]: {
    get: {
      id: "readIceServers",
      summary: "Returns STUN and TURN servers for a browser's WebRTC, with credentials; for members of any lobby.",
      ...PEER,
      rateLimit: "read",
      responses: { 200: { description: "For `RTCPeerConnection`.", body: iceServers } },
      refusals: ["not_member"],
    },
  },
  [CONNECTION]: {
    get: {
      id: "readConnection",
      summary: "Reads a connection: its state and this peer's instructions.",
      ...PEER,
      rateLimit: "read",
      responses: { 200: { description: "The connection.", body: connect.connection } },
      refusals: GONE,
    },
  },
  [`${CONNECTION}/deny`]: {
    post: {
      id: "denyConnection",
      summary: "Denies the connection; for the requested peer.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      responses: { 204: NO_CONTENT },
      refusals: GONE,
    },
  },
  [`${CONNECTION}/withdraw`]: {
    post: {
      id: "withdrawConnection",
      summary: "Withdraws the connection; for the requesting peer.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      responses: { 204: NO_CONTENT },
      refusals: GONE,
    },
  },
  [`${CONNECTION}/accept`]: {
    post: {
      id: "acceptConnection",
      summary: "Accepts the connection, or updates the reach of an accepted one.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      body: connect.acceptRequest,
      responses: {
        202: {
          description: "Accepted. The WebSocket sends the next step; without one, read the connection.",
          body: connect.connection,
          headers: ["Location"],
        },
      },
      refusals: [...GONE, "receipt_expired", "connection_over"],
    },
  },
  [`${CONNECTION}/outcome`]: {
    put: {
      id: "reportOutcome",
      summary: "Reports the path that the peer has. Only the first report counts.",
      ...PEER,
      rateLimit: "connect",
      body: connect.outcome,
      responses: { 204: NO_CONTENT },
      refusals: [...GONE, "not_introduced", "connection_over"],
    },
  },
};
