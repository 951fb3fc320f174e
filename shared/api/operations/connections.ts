/** What can be asked over HTTP by members who connect to each other (operations.ts has lobbies themselves). */
import * as connect from "../../connect/schema.ts";
import { GAME, NO_CONTENT, type Operation, type Operations } from "./lobbies.ts";
import type { RefusalCode } from "../../refusals.ts";

const ONE = `${GAME}/lobbies/{id}`;
const CONNECTION = `${GAME}/connections/{cid}`;
const PEER = { tag: "connections", auth: "peer" } as const satisfies Partial<Operation>;
const MEMBER: readonly RefusalCode[] = ["not_member", "lobby_not_found"];
const GONE: readonly RefusalCode[] = ["connection_not_found"];

export const CONNECT_OPERATIONS: Operations = {
  [`${ONE}/connections`]: {
    post: {
      id: "connect",
      summary: "Asks to be connected to a member; asking again says anew where you are.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      body: connect.connectRequest,
      responses: { 202: { description: "It goes on; listen, or read it.", body: connect.connection } },
      refusals: [
        ...MEMBER,
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
      summary: "Shows what goes on between you and other members, for whoever has no WebSocket.",
      ...PEER,
      rateLimit: "read",
      responses: { 200: { description: "The newest first.", body: connect.connectionList } },
      refusals: MEMBER,
    },
  },
  [`${ONE}/invitations`]: {
    post: {
      id: "invite",
      summary: "Makes a ticket with which another member is connected to you without asking you.",
      ...PEER,
      rateLimit: "connect",
      responses: { 201: { description: "Give it to whom you like.", body: connect.invitation } },
      refusals: MEMBER,
    },
  },
  [`${ONE}/relays`]: {
    post: {
      id: "relay",
      summary: "Gives you your end of a relay to a peer to whom you were introduced; he is told of his.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      body: connect.relayRequest,
      responses: { 200: { description: "Your end.", body: connect.relay } },
      refusals: [...GONE, "not_introduced", "connection_over", "relay_budget_exhausted", "relay_unavailable"],
    },
  },
  [CONNECTION]: {
    get: {
      id: "readConnection",
      summary: "Shows how far a connection of yours is, and what you are to do.",
      ...PEER,
      rateLimit: "read",
      responses: { 200: { description: "As it is.", body: connect.connection } },
      refusals: GONE,
    },
    delete: {
      id: "endConnection",
      summary: "Denies it (who was asked), or withdraws it (who asked).",
      ...PEER,
      rateLimit: "connect",
      responses: { 204: NO_CONTENT },
      refusals: GONE,
    },
  },
  [`${CONNECTION}/accept`]: {
    post: {
      id: "acceptConnection",
      summary: "Agrees, or agrees still, and says where you are now.",
      ...PEER,
      notReplayable: true,
      rateLimit: "connect",
      body: connect.acceptRequest,
      responses: { 202: { description: "It goes on; listen, or read it.", body: connect.connection } },
      refusals: [...GONE, "connection_over"],
    },
  },
  [`${CONNECTION}/outcome`]: {
    put: {
      id: "reportOutcome",
      summary: "Says which way you have in the end; the first word counts.",
      ...PEER,
      rateLimit: "connect",
      body: connect.outcome,
      responses: { 204: NO_CONTENT },
      refusals: [...GONE, "not_introduced", "connection_over"],
    },
  },
};
