/**
 * Which games changed in this isolate. With plain workerd the hubs are in the Worker's isolate, so a Worker that keeps
 * responses never returns an old one there. At Cloudflare a hub may be elsewhere: then the kept response expires.
 */
import { GAME_CHANGES_KEPT_MAX } from "#shared/limits.ts";

export type GameChange = {
  /** Rises with every change. */
  readonly version: number;
  /** When it was (ms). */
  readonly at: number;
};

const changes = new Map<string, GameChange>();
/** The last change of every game that is not in the map. */
let forgotten: GameChange = { version: 0, at: -Infinity };
let newest = 0;

/** A lobby of the game changed. Called by its hubs. */
export function recordChange(game: string): void {
  const change = { version: ++newest, at: Date.now() };
  if (changes.size >= GAME_CHANGES_KEPT_MAX) {
    changes.clear();
    forgotten = change;
  }
  changes.set(game, change);
}

/** The last change of the game that this isolate knows of. */
export const lastChange = (game: string): GameChange => changes.get(game) ?? forgotten;
