/** Members of a lobby: they join, are admitted, tell of themselves, hand the lobby on, leave and are removed. */
import { hostTransfer, joinRequest, kickDetail, memberPatch } from "#shared/api/lobbies.ts";
import { constant, decodeValue, optional } from "#shared/schema/decode.ts";
import { isPeerId } from "#shared/lobby/ids.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { joinEvent } from "../lobby-events.ts";
import { problem } from "../../problem.ts";
import { applyToLobby, joinResponse, peerId, lobbyResponse } from "./lobby-responses.ts";

export const join: Handler = async (c) => {
  const body = await parseBody(c, joinRequest);
  if (body instanceof Response) return body;
  const event = await joinEvent(peerId(c), body.value, c.req.param("id") ?? "");
  if (event === "data_limit") return problem(event);
  const entry = await applyToLobby(c, "join", event);
  return entry instanceof Response ? entry : joinResponse(c, entry);
};

export const patchMember: Handler = async (c) => {
  const body = await parseBody(c, memberPatch);
  if (body instanceof Response) return body;
  const peer = peerId(c);
  if (c.req.param("peer") !== peer) return problem("not_member", "a member speaks for himself alone");
  const { name, ...rest } = body.value;
  const said = { ...rest, ...(name !== undefined && { display_name: name }) };
  const entry = await applyToLobby(c, "patch", { kind: "update_member", peer, ...said });
  return entry instanceof Response ? entry : c.json(entry.view!.roster.find(({ peer_id }) => peer_id === peer));
};

/** Oneself: leave. Somebody else: the host removes him, with `?ban=lobby` for good, and says why in `?reason=`. */
export const removeMember: Handler = async (c) => {
  const peer = peerNamed(c);
  if (peer instanceof Response) return peer;
  const by = peerId(c);
  const ban = decodeValue(c.req.query("ban"), "ban", optional(constant("lobby")));
  if (!ban.ok) return problem("invalid_request", ban.why);
  const reason = decodeValue(c.req.query("reason"), "reason", optional(kickDetail));
  if (!reason.ok) return problem("invalid_request", reason.why);
  const detail = reason.value === undefined ? {} : { detail: reason.value };
  const entry = await applyToLobby(
    c,
    "patch",
    peer === by
      ? { kind: "leave", peer, source: null }
      : { kind: "kick", peer, by, source: null, ban: ban.value === "lobby", ...detail },
  );
  return entry instanceof Response ? entry : c.body(null, 204);
};

export const admitApplicant: Handler = async (c) => {
  const peer = peerNamed(c);
  if (peer instanceof Response) return peer;
  const entry = await applyToLobby(c, "patch", { kind: "admit", by: peerId(c), peer });
  return entry instanceof Response ? entry : lobbyResponse(c, entry.view!);
};

/** The host turns him away, or he withdraws himself. */
export const removeApplicant: Handler = async (c) => {
  const peer = peerNamed(c);
  if (peer instanceof Response) return peer;
  const entry = await applyToLobby(c, "patch", { kind: "deny", by: peerId(c), peer });
  return entry instanceof Response ? entry : c.body(null, 204);
};

export const changeHost: Handler = async (c) => {
  const body = await parseBody(c, hostTransfer);
  if (body instanceof Response) return body;
  const { peer_id, expected_term } = body.value;
  const entry = await applyToLobby(c, "patch", { kind: "transfer_host", by: peerId(c), peer: peer_id, expected_term });
  return entry instanceof Response ? entry : lobbyResponse(c, entry.view!);
};

function peerNamed(c: Ctx): string | Response {
  const peer = c.req.param("peer") ?? "";
  return isPeerId(peer) ? peer : problem("member_not_found");
}
