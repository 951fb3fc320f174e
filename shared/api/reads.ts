/**
 * API schemas of what a peer reads without joining, or besides the lobby itself. Routes are under /v1/games/{game}:
 *
 *     GET /lobbies/by-code/{code}               -> summary         what a join code leads to
 *     GET /lobbies/by-key/{key}                 -> summary         the lobby of a key
 *     GET /lobbies/{id}/members                 -> memberList
 *     GET /lobbies/{id}/members/{peer}          -> member
 *     GET /lobbies/{id}/applicants              -> applicantList   host
 *     GET /lobbies/{id}/applicants/{peer}       -> application     host, or the applicant itself
 *     GET /nat?reach={reach}                    -> natView         the peer's own NAT, from its receipts
 */
import { list, nullable, object, oneOf, optional, type Shape, text } from "../schema/decode.ts";
import { APPLICANTS_PER_LOBBY_MAX, SEATS_MAX } from "../limits.ts";
import { lobbyId, peerId, time } from "../lobby/fields.ts";
import { NAT_LABELS } from "../connect/nat-text.ts";
import { applicant, member } from "./lobbies.ts";

export const memberList = object({ members: list(member, SEATS_MAX) });
export const applicantList = object({ applicants: list(applicant, APPLICANTS_PER_LOBBY_MAX) });

/** `pending`: the host has not decided yet. An application that expired is gone, like one that was withdrawn. */
export const application = object({
  status: oneOf("pending", "admitted", "denied"),
  lobby_id: lobbyId,
  peer_id: peerId,
  /** When a pending one expires, or a denied peer can apply again. */
  expires_at: optional(time),
});
export type ApplicationView = Shape<typeof application>;

const nat = object({
  /** As in the pairs of `GET /stats`. */
  type: oneOf(...NAT_LABELS),
  /** For a player: what it means for connections. */
  message: text(256),
  /** RFC 4787; null where the receipts do not tell. */
  mapping: nullable(oneOf("independent", "per_address", "per_port")),
  filtering: nullable(oneOf("independent", "address", "port")),
  port_allocation: nullable(oneOf("preserving", "sequential", "random")),
});
/** By address family; null without a receipt of that family. */
export const natView = object({ ipv4: nullable(nat), ipv6: nullable(nat) });
export type NatView = Shape<typeof natView>;
