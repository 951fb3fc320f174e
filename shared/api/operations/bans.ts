/** The HTTP operations by which a host sets, reads and lifts the bans of its lobby. */
import { lobbyBanList } from "../bans.ts";
import { removal } from "../lobbies.ts";
import { HOST_ONLY, NO_CONTENT, ONE_LOBBY, type Operations } from "./operation.ts";

export const BAN_OPERATIONS: Operations = {
  [`${ONE_LOBBY}/bans`]: {
    post: {
      id: "banMember",
      tag: "members",
      summary: "Removes a member, which cannot join this lobby again; for the host.",
      auth: "peer",
      rateLimit: "patch",
      body: removal,
      responses: { 204: NO_CONTENT },
      refusals: ["member_not_found", ...HOST_ONLY],
    },
    get: {
      id: "listLobbyBans",
      tag: "members",
      summary: "Lists the bans of the lobby; for the host.",
      auth: "peer",
      rateLimit: "read",
      responses: { 200: { description: "The bans, the newest first.", body: lobbyBanList } },
      refusals: ["not_member", ...HOST_ONLY],
    },
  },
  [`${ONE_LOBBY}/bans/{peer}`]: {
    delete: {
      id: "unbanMember",
      tag: "members",
      summary: "Lifts a ban; for the host.",
      auth: "peer",
      rateLimit: "patch",
      responses: { 204: NO_CONTENT },
      refusals: ["ban_not_found", "member_not_found", ...HOST_ONLY],
    },
  },
};
