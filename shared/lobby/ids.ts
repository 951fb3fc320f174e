/**
 * Which hub of a game holds a lobby. Names decide on the wires where players choose them, so that the sidecar and
 * the Worker come to the same answer without asking; a lobby's id carries the answer with it.
 */
import { CODE_LENGTH, SHARDS_MAX } from "../limits.ts";
import type { Wire } from "./lobby.ts";

/**
 * FNV-1a, 32 bits, over UTF-16 units: stable for ever, because stored names hang on it. Natively a lobby may be named by
 * its id, which says it.
 */
export function shardOf(wire: Wire, name: string, shards: number): number {
  const own = wire === "native" ? shardOfId(name) : null;
  if (own !== null && own < shards) return own;
  let hash = 0x811c9dc5;
  const text = `${wire}/${name}`;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % shards;
}

/** `{shard in base 36}-{random}`: 128 random bits, because the id alone finds an unlisted lobby. */
export const lobbyId = (shard: number, random: string): string => `${shard.toString(36)}-${random}`;

export const LOBBY_ID_PATTERN = /^([0-9a-z]{1,2})-[0-9a-z]{20,40}$/;

/** The shard an id names, or null where the text is no lobby id. */
export function shardOfId(id: string): number | null {
  const match = LOBBY_ID_PATTERN.exec(id);
  const shard = match === null ? SHARDS_MAX : Number.parseInt(match[1]!, 36);
  return shard < SHARDS_MAX ? shard : null;
}

export const isLobbyId = (id: string): boolean => shardOfId(id) !== null;

/** A peer's public name for himself: random, of no shard, and it grants nothing. */
export const PEER_PATTERN = /^[0-9a-z]{20,40}$/;
export const isPeerId = (id: string): boolean => PEER_PATTERN.test(id);

// --- join codes ------------------------------------------------------------------------------------------------

/** 32 that nobody mistakes for one another, on paper or by voice: no I, O, 0 or 1. */
const LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
export const CODES = LETTERS.length ** CODE_LENGTH;

/** A join code: a number below `CODES` whose rest tells the shard, so that one hub is asked and not all of them. */
export function joinCode(shard: number, shards: number, random: number): string {
  const near = random - (random % shards) + shard;
  let number = near < CODES ? near : near - shards;
  let code = "";
  for (; code.length < CODE_LENGTH; number = Math.floor(number / LETTERS.length)) {
    code = LETTERS[number % LETTERS.length]! + code;
  }
  return code;
}

/** The code as it is stored, of what somebody typed: any case, with blanks and hyphens; null where it is none. */
export function canonicalCode(typed: string): string | null {
  const code = typed.replaceAll(/[\s-]/g, "").toUpperCase();
  return new RegExp(`^[${LETTERS}]{${CODE_LENGTH}}$`).test(code) ? code : null;
}

/** Of a canonical code. */
export const shardOfCode = (code: string, shards: number): number =>
  Array.from(code).reduce((number, letter) => number * LETTERS.length + LETTERS.indexOf(letter), 0) % shards;
