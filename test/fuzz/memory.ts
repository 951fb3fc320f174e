/** The memory of a deployment's processes, after garbage collections. */

/**
 * Bytes. `heap`: what the garbage collector kept, and external buffers. `resident`: what the system has given, without
 * the pages that the heap has free.
 */
type ProcessMemory = { readonly heap: number; readonly resident: number };
export type Memory = { readonly sidecar: ProcessMemory; readonly hub: ProcessMemory };

/** What the counted inputs may add to each of the four. */
export const GROWTH_BYTES_MAX = 10_000_000;
/** What a part of the warm-up may add to each heap when the tables are full. */
const FLAT_BYTES_MAX = 2_000_000;

export const FIELDS = [
  ["sidecar heap", ({ sidecar }) => sidecar.heap],
  ["sidecar resident", ({ sidecar }) => sidecar.resident],
  ["hub heap", ({ hub }) => hub.heap],
  ["hub resident", ({ hub }) => hub.resident],
] as const satisfies readonly (readonly [name: string, of: (memory: Memory) => number])[];

export const isFlat = (before: Memory, now: Memory): boolean =>
  [now.sidecar.heap - before.sidecar.heap, now.hub.heap - before.hub.heap].every((bytes) => bytes < FLAT_BYTES_MAX);

/**
 * The state after these measurements. What the system has given falls and rises by tens of MB with the garbage that waits,
 * so the least of several counts.
 */
export function settled(last: readonly Memory[]): Memory {
  const { sidecar, hub } = last.at(-1)!;
  return {
    sidecar: { heap: sidecar.heap, resident: Math.min(...last.map((one) => one.sidecar.resident)) },
    hub: { heap: hub.heap, resident: Math.min(...last.map((one) => one.hub.resident)) },
  };
}

export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

export const grown = (before: Memory, now: Memory): string =>
  FIELDS.map(([name, of]) => `${megabytes(of(now) - of(before))} MB ${name}`).join(", ");
