/** The messages with which sidecars get and keep their copy of the directory (shared/listing/directory.ts). */
import type { Directory, Hello } from "#shared/link/messages.ts";
import { type DirectoryChange, directoryChangeOf, directoryEntryOf } from "#shared/listing/directory.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import type { LobbyChange } from "../change-listener.ts";
import { chunk } from "./messages.ts";

export const wantsDirectory = ({ directory }: Hello): boolean => directory === true;

/** The whole directory, for a sidecar that linked. */
export function directoryOf(lobbies: readonly Lobby[]): Directory[] {
  const items = lobbies.flatMap((lobby) => directoryEntryOf(lobby) ?? []);
  return chunk<DirectoryChange>(items).map((frame, at) => ({ t: "directory", reset: at === 0, items: frame }));
}

/** The changes of the directory by one commit; none where it has not changed. */
export function directoryChanges(changes: readonly LobbyChange[]): Directory[] {
  const items = changes.flatMap(({ old, next }) => directoryChangeOf(old, next) ?? []);
  if (items.length === 0) return [];
  return chunk<DirectoryChange>(items).map((frame) => ({ t: "directory", reset: false, items: frame }));
}
