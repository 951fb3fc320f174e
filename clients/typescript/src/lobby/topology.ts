/** Which members of a lobby connect by themselves. */
import type { MemberPeer } from "../api/member-paths.ts";
import type { LobbyMembership } from "./membership.ts";

/** `mesh`: each member with every other. `star`: each member with the host. `none`: the game calls `connect`. */
export type Topology = "mesh" | "star" | "none";

/** A member that joins requests its connections. Those that were there before accept them. */
export function connectMembers<P extends MemberPeer>(membership: LobbyMembership<P>, topology: Topology): void {
  const connect = (id: string): void => {
    // A member that denies, or has gone, is no fault of the game. The next snapshot repeats the request.
    membership.connect(id).catch(() => {});
  };
  if (topology === "mesh") membership.on("opened", () => membership.others.forEach((id) => connect(id)));
  if (topology !== "star") return;
  let host: string | null = null;
  const connectHost = (): void => {
    host = membership.lobby.host;
    if (host !== null && membership.others.includes(host)) connect(host);
  };
  membership.on("opened", connectHost);
  membership.on("lobby", () => void (membership.lobby.host !== host && connectHost()));
}
