/**
 * Ids of lobbies and peers, join codes, and the shard of each. A name hashes to its shard, and a lobby's id contains it,
 * so that sidecar and Worker find the hub of a lobby without a lookup.
 */
import { CODE_LENGTH, SHARDS_MAX } from "../limits.ts";
import type { Wire } from "./lobby.ts";

/**
 * FNV-1a, 32 bits, over UTF-16 units. It must never change, because stored lobbies are found by it. A native lobby's
 * name may be its id, which contains the shard.
 */
export function shardOf(wire: Wire, name: string, shards: number): number {
  const own = wire === "native" ? shardOfId(name) : null;
  if (own !== null && own < shards) return own;
  let hash = 0x811c9dc5;
  const text = `${wire}/${name}`;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % shards;
}

/** `{shard in base 36}-{random}`: 128 random bits, because knowing the id is enough to find an unlisted lobby. */
export const lobbyId = (shard: number, random: string): string => `${shard.toString(36)}-${random}`;

export const LOBBY_ID_PATTERN = /^([0-9a-z]{1,2})-[0-9a-z]{20,40}$/;

/** The shard in an id, or null where the text is no lobby id. */
export function shardOfId(id: string): number | null {
  const match = LOBBY_ID_PATTERN.exec(id);
  const shard = match === null ? SHARDS_MAX : Number.parseInt(match[1]!, 36);
  return shard < SHARDS_MAX ? shard : null;
}

export const isLobbyId = (id: string): boolean => shardOfId(id) !== null;

/** A peer's public id: random, without a shard, and no credential. */
export const PEER_PATTERN = /^[0-9a-z]{20,40}$/;
export const isPeerId = (id: string): boolean => PEER_PATTERN.test(id);

// --- join codes ------------------------------------------------------------------------------------------------

/** 32 characters that are hard to confuse: no I, O, 0 or 1. */
const LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
export const CODES = LETTERS.length ** CODE_LENGTH;

/** A join code: a number below `CODES` whose remainder is the shard, so that one hub is asked instead of all. */
export function joinCode(shard: number, shards: number, random: number): string {
  const candidate = random - (random % shards) + shard;
  let number = candidate < CODES ? candidate : candidate - shards;
  let code = "";
  for (; code.length < CODE_LENGTH; number = Math.floor(number / LETTERS.length)) {
    code = LETTERS[number % LETTERS.length]! + code;
  }
  return code;
}

/** The stored form of a typed code (any case, spaces, hyphens), or null where it is no code. */
export function canonicalCode(typed: string): string | null {
  const code = typed.replaceAll(/[\s-]/g, "").toUpperCase();
  return new RegExp(`^[${LETTERS}]{${CODE_LENGTH}}$`).test(code) ? code : null;
}

/** The shard of a canonical code. */
export const shardOfCode = (code: string, shards: number): number =>
  Array.from(code).reduce((number, letter) => number * LETTERS.length + LETTERS.indexOf(letter), 0) % shards;
