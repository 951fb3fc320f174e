/** The HTTP operations that read without joining, and those that read parts of a lobby. */
import * as api from "../lobbies.ts";
import * as reads from "../reads.ts";
import { summary } from "../../listing/summary.ts";
import { BODY_BYTES_MAX } from "../../limits.ts";
import { text } from "../../schema/decode.ts";
import { GAME, LOBBY_GONE, ONE_LOBBY, type Operation, type Operations, query, type ResponseSpec } from "./operation.ts";

const PREVIEW: ResponseSpec = {
  description: "The lobby as lists show it, with all of its public data.",
  body: summary,
};
const READ = { rateLimit: "read", auth: "peer" } as const satisfies Partial<Operation>;

export const READ_OPERATIONS: Operations = {
  [`${GAME}/lobbies/by-code/{code}`]: {
    get: {
      id: "previewByCode",
      tag: "lobbies",
      summary: "Shows what a join code leads to, without joining. A wrong code counts as with `POST /join-by-code`.",
      ...READ,
      responses: { 200: PREVIEW },
      refusals: ["code_invalid"],
    },
  },
  [`${GAME}/lobbies/by-key/{key}`]: {
    get: {
      id: "previewByKey",
      tag: "lobbies",
      summary: "Shows the lobby of a key, without joining or creating it.",
      ...READ,
      responses: { 200: PREVIEW },
      refusals: LOBBY_GONE,
    },
  },
  [`${ONE_LOBBY}/members`]: {
    get: {
      id: "listMembers",
      tag: "members",
      summary: "Lists the members. Members also see each other's data.",
      rateLimit: "read",
      auth: "optional",
      responses: { 200: { description: "The members, by arrival.", body: reads.memberList } },
    },
  },
  [`${ONE_LOBBY}/members/{peer}`]: {
    get: {
      id: "readMember",
      tag: "members",
      summary: "Reads one member.",
      rateLimit: "read",
      auth: "optional",
      responses: { 200: { description: "The member, as its reader may see it.", body: api.member } },
      refusals: ["member_not_found"],
    },
  },
  [`${ONE_LOBBY}/applicants`]: {
    get: {
      id: "listApplicants",
      tag: "members",
      summary: "Lists the peers that wait for approval; for the host.",
      ...READ,
      responses: { 200: { description: "The applicants, by arrival.", body: reads.applicantList } },
      refusals: ["not_host"],
    },
  },
  [`${ONE_LOBBY}/applicants/{peer}`]: {
    get: {
      id: "readApplication",
      tag: "members",
      summary: "Reads an application; for the applicant itself, and for the host.",
      ...READ,
      responses: { 200: { description: "The application.", body: reads.application } },
      refusals: ["applicant_not_found", "not_host"],
    },
  },
  [`${GAME}/nat`]: {
    get: {
      id: "describeNat",
      tag: "connections",
      summary: "Describes the peer's own NAT from the receipts in its reach. Nothing is stored.",
      ...READ,
      parameters: [query("reach", "A `Reach` as JSON text, as a connection request has it.", text(BODY_BYTES_MAX))],
      responses: { 200: { description: "The NAT of each address family.", body: reads.natView } },
      refusals: ["receipt_expired"],
    },
  },
};
