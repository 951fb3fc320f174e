/** A host who speaks no HTTP in the lists: what a step of the core makes of his wish, and how he is joined. */
import type { LobbyView } from "#shared/api/lobbies.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import type { Hello } from "#shared/link/messages.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { isListed } from "#shared/listing/listing.ts";
import { hostOf } from "#shared/lobby/transitions.ts";
import { viewOf } from "#shared/api/views.ts";
import type { LobbyTransaction } from "./lobby-index.ts";
import { refusalOf } from "./lobby-commands.ts";
import type { Outcome } from "../http/hub-client.ts";
import type { Sidecars } from "./link/sidecar-registry.ts";

type Publishing = Event & { kind: "publish" };
/** As strangers see it, and whether they see it in lists for the first time. */
export type Published = { readonly view: LobbyView; readonly fresh: boolean };

/** Hosts that hang on a connection leave the lists with their sidecar's link, not a grace later. */
export const isOnShow = (lobby: Lobby): boolean => lobby.policy.tethered === true && isListed(lobby);

/** Applies it to a draft; what is refused is known at once, what it made only when the draft is kept. */
export function publishing(draft: LobbyTransaction, lobby: Lobby, event: Publishing, sidecars: Sidecars) {
  const sidecar = hostOf(lobby)?.source?.sidecar;
  const hello = sidecar === undefined ? undefined : sidecars.row(sidecar)?.hello;
  const join_uri = hello === undefined ? null : joinUri(hello, lobby.name);
  return refusalOf(draft, () => draft.applyTo(lobby, { ...event, ...(join_uri !== null && { join_uri }) }));
}

export function published(before: Lobby, after: Lobby | undefined): Outcome<Published> {
  const view = after === undefined ? null : viewOf(after, null);
  return view === null
    ? { refused: "lobby_not_found" }
    : { value: { view, fresh: before.visibility !== "public" && view.visibility === "public" } };
}

/** Null where the sidecar does not know its own address. The addon speaks IPv4. */
function joinUri({ addresses, noray }: Hello, oid: string): string | null {
  const address = addresses.find(isIPv4);
  return address === undefined || noray === undefined ? null : `noray://${address}:${noray}/${oid}`;
}
