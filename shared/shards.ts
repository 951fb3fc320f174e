/**
 * Which hub of a game holds a lobby. Names decide on the wires where players choose them, so that the sidecar and
 * the Worker come to the same answer without asking; a lobby's id carries the answer with it.
 */
import { SHARDS_MAX } from "./limits.ts";
import type { Wire } from "./lobby.ts";

/** FNV-1a, 32 bits, over UTF-16 units: stable for ever, because stored names hang on it. */
export function shardOf(wire: Wire, name: string, shards: number): number {
  let hash = 0x811c9dc5;
  const text = `${wire}/${name}`;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % shards;
}

/** `{shard in base 36}-{random}`: 128 random bits, because the id alone finds an unlisted lobby. */
export const lobbyId = (shard: number, random: string): string => `${shard.toString(36)}-${random}`;

/** The shard an id names, or null where the text is no lobby id. */
export function shardOfId(id: string): number | null {
  const match = /^([0-9a-z]{1,2})-[0-9a-z]{20,40}$/.exec(id);
  const shard = match === null ? SHARDS_MAX : Number.parseInt(match[1]!, 36);
  return shard < SHARDS_MAX ? shard : null;
}

export const isLobbyId = (id: string): boolean => shardOfId(id) !== null;

/** A peer's public name for himself: random, of no shard, and it grants nothing. */
export const PEER_PATTERN = /^[0-9a-z]{20,40}$/;
export const isPeerId = (id: string): boolean => PEER_PATTERN.test(id);
