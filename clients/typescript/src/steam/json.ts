/** JSON as the payload of messages, with the bounds of messages. */
import { type JsonObject, parseObject, stringify } from "../util/bounded-json.ts";
import { MESSAGE_BYTES_MAX } from "../messages/limits.ts";

/** No game state is nested deeper, and parsers recurse. */
const NESTING_MAX = 64;
const BOUNDS = { bytes_max: MESSAGE_BYTES_MAX, nesting_max: NESTING_MAX };

/** Throws a TypeError for a value that is not JSON, and a RangeError for one that exceeds the bounds. */
export const jsonToBytes = (value: JsonObject): Uint8Array => Buffer.from(stringify(value, BOUNDS));

/** Parses a peer's payload. Returns null if it is no JSON object. Never throws. */
export const bytesToJson = (bytes: Uint8Array): JsonObject | null => parseObject(bytes, BOUNDS);
