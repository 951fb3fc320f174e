/** A host who speaks no HTTP in the lists: what a step of the core makes of his wish, and how he is joined. */
import type { LobbyView } from "#shared/api.ts";
import { isIPv4 } from "#shared/endpoint.ts";
import type { Hello } from "#shared/link.ts";
import type { Event, Lobby } from "#shared/lobby.ts";
import { isListed } from "#shared/listing.ts";
import { hostOf } from "#shared/changes.ts";
import { viewOf } from "#shared/views.ts";
import type { Draft } from "./directory.ts";
import { refusalOf } from "./natives.ts";
import type { Outcome } from "./pass.ts";
import type { Sidecars } from "./sidecars.ts";

type Publishing = Event & { kind: "publish" };
/** As strangers see it, and whether they see it in lists for the first time. */
export type Published = { readonly view: LobbyView; readonly fresh: boolean };

/** Hosts that hang on a connection leave the lists with their sidecar's link, not a grace later. */
export const isOnShow = (lobby: Lobby): boolean => lobby.policy.tethered === true && isListed(lobby);

/** Applies it to a draft; what is refused is known at once, what it made only when the draft is kept. */
export function publishing(draft: Draft, lobby: Lobby, event: Publishing, sidecars: Sidecars) {
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
