/** The state of one application, for the host and for the applicant itself. */
import type { ApplicationView } from "#shared/api/reads.ts";
import { isMember } from "#shared/api/views.ts";
import { applicantExpiresAt } from "#shared/lobby/expiry.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { isHost } from "#shared/lobby/transitions.ts";
import type { Outcome } from "../../rpc.ts";

export function applicationOf(lobby: Lobby | undefined, reader: string, peer: string): Outcome<ApplicationView> {
  if (lobby === undefined) return { refused: "lobby_not_found" };
  const applicant = lobby.applicants.find((one) => one.peer === peer);
  const isOwn = reader === peer && (applicant !== undefined || isMember(lobby, peer));
  if (!isOwn && !isHost(lobby, null, reader)) {
    const hidden = lobby.visibility === "private" && !isMember(lobby, reader);
    return { refused: hidden ? "lobby_not_found" : reader === peer ? "applicant_not_found" : "not_host" };
  }
  const ids = { lobby_id: lobby.id, peer_id: peer };
  if (isMember(lobby, peer)) return { value: { status: "admitted", ...ids } };
  if (applicant === undefined) return { refused: "applicant_not_found" };
  const expires_at = new Date(applicantExpiresAt(applicant)).toISOString();
  return { value: { status: applicant.denied ? "denied" : "pending", ...ids, expires_at } };
}
