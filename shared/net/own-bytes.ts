/**
 * Bytes that are kept. Node cuts small Buffers from blocks of 64 KiB (`Buffer.poolSize`), and one Buffer in use keeps its
 * whole block in memory, so what stays longer than an event is copied into its own.
 */
export const ownBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

/** Both in one array, which shares its memory with no other. */
export function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
