/**
 * Which lists changed in this isolate. With plain workerd the hubs are in the Worker's isolate, so a Worker that keeps
 * responses never returns an old list there. At Cloudflare a hub may be elsewhere: then the kept response expires.
 */
import { LIST_CHANGES_KEPT_MAX } from "#shared/limits.ts";

const versions = new Map<string, number>();
let newest = 0;
/** The version of every game that is not in the map. */
let forgotten = 0;

/** The list of a game may have changed. Called by its hubs. */
export function recordListChange(game: string): void {
  if (versions.size >= LIST_CHANGES_KEPT_MAX) {
    versions.clear();
    forgotten = ++newest;
  }
  versions.set(game, ++newest);
}

/** Rises with every change of the game's list that this isolate knows of. */
export const listVersion = (game: string): number => versions.get(game) ?? forgotten;
