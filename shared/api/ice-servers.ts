/**
 * API schema of the servers that a browser needs for ICE (RFC 8445), in the form that `RTCPeerConnection` takes:
 *
 *     GET /v1/games/{game}/ice-servers    -> iceServers    the game's STUN ports, and the operator's TURN servers
 */
import { list, object, optional, type Shape, text } from "../schema/decode.ts";
import { ICE_SERVERS_MAX, ICE_URLS_MAX, URL_LENGTH_MAX } from "../limits.ts";
import { count, time } from "../lobby/fields.ts";

export const iceServers = object({
  ice_servers: list(
    object({
      urls: list(text(URL_LENGTH_MAX, /^(stun|turns?):\S+$/), ICE_URLS_MAX),
      username: optional(text(96)),
      credential: optional(text(64)),
    }),
    ICE_SERVERS_MAX,
  ),
  /** When the credentials expire. A path that uses them continues. */
  expires_at: time,
  /** The same as a duration, for a reader whose clock is wrong. */
  lifetime_s: count,
});
export type IceServers = Shape<typeof iceServers>;
