/**
 * JSON with bounds: what strangers send is measured before it is parsed, and what we send is measured the same way, so
 * that nobody sends what the other side would refuse.
 */

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export type Bounds = {
  /** UTF-8 bytes of the whole text. */
  readonly bytes_max: number;
  /** Arrays and objects inside each other. */
  readonly nesting_max: number;
};

/** The object that the bytes are, or null: too long, too deep, not UTF-8, not JSON, or no object. Never throws. */
export function parseObject(bytes: Uint8Array, { bytes_max, nesting_max }: Bounds): JsonObject | null {
  if (bytes.length > bytes_max || nestingOf(bytes) > nesting_max) return null;
  let value: Json;
  try {
    value = JSON.parse(UTF8.decode(bytes)) as Json;
  } catch {
    // Neither UTF-8 nor JSON: there is no other way to ask.
    return null;
  }
  return isObject(value) ? value : null;
}

/**
 * The JSON text of a value. Throws a TypeError where it is no JSON value (undefined, a function, a bigint, a circle)
 * and a RangeError where it is larger or deeper than the bounds.
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

/** A key's value, never one that every object inherits. */
export const own = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How deep the brackets go. No multi-byte UTF-8 sequence contains an ASCII byte, so bytes may be looked at singly. */
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
