/** JSON as a message: bounded as messages are, and never more than data. */
import { type JsonObject, parseObject, stringify } from "../util/bounded-json.ts";
import { MESSAGE_BYTES_MAX } from "../messages/limits.ts";

/** Deeper is nobody's game state, and parsers recurse. */
const NESTING_MAX = 64;
const BOUNDS = { bytes_max: MESSAGE_BYTES_MAX, nesting_max: NESTING_MAX };

/** Throws a TypeError where it is no JSON value, and a RangeError where it is larger or deeper than a message may be. */
export const jsonToBytes = (value: JsonObject): Uint8Array => Buffer.from(stringify(value, BOUNDS));

/** The object that a peer sent, or null where it is none. Never throws. */
export const bytesToJson = (bytes: Uint8Array): JsonObject | null => parseObject(bytes, BOUNDS);
