/** The STUN and TURN servers for a browser that has a seat in a lobby of the game. */
import type { IceServers } from "#shared/api/ice-servers.ts";
import type { SidecarView } from "#shared/api/service.ts";
import { STUN_SIDECARS_MAX, TURN_CREDENTIAL_S } from "#shared/limits.ts";
import { parseTurn } from "#shared/settings/turn.ts";
import { turnCredential } from "../../../auth/turn.ts";
import { problem } from "../../../problem.ts";
import type { Handler } from "../../context.ts";
import { callAllHubs, callForRequest } from "../../hub-client.ts";
import { peerId } from "../lobby-responses.ts";

/** A TURN server relays for everybody who has credentials, so only members get them. */
export const readIceServers: Handler = async (c) => {
  const { servers, faults } = parseTurn(c.env.TURN_URLS ?? "", c.env.TURN_SECRET ?? "");
  for (const message of faults) console.error({ message });
  const parts = await callAllHubs(c, "read", (hub, meta) => hub.readPeer(meta));
  if (parts instanceof Response) return parts;
  if (parts.every(({ seats }) => seats.length === 0)) return problem("not_member");
  const sidecars = await callForRequest(c, 0, "read", (hub, meta) => hub.listSidecars(meta));
  if (sidecars instanceof Response) return sidecars;
  const expires_at_s = Math.floor(Date.now() / 1_000) + TURN_CREDENTIAL_S;
  const urls = sidecars.slice(0, STUN_SIDECARS_MAX).flatMap((sidecar) => stunUrls(sidecar));
  const ice_servers: IceServers["ice_servers"][number][] = urls.length === 0 ? [] : [{ urls }];
  if (servers !== null) {
    const credential = await turnCredential(servers.secret, peerId(c), expires_at_s);
    ice_servers.push({ urls: [...servers.urls], ...credential });
  }
  const expires_at = new Date(expires_at_s * 1_000).toISOString();
  return c.json({ ice_servers, expires_at, lifetime_s: TURN_CREDENTIAL_S } satisfies IceServers);
};

/** One port per address family: browsers ask all of them. */
function stunUrls({ v4, v6, ports }: SidecarView): string[] {
  const port = ports[0]?.port;
  if (port === undefined) return [];
  return [...v4.slice(0, 1), ...v6.slice(0, 1).map((address) => `[${address}]`)].map((host) => `stun:${host}:${port}`);
}
