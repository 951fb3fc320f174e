/** Routes of a peer's own identity: what it holds, and new tokens for it. */
import { decodeTicket } from "#shared/auth/tickets.ts";
import { LOBBIES_PER_PEER_MAX, SEATS_PER_PEER_MAX, UDP_TOKEN_S } from "#shared/limits.ts";
import { peerToken, sign } from "../../../auth/tokens.ts";
import { problem } from "../../../problem.ts";
import type { Handler } from "../../context.ts";
import { callAllHubs, callForRequest } from "../../hub-client.ts";
import { peerId } from "../lobby-responses.ts";

export const readMe: Handler = async (c) => {
  const parts = await callAllHubs(c, "read", (hub, meta) => hub.readPeer(meta));
  if (parts instanceof Response) return parts;
  const [, token = ""] = (c.req.header("authorization") ?? "").split(" ");
  const { expires_at_s } = decodeTicket(token)!.ticket;
  return c.json({
    peer_id: peerId(c),
    expires_at: new Date(expires_at_s * 1_000).toISOString(),
    seats: parts.flatMap(({ seats }) => seats),
    ban: parts.find(({ ban }) => ban !== null)?.ban ?? null,
    limits: { lobbies_hosted_max: LOBBIES_PER_PEER_MAX, seats_max: SEATS_PER_PEER_MAX },
  });
};

/** The id stays the same, so seats, bans and friends' lists go on. */
export const renewTokens: Handler = async (c) => {
  const { game } = c.var;
  const peer = peerId(c);
  const admitted = await callForRequest(c, 0, "peers", (hub, meta) => hub.readPeer(meta));
  if (admitted instanceof Response) return admitted;
  const now = Date.now();
  const token = await peerToken(c.env, game, peer, now);
  const expires_at_s = Math.floor(now / 1_000) + UDP_TOKEN_S;
  const udp = await sign(c.env, { purpose: "udp", game, lobby: null, peer, expires_at_s });
  if (token === null || udp === null) return problem("hub_unavailable", "the hub has no key to sign with");
  const expires_at = new Date(token.expires_at_s * 1_000).toISOString();
  return c.json({ peer_id: peer, peer_token: token.text, udp_token: udp.text, expires_at }, 201, {
    location: `/v1/games/${game}/peers/me`,
  });
};
