/**
 * Issues identities. A peer is anonymous and gets a random id, or it has a proof and gets the id that belongs to its
 * identity. The hub stores nothing.
 *
 *     POST /v1/games/{game}/peers  {proof?}    -> 201 {peer_id, peer_token, udp_token, expires_at, sidecars}
 */
import { type IdentityProof, newPeer } from "#shared/api/identity.ts";
import { UDP_TOKEN_S } from "#shared/limits.ts";
import { identityOf, parseIdentity } from "#shared/settings/identity.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { callForRequest } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { provedPeer } from "../../auth/identity/durable-peer.ts";
import { randomId } from "../../auth/random.ts";
import { peerToken, sign } from "../../auth/tokens.ts";

export const createPeer: Handler = async (c) => {
  const body = await parseBody(c, newPeer);
  if (body instanceof Response) return body;
  const { game } = c.var;
  // First, because it counts the request: a proof costs a request to its provider.
  const sidecars = await callForRequest(c, 0, "peers", (hub, meta) => hub.listSidecars(meta));
  if (sidecars instanceof Response) return sidecars;
  const peer = await identify(c, body.value.proof);
  if (peer instanceof Response) return peer;
  const now = Date.now();
  const expires_at_s = Math.floor(now / 1_000) + UDP_TOKEN_S;
  const token = await peerToken(c.env, game, peer, now);
  const udp = await sign(c.env, { purpose: "udp", game, lobby: null, peer, expires_at_s });
  if (token === null || udp === null) return problem("hub_unavailable", "the hub has no key to sign with");
  const expires_at = new Date(token.expires_at_s * 1_000).toISOString();
  return c.json({ peer_id: peer, peer_token: token.text, udp_token: udp.text, expires_at, sidecars }, 201, {
    location: `/v1/games/${game}/peers/me`,
  });
};

/** The id of the new peer. That of a proof may be banned. */
async function identify(c: Ctx, proof: IdentityProof | undefined): Promise<string | Response> {
  const { IDENTITY = "", IDENTITY_KEY: key = "" } = c.env;
  const { game } = c.var;
  const configured = identityOf(parseIdentity(IDENTITY, key), game);
  if (proof === undefined) return configured?.required === true ? problem("identity_required") : randomId();
  if (configured === null) return problem("identity_invalid", "this game has no provider of identities");
  const proved = await provedPeer(configured, { game, key }, proof, Date.now());
  if ("refused" in proved) return problem(proved.refused);
  c.set("peer", proved.peer);
  const admitted = await callForRequest(c, 0, "peers", (hub, meta) => hub.readPeer(meta));
  return admitted instanceof Response ? admitted : proved.peer;
}
