/** Routes for members of a lobby: join, admit, update, transfer the host role, leave, kick. */
import { hostTransfer, joinRequest, memberPatch, removal } from "#shared/api/lobbies.ts";
import { fromRelayPolicy } from "#shared/lobby/relay-policy.ts";
import { isPeerId } from "#shared/lobby/ids.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { joinEvent } from "../lobby-events.ts";
import { problem } from "../../problem.ts";
import {
  applyToLobby,
  applyWithPassword,
  destinationInPath,
  joinResponse,
  peerId,
  lobbyResponse,
} from "./lobby-responses.ts";

export const join: Handler = async (c) => {
  const body = await parseBody(c, joinRequest);
  if (body instanceof Response) return body;
  const to = destinationInPath(c, "join");
  if (to === null) return problem("lobby_not_found");
  const event = joinEvent(peerId(c), body.value);
  if (event === "data_limit") return problem(event);
  const result = await applyWithPassword(c, to, event, body.value.password);
  return result instanceof Response ? result : joinResponse(c, result);
};

export const patchMember: Handler = async (c) => {
  const body = await parseBody(c, memberPatch);
  if (body instanceof Response) return body;
  const peer = peerId(c);
  if (c.req.param("peer") !== peer) return problem("not_member", "a member can change only its own result");
  const { name, relay, ...rest } = body.value;
  const update = {
    ...rest,
    ...(name !== undefined && { display_name: name }),
    ...(relay !== undefined && { addresses: fromRelayPolicy(relay) }),
  };
  const result = await applyToLobby(c, "patch", { kind: "update_member", peer, ...update });
  return result instanceof Response ? result : c.json(result.view!.members.find(({ peer_id }) => peer_id === peer));
};

/** A peer that names itself leaves. The host removes another peer, which may join again. */
export const removeMember: Handler = async (c) => {
  const peer = peerNamed(c);
  if (peer instanceof Response) return peer;
  const by = peerId(c);
  const result = await applyToLobby(
    c,
    "patch",
    peer === by ? { kind: "leave", peer, source: null } : { kind: "kick", peer, by, source: null, ban: false },
  );
  return result instanceof Response ? result : c.body(null, 204);
};

export const kickMember: Handler = (c) => removeByHost(c, false);
export const banMember: Handler = (c) => removeByHost(c, true);

async function removeByHost(c: Ctx, ban: boolean): Promise<Response> {
  const body = await parseBody(c, removal);
  if (body instanceof Response) return body;
  const { peer_id: peer, message } = body.value;
  const detail = message === undefined ? {} : { detail: message };
  const result = await applyToLobby(c, "patch", { kind: "kick", peer, by: peerId(c), source: null, ban, ...detail });
  return result instanceof Response ? result : c.body(null, 204);
}

export const admitApplicant: Handler = async (c) => {
  const peer = peerNamed(c);
  if (peer instanceof Response) return peer;
  const result = await applyToLobby(c, "patch", { kind: "admit", by: peerId(c), peer });
  return result instanceof Response ? result : lobbyResponse(c, result.view!);
};

/** The host denies an applicant, or the applicant withdraws. */
export const removeApplicant: Handler = async (c) => {
  const peer = peerNamed(c);
  if (peer instanceof Response) return peer;
  const result = await applyToLobby(c, "patch", { kind: "deny", by: peerId(c), peer });
  return result instanceof Response ? result : c.body(null, 204);
};

export const changeHost: Handler = async (c) => {
  const body = await parseBody(c, hostTransfer);
  if (body instanceof Response) return body;
  const { peer_id, expected_term } = body.value;
  const result = await applyToLobby(c, "patch", { kind: "transfer_host", by: peerId(c), peer: peer_id, expected_term });
  return result instanceof Response ? result : lobbyResponse(c, result.view!);
};

function peerNamed(c: Ctx): string | Response {
  const peer = c.req.param("peer") ?? "";
  return isPeerId(peer) ? peer : problem("member_not_found");
}
