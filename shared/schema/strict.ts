/**
 * Decodes what a client of the API sends, over HTTP and in the event stream: I-JSON (RFC 7493) whose keys are all known.
 * Every fault is reported, so that one answer shows a developer all of them.
 */
import { type Decoder, decodeValue, type Fault } from "./decode.ts";
import { faultsOf } from "./faults.ts";
import { faultOf } from "./ijson.ts";

export type Strict<T> = { readonly value: T } | { readonly errors: readonly Fault[] };

/** Parses a text of at most `length_max` characters. */
export function parseJson(json: string, length_max: number): Strict<unknown> {
  if (json.length > length_max) return whole(`at most ${length_max} characters expected`);
  try {
    return { value: JSON.parse(json) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return whole("JSON expected");
    throw error;
  }
}

/** Decodes the value that `json` was parsed to. */
export function decodeStrictly<T>(json: string, parsed: unknown, decoder: Decoder<T>, depth_max: number): Strict<T> {
  const errors = faultsOf(parsed, decoder.schema);
  if (errors.length > 0) return { errors };
  const fault = faultOf(json, depth_max);
  if (fault !== null) return whole(fault);
  const decoded = decodeValue(parsed, "", decoder);
  return decoded.ok ? { value: decoded.value } : { errors: [decoded.fault] };
}

const whole = (message: string): Strict<never> => ({ errors: [{ pointer: "", message }] });
