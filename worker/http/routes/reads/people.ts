/** Reads the members and the applicants of a lobby. */
import type { LobbyView } from "#shared/api/lobbies.ts";
import { isPeerId } from "#shared/lobby/ids.ts";
import type { Ctx, Handler } from "../../context.ts";
import { callForRequest } from "../../hub-client.ts";
import { problem } from "../../../problem.ts";
import { lobbyInPath } from "../lobby-responses.ts";

export const listMembers: Handler = async (c) => {
  const view = await lobbyFor(c);
  return view instanceof Response ? view : c.json({ members: view.members });
};

export const readMember: Handler = async (c) => {
  const view = await lobbyFor(c);
  if (view instanceof Response) return view;
  const member = view.members.find(({ peer_id }) => peer_id !== null && peer_id === c.req.param("peer"));
  return member === undefined ? problem("member_not_found") : c.json(member);
};

/** Only the host's view of a lobby has applicants. */
export const listApplicants: Handler = async (c) => {
  const view = await lobbyFor(c);
  if (view instanceof Response) return view;
  return view.applicants === undefined ? problem("not_host") : c.json({ applicants: view.applicants });
};

export const readApplication: Handler = async (c) => {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  const peer = c.req.param("peer") ?? "";
  if (!isPeerId(peer)) return problem("applicant_not_found");
  const read = await callForRequest(c, lobby.shard, "read", (hub, meta) => hub.getApplication(meta, lobby.id, peer));
  return read instanceof Response ? read : c.json(read);
};

/** The lobby in the path, as the reader may see it. */
async function lobbyFor(c: Ctx): Promise<LobbyView | Response> {
  const lobby = lobbyInPath(c);
  if (lobby === null) return problem("lobby_not_found");
  return callForRequest(c, lobby.shard, "read", (hub, meta) => hub.getLobby(meta, lobby.id));
}
