/**
 * JSON with bounds. Input from peers is measured before it is parsed. Output is measured in the same way, so that no
 * peer sends what another would refuse.
 */

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export type Bounds = {
  /** UTF-8 bytes of the whole text. */
  readonly bytes_max: number;
  /** Depth of nested arrays and objects. */
  readonly nesting_max: number;
};

/** Parses an object. Returns null if it is too long, too deep, not UTF-8, not JSON, or not an object. Never throws. */
export function parseObject(bytes: Uint8Array, { bytes_max, nesting_max }: Bounds): JsonObject | null {
  if (bytes.length > bytes_max || nestingOf(bytes) > nesting_max) return null;
  let value: Json;
  try {
    value = JSON.parse(UTF8.decode(bytes)) as Json;
  } catch {
    // Neither TextDecoder nor JSON.parse can report an error without throwing.
    return null;
  }
  return isObject(value) ? value : null;
}

/**
 * Serializes a value. Throws a TypeError for a value that is not JSON (undefined, a function, a bigint, a cycle), and a
 * RangeError for one that exceeds the bounds.
 */
export function stringify(value: unknown, { bytes_max, nesting_max }: Bounds): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`${typeof value} is not a JSON value`);
  const bytes = Buffer.from(text);
  if (bytes.length > bytes_max) throw new RangeError(`${bytes.length} bytes of JSON exceed the ${bytes_max} allowed`);
  const nesting = nestingOf(bytes);
  if (nesting > nesting_max) throw new RangeError(`JSON nested ${nesting} deep exceeds the ${nesting_max} allowed`);
  return text;
}

/** An own property only, never an inherited one. */
export const own = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** No multi-byte UTF-8 sequence contains an ASCII byte, so single bytes can be compared. */
function nestingOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (quoted) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}
