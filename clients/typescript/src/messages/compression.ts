/**
 * Raw deflate (RFC 1951) of whole messages, if both sides support it. A received message is inflated only when the game
 * reads it, and never beyond the longest message.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import {
  COMPRESS_FROM_BYTES,
  COMPRESS_LEVEL,
  COMPRESS_SAMPLE_BYTES,
  COMPRESS_SAMPLE_MAX,
  MESSAGE_BYTES_MAX,
} from "./limits.ts";

/** Returns null if the result is not shorter. */
export function deflate(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < COMPRESS_FROM_BYTES) return null;
  const level = COMPRESS_LEVEL;
  const sample = bytes.subarray(0, COMPRESS_SAMPLE_BYTES);
  // Pictures, sounds and compressed data show it from the beginning.
  if (sample.length < bytes.length && deflateRawSync(sample, { level }).length > COMPRESS_SAMPLE_MAX) return null;
  const short = deflateRawSync(bytes, { level });
  return short.length < bytes.length ? short : null;
}

/** Returns null if the bytes are no deflate stream, or exceed the longest message. */
export function inflate(bytes: Uint8Array): Uint8Array | null {
  try {
    return inflateRawSync(bytes, { maxOutputLength: MESSAGE_BYTES_MAX });
  } catch {
    // zlib reports an error only by throwing.
    return null;
  }
}
