/** Decoders of fields that several schemas share, so that each format is defined once. */
import { anyOf, flag, integer, number, text } from "../schema/decode.ts";
import { VALUE_LENGTH_MAX, VERSION_LENGTH_MAX } from "../limits.ts";
import { LOBBY_ID_PATTERN, PEER_PATTERN } from "./ids.ts";

export const peerId = text(40, PEER_PATTERN);
export const lobbyId = text(43, LOBBY_ID_PATTERN);
/** RFC 3339 UTC. */
export const time = text(32, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
export const count = integer(0, Number.MAX_SAFE_INTEGER);
/** Version of a game. */
export const gameVersion = text(VERSION_LENGTH_MAX, /^[\x21-\x7e]+$/);
/** A value of custom data. */
export const dataValue = anyOf("text, a number, true or false", text(VALUE_LENGTH_MAX, /^[^\p{Cs}]*$/u), number, flag);
