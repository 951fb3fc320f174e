/** Lobbies of noray hosts, which speak no HTTP, in the lobby list: how one is listed, and its join URI. */
import { isIPv4 } from "#shared/net/endpoint.ts";
import type { Hello } from "#shared/link/messages.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { hostOf } from "#shared/lobby/transitions.ts";
import { lobbyView } from "#shared/api/views.ts";
import type { LobbyTransaction } from "./lobby-index.ts";
import { refusalFrom } from "./lobby-commands.ts";
import type { SidecarRegistry } from "./link/sidecar-registry.ts";
import type { NorayListing, Outcome } from "../rpc.ts";

type PublishEvent = Event & { kind: "publish" };

/** Applies the event to a transaction and returns its refusal. The result is known after the commit. */
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

/** Null if the sidecar does not know its own address. The Godot addon supports only IPv4. */
function joinUri({ addresses, noray }: Hello, oid: string): string | null {
  const address = addresses.find(isIPv4);
  return address === undefined || noray === undefined ? null : `noray://${address}:${noray}/${oid}`;
}
