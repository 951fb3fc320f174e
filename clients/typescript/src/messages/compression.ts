/**
 * Raw deflate (RFC 1951) of whole messages, where both ends agreed. What comes is inflated only when the game reads it,
 * and never beyond the longest message.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { COMPRESS_FROM_BYTES, COMPRESS_LEVEL, MESSAGE_BYTES_MAX } from "./limits.ts";

/** The shorter form, or null where there is none. */
export function deflated(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < COMPRESS_FROM_BYTES) return null;
  const short = deflateRawSync(bytes, { level: COMPRESS_LEVEL });
  return short.length < bytes.length ? short : null;
}

/** What was deflated; null where it is no deflate, or more than a message may be. */
export function inflated(bytes: Uint8Array): Uint8Array | null {
  try {
    return inflateRawSync(bytes, { maxOutputLength: MESSAGE_BYTES_MAX });
  } catch {
    // zlib has no other way to say so.
    return null;
  }
}
