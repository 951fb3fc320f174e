/**
 * Issues identities. A peer is anonymous: it gets a random id and a token that proves it. The hub stores nothing.
 *
 *     POST /v1/games/{game}/peers      -> 201 {peer_id, peer_token, udp_token, expires_at, sidecars}
 */
import { UDP_TOKEN_S } from "#shared/limits.ts";
import type { Handler } from "../context.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { randomId } from "../../auth/random.ts";
import { peerToken, sign } from "../../auth/tokens.ts";

export const createPeer: Handler = async (c) => {
  const { game } = c.var;
  const now = Date.now();
  const peer = randomId();
  const expires_at_s = Math.floor(now / 1_000) + UDP_TOKEN_S;
  const token = await peerToken(c.env, game, peer, now);
  const udp = await sign(c.env, { purpose: "udp", game, lobby: null, peer, expires_at_s });
  if (token === null || udp === null) return problem("hub_unavailable", "the hub has no key to sign with");
  const sidecars = await callForRequest(c, 0, "peers", (hub, meta) => hub.listSidecars(meta));
  if (sidecars instanceof Response) return sidecars;
  const expires_at = new Date(token.expires_at_s * 1_000).toISOString();
  return c.json({ peer_id: peer, peer_token: token.text, udp_token: udp.text, expires_at, sidecars }, 201, {
    location: `/v1/games/${game}/peers/me`,
  });
};
