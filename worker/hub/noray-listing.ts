/** A host who speaks no HTTP in the lists: what a step of the core makes of his wish, and how he is joined. */
import { isIPv4 } from "#shared/net/endpoint.ts";
import type { Hello } from "#shared/link/messages.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { isListed } from "#shared/listing/listing.ts";
import { hostOf } from "#shared/lobby/transitions.ts";
import { lobbyView } from "#shared/api/views.ts";
import type { LobbyTransaction } from "./lobby-index.ts";
import { refusalFrom } from "./lobby-commands.ts";
import type { SidecarRegistry } from "./link/sidecar-registry.ts";
import type { NorayListing, Outcome } from "../rpc.ts";

type PublishEvent = Event & { kind: "publish" };

/** Hosts that hang on a connection leave the lists with their sidecar's link, not a grace later. */
export const isTetheredAndListed = (lobby: Lobby): boolean => lobby.policy.tethered === true && isListed(lobby);

/** Applies it to a draft; what is refused is known at once, what it made only when the draft is kept. */
export function listNorayHost(draft: LobbyTransaction, lobby: Lobby, event: PublishEvent, sidecars: SidecarRegistry) {
  const sidecar = hostOf(lobby)?.source?.sidecar;
  const hello = sidecar === undefined ? undefined : sidecars.row(sidecar)?.hello;
  const join_uri = hello === undefined ? null : joinUri(hello, lobby.name);
  return refusalFrom(draft, () => draft.applyTo(lobby, { ...event, ...(join_uri !== null && { join_uri }) }));
}

export function toListed(before: Lobby, after: Lobby | undefined): Outcome<NorayListing> {
  const view = after === undefined ? null : lobbyView(after, null);
  return view === null
    ? { refused: "lobby_not_found" }
    : { value: { view, newly_listed: before.visibility !== "public" && view.visibility === "public" } };
}

/** Null where the sidecar does not know its own address. The addon speaks IPv4. */
function joinUri({ addresses, noray }: Hello, oid: string): string | null {
  const address = addresses.find(isIPv4);
  return address === undefined || noray === undefined ? null : `noray://${address}:${noray}/${oid}`;
}
