/** What can be asked over HTTP by members who connect to each other (operations.ts has lobbies themselves). */
import * as connect from "../../connect/schema.ts";
import { GAME, NO_CONTENT, type Operation, type Operations } from "./lobbies.ts";
import type { RefusalCode } from "../../refusals.ts";

const ONE = `${GAME}/lobbies/{id}`;
const CONNECTION = `${GAME}/connections/{cid}`;
const PEER = { tag: "connections", who: "peer" } as const satisfies Partial<Operation>;
const MEMBER: readonly RefusalCode[] = ["not_member", "lobby_not_found"];
const GONE: readonly RefusalCode[] = ["connection_not_found"];

export const CONNECT_OPERATIONS: Operations = {
  [`${ONE}/connections`]: {
    post: {
      id: "connect",
      says: "Asks to be connected to a member; asking again says anew where you are.",
      ...PEER,
      unkept: true,
      toll: "connect",
      body: connect.connecting,
      answers: { 202: { says: "It goes on; listen, or read it.", body: connect.connection } },
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
      says: "Shows what goes on between you and other members, for whoever has no WebSocket.",
      ...PEER,
      toll: "read",
      answers: { 200: { says: "The newest first.", body: connect.connectionList } },
      refusals: MEMBER,
    },
  },
  [`${ONE}/invitations`]: {
    post: {
      id: "invite",
      says: "Makes a ticket with which another member is connected to you without asking you.",
      ...PEER,
      toll: "connect",
      answers: { 201: { says: "Give it to whom you like.", body: connect.invitation } },
      refusals: MEMBER,
    },
  },
  [`${ONE}/relays`]: {
    post: {
      id: "relay",
      says: "Gives you your end of a relay to a peer to whom you were introduced; he is told of his.",
      ...PEER,
      unkept: true,
      toll: "connect",
      body: connect.relaying,
      answers: { 200: { says: "Your end.", body: connect.relay } },
      refusals: [...GONE, "not_introduced", "connection_over", "relay_budget_exhausted", "relay_unavailable"],
    },
  },
  [CONNECTION]: {
    get: {
      id: "readConnection",
      says: "Shows how far a connection of yours is, and what you are to do.",
      ...PEER,
      toll: "read",
      answers: { 200: { says: "As it is.", body: connect.connection } },
      refusals: GONE,
    },
    delete: {
      id: "endConnection",
      says: "Denies it (who was asked), or withdraws it (who asked).",
      ...PEER,
      toll: "connect",
      answers: { 204: NO_CONTENT },
      refusals: GONE,
    },
  },
  [`${CONNECTION}/accept`]: {
    post: {
      id: "acceptConnection",
      says: "Agrees, or agrees still, and says where you are now.",
      ...PEER,
      unkept: true,
      toll: "connect",
      body: connect.accepting,
      answers: { 202: { says: "It goes on; listen, or read it.", body: connect.connection } },
      refusals: [...GONE, "connection_over"],
    },
  },
  [`${CONNECTION}/outcome`]: {
    put: {
      id: "reportOutcome",
      says: "Says which way you have in the end; the first word counts.",
      ...PEER,
      toll: "connect",
      body: connect.outcome,
      answers: { 204: NO_CONTENT },
      refusals: [...GONE, "not_introduced", "connection_over"],
    },
  },
};
