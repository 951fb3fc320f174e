/** The HTTP operations of members: join, leave, admit, transfer the host role, heartbeat and messages. */
import * as api from "../lobbies.ts";
import { oneOf } from "../../schema/decode.ts";
import {
  CREATE_REFUSALS,
  GAME,
  HOST_ONLY,
  JOIN_REFUSALS,
  JOIN_RESPONSES,
  LOBBY,
  LOBBY_GONE,
  NO_CONTENT,
  ONE_LOBBY,
  type Operations,
  query,
} from "./operation.ts";

export const MEMBER_OPERATIONS: Operations = {
  [`${ONE_LOBBY}/members`]: {
    post: {
      id: "join",
      tag: "members",
      summary: "Joins the lobby. The seat is held for 15 s until the first heartbeat or WebSocket.",
      auth: "peer",
      rateLimit: "join",
      body: api.joinRequest,
      responses: JOIN_RESPONSES,
      refusals: JOIN_REFUSALS,
    },
  },
  [`${ONE_LOBBY}/members/{peer}`]: {
    patch: {
      id: "patchMember",
      tag: "members",
      summary: "Changes the peer's own member by a merge patch; null removes a value.",
      auth: "peer",
      rateLimit: "patch",
      body: api.memberPatch,
      responses: { 200: { description: "The member, as members see it.", body: api.member } },
      refusals: ["not_member", "member_not_found", "data_limit", ...LOBBY_GONE],
    },
    delete: {
      id: "removeMember",
      tag: "members",
      summary: "Leaves the lobby (the member itself) or removes a member (the host).",
      auth: "peer",
      rateLimit: "patch",
      parameters: [
        query("ban", "`lobby`: the member cannot join again.", oneOf("lobby")),
        query(
          "reason",
          "Why the host removes the member. The member and the other members receive it.",
          api.kickDetail,
        ),
      ],
      responses: { 204: NO_CONTENT },
      refusals: ["member_not_found", ...HOST_ONLY],
    },
  },
  [`${ONE_LOBBY}/applicants/{peer}`]: {
    put: {
      id: "admitApplicant",
      tag: "members",
      summary: "Admits an applicant.",
      auth: "peer",
      rateLimit: "patch",
      responses: { 200: LOBBY },
      refusals: ["applicant_not_found", "member_not_found", "lobby_full", ...HOST_ONLY],
    },
    delete: {
      id: "removeApplicant",
      tag: "members",
      summary: "Denies an applicant (the host) or withdraws (the applicant itself).",
      auth: "peer",
      rateLimit: "patch",
      responses: { 204: NO_CONTENT },
      refusals: ["applicant_not_found", "member_not_found", ...HOST_ONLY],
    },
  },
  [`${ONE_LOBBY}/host`]: {
    put: {
      id: "changeHost",
      tag: "members",
      summary: "Transfers the host role (the host), or claims it while the host is gone (a member).",
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
      responses: JOIN_RESPONSES,
      refusals: [...JOIN_REFUSALS, "code_invalid"],
    },
  },
  [`${GAME}/quick-join`]: {
    post: {
      id: "quickJoin",
      tag: "members",
      summary: "Joins any lobby that matches the filter, or creates one.",
      auth: "peer",
      rateLimit: "join",
      body: api.quickJoinRequest,
      responses: JOIN_RESPONSES,
      refusals: [...JOIN_REFUSALS, ...CREATE_REFUSALS, "no_open_lobby"],
    },
  },
  [`${ONE_LOBBY}/heartbeat`]: {
    post: {
      id: "heartbeat",
      tag: "messages",
      summary: "Keeps the peer's seat; for clients without a WebSocket.",
      auth: "peer",
      rateLimit: "beat",
      responses: { 204: NO_CONTENT },
      refusals: ["not_member", ...LOBBY_GONE],
    },
  },
  [`${ONE_LOBBY}/messages`]: {
    post: {
      id: "sendChat",
      tag: "messages",
      summary: "Sends a chat message to all members with a WebSocket.",
      auth: "peer",
      rateLimit: "chat",
      body: api.chatMessage,
      responses: { 202: { description: "The message was sent; it is not stored." } },
      refusals: ["not_member", "foreign_wire", ...LOBBY_GONE],
    },
  },
  [`${ONE_LOBBY}/signals`]: {
    post: {
      id: "sendSignal",
      tag: "messages",
      summary: "Sends an opaque message to one member.",
      auth: "peer",
      rateLimit: "signal",
      body: api.signalMessage,
      responses: { 202: { description: "The message was sent; it is not stored." } },
      refusals: ["not_member", "member_not_found", "foreign_wire", ...LOBBY_GONE],
    },
  },
};
